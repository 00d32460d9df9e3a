import type { SpanContext } from '@opentelemetry/api';
import type { StandardSchemaV1 } from '@standard-schema/spec';

import { getRunContext, withRunContext } from '../telemetry/context.ts';
import { errorType } from '../telemetry/failure.ts';
import { GEN_AI_TRANSFER_MODE, GEN_AI_TRANSFER_TARGET_NAME } from '../telemetry/semconv.ts';
import { traceAgent, type AgentSpan } from '../telemetry/spans.ts';
import { messageContent } from './content.ts';
import { defined } from './defined.ts';
import { RunTimeoutError } from './errors.ts';
import { createEventQueue, guardedListener } from './events.ts';
import { runLoop, type LoopSettings } from './loop.ts';
import { resolveMemory } from './memory/recall.ts';
import { createCandidate, type Candidate } from './models/candidate.ts';
import { openScope, untilAborted } from './signals.ts';
import { systemTime, type Time } from './time.ts';
import type {
  Agent,
  AgentEvent,
  AgentOptions,
  Message,
  RunInput,
  RunOptions,
  RunResult,
  RunStream,
  Tool,
} from './types.ts';
import { requireCount, requireTimeout, requireToolName } from './validate.ts';

/** Creates an agent. Throws when an option is wrong; models known by name are loaded when first asked. */
export function createAgent(options: AgentOptions): Agent {
  return createAgentWith(systemTime, options);
}

/** `createAgent` with a say in how time passes. */
export function createAgentWith(time: Time, options: AgentOptions): Agent {
  const definition = defineAgent(options);
  const agent: Agent = {
    ...defined({ description: definition.description }),
    name: definition.name,
    run: (input, runOptions = {}) =>
      startRun(definition, input, runOptions, time, guardedListener(runOptions.onEvent)).result,
    stream: (input, runOptions = {}) => streamRun(definition, input, runOptions, time),
    asTool: (toolOptions = {}) => agentTool(agent, toolOptions),
  };
  return agent;
}

/** An agent's options, checked, with every default in place. */
interface AgentDefinition extends LoopSettings {
  readonly name: string;
  readonly description: string | undefined;
  readonly candidates: readonly Candidate[];
  readonly shouldFallback: AgentOptions['shouldFallback'];
  readonly timeoutMs: number | undefined;
  readonly captureContent: AgentOptions['captureContent'];
}

function defineAgent(options: AgentOptions): AgentDefinition {
  const { name, description, instructions, models, memory, timeoutMs, modelTimeoutMs, shouldFallback } = options;
  const { settings = {}, maxTurns = 20, maxRetries = 1, toolConcurrency = Infinity, captureContent } = options;
  if (name === '') throw new TypeError('an agent must have a name; got an empty one');
  if (models.length === 0) throw new TypeError(`agent ${name} must have at least one model; got none`);
  requireCount(`maxTurns of agent ${name}`, maxTurns, 1);
  requireCount(`toolConcurrency of agent ${name}`, toolConcurrency, 1);
  requireTimeout(`timeoutMs of agent ${name}`, timeoutMs);
  const defaults = { settings, maxRetries, timeoutMs: modelTimeoutMs };
  return {
    name,
    description,
    instructions,
    candidates: models.map((model) => createCandidate(model, defaults)),
    shouldFallback,
    tools: toolsByName(name, options.tools ?? []),
    toolConcurrency,
    memory: memory === undefined ? undefined : resolveMemory(memory),
    maxTurns,
    timeoutMs,
    captureContent,
  };
}

function toolsByName(agent: string, tools: readonly Tool[]): ReadonlyMap<string, Tool> {
  const byName = new Map<string, Tool>();
  for (const tool of tools) {
    requireToolName(tool.name);
    if (byName.has(tool.name)) throw new TypeError(`agent ${agent} has two tools called ${tool.name}`);
    byName.set(tool.name, tool);
  }
  return byName;
}

interface StartedRun {
  readonly result: Promise<RunResult>;
  readonly abort: (reason?: unknown) => void;
}

/**
 * Starts a run inside its `agent.invoke` span. The caller's wish to stop and the run's deadline are two
 * scopes, one inside the other, because only the first is no failure.
 */
function startRun(
  agent: AgentDefinition,
  input: RunInput,
  options: RunOptions,
  time: Time,
  emit: (event: AgentEvent) => void,
): StartedRun {
  const { timeoutMs } = agent;
  const caller = openScope(options.signal, time);
  const whole = openScope(
    caller.signal,
    time,
    timeoutMs === undefined ? undefined : { ms: timeoutMs, onExpired: () => new RunTimeoutError(timeoutMs) },
  );
  const { name, description, candidates, shouldFallback } = agent;
  const runId = getRunContext()?.runId ?? newRunId();
  const known = defined({ user: options.user, conversationId: options.conversationId });
  /** Everything said on the way to the answer, once there is one. */
  let said: readonly Message[] = [];
  const { captureContent = agent.captureContent } = options;
  const span = {
    ...defined({ description, captureContent }),
    name,
    runId,
    signal: caller.signal,
    input: () => input,
    withhold: () => messageContent(said),
  };
  let traceId: string | undefined;

  const inSpan = async (handle: AgentSpan): Promise<RunResult> => {
    const spanContext = validContext(handle.span.spanContext());
    traceId = spanContext?.traceId;
    whole.signal.throwIfAborted();
    emit({ type: 'run.start', runId, ...defined({ spanContext }) });
    const result = await runLoop({
      ...agent,
      chain: { candidates, shouldFallback, position: 0, fallbacks: 0 },
      context: { ...known, agent: name, runId, depth: 0, ...getRunContext() },
      history: options.history,
      input,
      traceId,
      callerSignal: caller.signal,
      signal: whole.signal,
      stream: options.stream ?? false,
      time,
      emit,
    });
    said = result.messages;
    handle.record({ output: () => result.text });
    const { deliver } = options;
    if (deliver !== undefined) await untilAborted(whole.signal, () => deliver(result));
    return result;
  };

  const execute = async (): Promise<RunResult> => {
    try {
      const result = await withRunContext(known, () => traceAgent(span, inSpan));
      emit({ type: 'run.end', result });
      return result;
    } catch (error) {
      const { aborted } = caller.signal;
      emit({ type: 'run.error', errorType: errorType(error), aborted, ...defined({ traceId }) });
      throw error;
    } finally {
      whole.close();
      caller.close();
    }
  };
  return { result: execute(), abort: caller.abort };
}

function streamRun(agent: AgentDefinition, input: RunInput, options: RunOptions, time: Time): RunStream {
  const queue = createEventQueue(() => {
    run.abort(new DOMException('the reader of the run left before its end', 'AbortError'));
  });
  const listen = guardedListener(options.onEvent);
  const emit = (event: AgentEvent): void => {
    queue.push(event);
    listen(event);
  };
  const run: StartedRun = startRun(agent, input, { stream: true, ...options }, time, emit);
  // Whoever only reads the events has `run.error`; for them the rejection is not an unhandled one.
  run.result.then(queue.end, queue.end);
  return { result: run.result, abort: run.abort, [Symbol.asyncIterator]: () => queue.reader };
}

/** An agent as a tool. The span of its run hangs below the span of the tool call by itself. */
function agentTool(
  agent: Agent,
  options: { readonly name?: string; readonly description?: string },
): Tool<{ readonly task: string }> {
  const name = options.name ?? `ask_${agent.name.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, '_')}`.slice(0, 64);
  return {
    name,
    description: options.description ?? agent.description ?? `Hands a task to the agent ${agent.name}.`,
    input: TASK,
    jsonSchema: {
      type: 'object',
      properties: { task: { type: 'string', description: 'The task, with all that is needed to do it.' } },
      required: ['task'],
      additionalProperties: false,
    },
    attributes: { [GEN_AI_TRANSFER_TARGET_NAME]: agent.name, [GEN_AI_TRANSFER_MODE]: 'return_to_caller' },
    execute: async ({ task }, { signal }) => (await agent.run(task, { signal })).text,
  };
}

const TASK: StandardSchemaV1<unknown, { readonly task: string }> = {
  '~standard': {
    version: 1,
    vendor: 'faultline',
    validate: (value) => {
      const task = (value as { task?: unknown } | null)?.task;
      return typeof task === 'string'
        ? { value: { task } }
        : { issues: [{ message: 'a string is needed', path: ['task'] }] };
    },
  },
};

/** Without a registered tracer provider spans have a context of zeros, which names nothing. */
function validContext(context: SpanContext): SpanContext | undefined {
  return /^0*$/.test(context.traceId) ? undefined : context;
}

/** Eight hexadecimal digits: enough to tell the runs of a process apart in a log line. */
function newRunId(): string {
  return globalThis.crypto.randomUUID().slice(0, 8);
}
