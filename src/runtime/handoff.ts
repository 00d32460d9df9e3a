/** Handing a conversation over: the model calls a tool, and another agent answers in the place of this one. */
import { addUsage } from '../telemetry/attributes/usage.ts';
import type { RunContext } from '../telemetry/context.ts';
import { GEN_AI_TRANSFER_MODE, GEN_AI_TRANSFER_TARGET_NAME } from '../telemetry/semconv.ts';
import { agentToolName } from './agent-tool.ts';
import { HandoffTakenError } from './errors.ts';
import type { CallSurroundings } from './attempt.ts';
import type { ToolCall } from './models/answer.ts';
import type { Agent, AgentEvent, RunResult, Tool } from './types.ts';
import { requireMethod, requireObjects } from './validate.ts';

/** The agents a run may hand its conversation to. */
export interface Handoffs {
  /** `transfer_to_{agent}` for each. */
  readonly tools: readonly Tool[];
  /** Whether one of these calls will hand the conversation over. */
  among(calls: readonly ToolCall[]): boolean;
  /** The agent that has the conversation now, once the model has decided. */
  target(): Agent | undefined;
}

/** Opens the way from an agent to others, for one run: the first one the model names has the conversation. */
export function openHandoffs(from: string, agents: readonly Agent[]): Handoffs {
  requireObjects('handoffs', `agent ${from}`, agents);
  for (const [index, agent] of agents.entries()) requireMethod(`handoffs[${index}] of agent ${from}`, agent, 'run');
  let target: Agent | undefined;
  const tools = agents.map((agent): Tool => ({
    name: agentToolName('transfer_to', agent),
    description:
      `Hands the conversation over to ${agent.name}, who answers from here on. ${agent.description ?? ''}`.trim(),
    jsonSchema: { type: 'object', properties: {}, additionalProperties: false },
    // https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/non-normative/examples-agent-interactions.md
    attributes: { [GEN_AI_TRANSFER_TARGET_NAME]: agent.name, [GEN_AI_TRANSFER_MODE]: 'pass_control' },
    execute: () => {
      if (target !== undefined) throw new HandoffTakenError(target.name);
      target = agent;
      return `${agent.name} has the conversation.`;
    },
  }));
  const names = new Set(tools.map(({ name }) => name));
  return {
    tools,
    among: (calls) => calls.some(({ name, problem }) => names.has(name) && problem === undefined),
    target: () => target,
  };
}

/** Has another agent answer the conversation as it is. What both have done is the result of the run. */
export async function handOver(run: HandingRun, target: Agent, soFar: RunSoFar): Promise<RunResult> {
  const { context, stream, signal } = run;
  run.emit({ type: 'handoff', from: context.agent, to: target.name });
  const result = await target.run(soFar.messages, {
    conversationId: context.conversationId,
    stream,
    signal,
    onEvent: (event) => {
      if (!isOfTheRun(event)) run.emit(event);
    },
  });
  const whole: RunResult = {
    ...result,
    turns: soFar.turns + result.turns,
    usage: addUsage(soFar.usage, result.usage),
    fallbacks: soFar.fallbacks + result.fallbacks,
    toolErrors: soFar.toolErrors + result.toolErrors,
    memoryFailed: soFar.memoryFailed || result.memoryFailed,
  };
  // It may have handed the conversation over again.
  answeredBy.set(whole, holderOf(result) ?? target);
  return whole;
}

/** Beside the result, because that is for people and the agent is not. */
const answeredBy = new WeakMap<RunResult, Agent>();

/** The agent that has the conversation after a run; undefined when it was not handed over. */
export function holderOf(result: RunResult): Agent | undefined {
  return answeredBy.get(result);
}

/** The run that hands over. */
interface HandingRun extends Pick<CallSurroundings, 'stream' | 'signal' | 'emit'> {
  readonly context: RunContext & { readonly agent: string };
}

/** What a run has done before it is handed over. */
type RunSoFar = Pick<RunResult, 'messages' | 'turns' | 'usage' | 'fallbacks' | 'toolErrors' | 'memoryFailed'>;

/** To whoever listens it is one run, which begins and ends once. */
function isOfTheRun({ type }: AgentEvent): boolean {
  return type.startsWith('run.');
}
