import type { SpanContext } from '@opentelemetry/api';

import { getRunContext, runIdAround, withRunContext } from '../telemetry/context.ts';
import { errorType } from '../telemetry/linked-errors.ts';
import { traceAgent, type AgentSpan } from '../telemetry/spans.ts';
import { agentTool } from './agent-tool.ts';
import { messageContent } from './content.ts';
import { defined } from './defined.ts';
import { BudgetExceededError, MaxDepthError, RunLimitError, RunTimeoutError } from './errors.ts';
import { createEventQueue, guardedListener } from './events.ts';
import { openHandoffs } from './handoff.ts';
import { resolveLimits, type ResolvedLimits } from './limits.ts';
import { createLineage, withLineage } from './lineage.ts';
import { runLoop, type LoopSettings } from './loop.ts';
import { resolveMemory } from './memory/recall.ts';
import { createCandidate, type Candidate } from './models/candidate.ts';
import { createRunLog } from './run-log.ts';
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
import {
  kindOf,
  requireList,
  requireMethod,
  requireObjects,
  requireTimeoutOrNone,
  requireToolName,
} from './validate.ts';

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
    run: async (input, runOptions = {}) =>
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
  readonly limits: ResolvedLimits;
  readonly handoffs: () => readonly Agent[];
  readonly captureContent: AgentOptions['captureContent'];
}

function defineAgent(options: AgentOptions): AgentDefinition {
  const { name, description, instructions, models, memory, modelTimeoutMs, shouldFallback } = options;
  const { settings = {}, maxRetries = 1, captureContent, tools = [], handoffs = [] } = options;
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`an agent must have a name; got ${name === '' ? 'an empty one' : kindOf(name)}`);
  }
  requireList(`models of agent ${name}`, models);
  requireObjects('tools', `agent ${name}`, tools);
  if (!['undefined', 'string', 'function'].includes(typeof instructions)) {
    throw new TypeError(`instructions of agent ${name} must be a text or a function; got ${kindOf(instructions)}`);
  }
  if (models.length === 0) throw new TypeError(`agent ${name} must have at least one model; got none`);
  // A list is checked now; one that is made later may speak of agents that are not there yet.
  if (typeof handoffs !== 'function') toolsByName(name, [...tools, ...openHandoffs(name, handoffs).tools]);
  const defaults = { settings, maxRetries, timeoutMs: modelTimeoutMs };
  return {
    name,
    description,
    instructions,
    candidates: models.map((model) => createCandidate(model, defaults)),
    shouldFallback,
    limits: resolveLimits(`agent ${name}`, options),
    tools: toolsByName(name, tools),
    handoffs: typeof handoffs === 'function' ? handoffs : () => handoffs,
    memory: memory === undefined ? undefined : resolveMemory(memory),
    captureContent,
  };
}

function toolsByName(agent: string, tools: readonly Tool[]): ReadonlyMap<string, Tool> {
  const byName = new Map<string, Tool>();
  for (const tool of tools) {
    requireToolName(tool.name);
    requireTimeoutOrNone(`timeoutMs of tool ${tool.name}`, tool.timeoutMs);
    requireMethod(`tool ${tool.name}`, tool, 'execute');
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
 * scopes, one inside the other, because running out of time is a failure, and being called off is none.
 */
function startRun(
  agent: AgentDefinition,
  input: RunInput,
  options: RunOptions,
  time: Time,
  listen: (event: AgentEvent) => void,
): StartedRun {
  const limits = resolveLimits(`a run of agent ${agent.name}`, options, agent.limits);
  const caller = openScope(options.signal, time);
  const whole = openScope(caller.signal, time, {
    ms: limits.timeoutMs,
    onExpired: (ms) => new RunTimeoutError(ms),
  });
  const { name, description, candidates, shouldFallback } = agent;
  const idAround = runIdAround();
  const known = defined({ user: options.user, conversationId: options.conversationId });
  const ownLog = options.onLog === undefined ? undefined : guardedListener(options.onLog, 'onLog');
  const lineage = createLineage({ context: { ...known, agent: name }, runId: idAround, limits, onLog: ownLog });
  const { onLog, budget, deepest } = lineage;
  let { context } = lineage;
  const { runId, depth } = context;
  /** Everything said on the way to the answer, once there is one. */
  let said: readonly Message[] = [];
  const { captureContent = agent.captureContent } = options;
  const span = {
    name,
    description,
    captureContent,
    // An id that is known around the run is no id of its own, and outlives it.
    runId: idAround === undefined ? runId : undefined,
    signal: caller.signal,
    input: () => input,
    withhold: () => messageContent(said),
  };
  let spanContext: SpanContext | undefined;
  const log = onLog === undefined ? undefined : createRunLog(time, onLog, () => ({ run: context, span: spanContext }));
  const emit = (event: AgentEvent): void => {
    log?.(event);
    listen(event);
  };

  const inSpan = async (handle: AgentSpan): Promise<RunResult> => {
    spanContext = validContext(handle.span.spanContext());
    context = { ...context, ...defined(getRunContext() ?? {}) };
    whole.signal.throwIfAborted();
    emit({ type: 'run.start', runId, ...defined({ spanContext }) });
    if (depth > deepest) throw new MaxDepthError(name, deepest);
    const handoffs = openHandoffs(name, agent.handoffs());
    const result = await runLoop({
      ...agent,
      ...limits,
      tools: toolsByName(name, [...agent.tools.values(), ...handoffs.tools]),
      handoffs,
      budget,
      chain: { candidates, shouldFallback, fallbacks: 0 },
      context,
      history: options.history,
      input,
      traceId: spanContext?.traceId,
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
      const result = await withLineage(lineage, () => withRunContext(known, () => traceAgent(span, inSpan)));
      emit({ type: 'run.end', result });
      return result;
    } catch (error) {
      const { aborted } = caller.signal;
      if (!aborted && error instanceof RunLimitError) emit(limitEvent(error));
      emit({ type: 'run.error', errorType: errorType(error), aborted, ...defined({ traceId: spanContext?.traceId }) });
      throw error;
    } finally {
      lineage.hasEnded = true;
      whole.close();
      caller.close();
    }
  };
  return { result: execute(), abort: caller.abort };
}

function limitEvent(error: RunLimitError): AgentEvent {
  const spent = error instanceof BudgetExceededError ? error.spent : undefined;
  return { type: 'run.limit', limit: error.limit, allowed: error.allowed, ...defined({ spent }) };
}

function streamRun(agent: AgentDefinition, input: RunInput, options: RunOptions, time: Time): RunStream {
  const queue = createEventQueue(() => {
    run.abort(new DOMException('the reader of the run left before its end', 'AbortError'));
    // Whoever leaves may shut tracing down next, or the process, and the spans are to have ended by then.
    return settled;
  });
  const listen = guardedListener(options.onEvent);
  const emit = (event: AgentEvent): void => {
    queue.push(event);
    listen(event);
  };
  const run: StartedRun = startRun(agent, input, { ...options, stream: options.stream ?? true }, time, emit);
  // Whoever only reads the events has `run.error`; for them the rejection is not an unhandled one.
  const settled = run.result.then(queue.end, queue.end);
  return { result: run.result, abort: run.abort, [Symbol.asyncIterator]: () => queue.reader };
}

/** Without a registered tracer provider spans have a context of zeros, which names nothing. */
function validContext(context: SpanContext): SpanContext | undefined {
  return /^0*$/.test(context.traceId) ? undefined : context;
}
