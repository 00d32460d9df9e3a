/**
 * The agent loop: what happens in a run, from the first message to the last answer.
 *
 * A run is a sequence of turns, and a turn is one answer of a model and the tools it asks for. Which model
 * answers is `chain.ts`, what one call of it is `attempt.ts`, how tools run is `tool-calls.ts`.
 */
import { addUsage, normalizeUsage, type TokenUsage } from '../telemetry/attributes/usage.ts';
import type { RunContext } from '../telemetry/context.ts';
import { addBeginning } from '../telemetry/current-scope.ts';
import type { CallSurroundings } from './attempt.ts';
import type { Budget } from './budget.ts';
import { askChain, candidateInUse, type Chain } from './chain.ts';
import { defined } from './defined.ts';
import { MaxTurnsError, RunLimitError } from './errors.ts';
import { handOver, type Handoffs } from './handoff.ts';
import { promptOf } from './memory/notes.ts';
import { recall, type Memory } from './memory/recall.ts';
import type { Candidate } from './models/candidate.ts';
import type { ModelAnswer } from './models/answer.ts';
import { modelName } from './models/prompt.ts';
import { readHistory, readInput } from './run-input.ts';
import { untilAborted } from './signals.ts';
import { executeToolCalls } from './tool-calls.ts';
import type { AgentOptions, Message, PartialAnswer, RunInput, RunOptions, RunResult, Tool } from './types.ts';

/** What an agent brings to all of its runs. */
export interface LoopSettings {
  readonly instructions: AgentOptions['instructions'];
  readonly tools: ReadonlyMap<string, Tool>;
  readonly memory: Memory | undefined;
}

/** One run of one agent. Everything the loop works with comes in here. */
export interface Run extends LoopSettings, CallSurroundings {
  readonly chain: Chain;
  readonly toolConcurrency: number;
  readonly toolTimeoutMs: number;
  readonly maxTurns: number;
  readonly budget: Budget;
  readonly handoffs: Handoffs;
  readonly history: RunOptions['history'];
  readonly input: RunInput;
  readonly context: RunContext & { readonly agent: string; readonly runId: string };
  readonly traceId: string | undefined;
}

/**
 * Takes turns until a model has nothing more to ask of the tools. Rejects with `AllModelsFailedError`,
 * a `RunLimitError`, the reason of the run's signal, or what a function of the application threw.
 */
export async function runLoop(run: Run): Promise<RunResult> {
  const progress: Progress = { partial: undefined, isHandedOver: false };
  try {
    return await takeTurns(run, progress);
  } catch (error) {
    // What the other agent had come to, if anything, is nearer to an answer.
    const isKept = progress.isHandedOver && error instanceof RunLimitError && error.partial !== undefined;
    if (!isKept) RunLimitError.keepPartial(error, progress.partial);
    throw error;
  }
}

/** How far a run has come. */
interface Progress {
  partial: PartialAnswer | undefined;
  isHandedOver: boolean;
}

async function takeTurns(run: Run, progress: Progress): Promise<RunResult> {
  const messages = await openConversation(run);
  const memory = await consultMemory(run, messages);
  const instructions = await instructionsOf(run);
  const system = systemPrompt(instructions, memory.notes);
  let usage: TokenUsage = {};
  let toolErrors = 0;

  for (let turn = 1; ; turn += 1) {
    run.signal.throwIfAborted();
    run.budget.requireSome();
    run.emit({ type: 'turn.start', turn, model: candidateInUse(run.chain).modelId });
    addBeginning('agent.turn', `turn ${turn}`);

    const { answer, candidate } = await askChain(run.chain, { system, instructions, messages, tools: run.tools }, run);
    const models = modelNames(answer, candidate);
    const turnUsage = normalizeUsage(answer.usage, candidate.provider, models) ?? {};
    usage = addUsage(usage, turnUsage);
    run.budget.spend({ provider: candidate.provider, models, usage: turnUsage, given: answer.usage });
    const asked = messages.slice();
    // Vendors refuse to be shown an empty answer again.
    if (answer.parts.length > 0) messages.push(assistantMessage(answer, candidate));
    progress.partial = { text: answer.text, messages, turns: turn, usage };

    const isFinal = answer.toolCalls.length === 0;
    if (!isFinal) {
      // Before the tools run: without a further turn, or another agent to answer, nobody would see what they did.
      if (turn >= run.maxTurns && !run.handoffs.among(answer.toolCalls)) throw new MaxTurnsError(run.maxTurns);
      run.budget.requireSome();
      const outcomes = await executeToolCalls(answer.toolCalls, { ...run, messages: asked });
      messages.push({ role: 'tool', content: outcomes.map((outcome) => outcome.result) });
      toolErrors += outcomes.filter((outcome) => outcome.isError).length;
    }
    run.emit({ type: 'turn.end', turn, usage: turnUsage });

    const target = run.handoffs.target();
    if (target !== undefined) {
      progress.isHandedOver = true;
      const { fallbacks } = run.chain;
      const soFar = { messages, turns: turn, usage, fallbacks, toolErrors, memoryFailed: memory.failed };
      return handOver(run, target, soFar);
    }

    if (isFinal) {
      return {
        ...defined({ traceId: run.traceId }),
        runId: run.context.runId,
        agent: run.context.agent,
        text: answer.text,
        finishReason: answer.finishReason,
        messages,
        model: candidate.modelId,
        turns: turn,
        usage,
        fallbacks: run.chain.fallbacks,
        toolErrors,
        memoryFailed: memory.failed,
      };
    }
  }
}

async function openConversation(run: Run): Promise<Message[]> {
  const { history = [], input, signal } = run;
  const earlier = typeof history === 'function' ? await untilAborted(signal, history) : history;
  return [...readHistory(earlier), ...readInput(input)];
}

/** Looks for memories that fit the last thing the user said. */
async function consultMemory(
  run: Run,
  messages: readonly Message[],
): Promise<{ readonly notes: string | undefined; readonly failed: boolean }> {
  const query = messages.findLast((message) => message.role === 'user')?.content ?? '';
  if (run.memory === undefined || query.trim() === '') return { notes: undefined, failed: false };

  const found = await recall(run.memory, query, run);
  const records = found.status === 'found' ? found.records : [];
  const failed = found.status === 'failed';
  run.emit({ type: 'memory.search', count: records.length, failed });
  return { notes: records.length === 0 ? undefined : promptOf(records), failed };
}

async function instructionsOf({ instructions, context, signal }: Run): Promise<string | undefined> {
  return typeof instructions === 'function' ? untilAborted(signal, () => instructions(context)) : instructions;
}

/** One system message, because some vendors take no more, and only at the start. */
function systemPrompt(instructions: string | undefined, notes: string | undefined): string | undefined {
  const parts = [instructions, notes].filter((part) => part !== undefined && part !== '');
  return parts.length === 0 ? undefined : parts.join('\n\n');
}

/** The model that says it answered goes before the one that was asked, as it is the one that is paid for. */
function modelNames({ model }: ModelAnswer, { modelId }: Candidate): readonly string[] {
  return model === undefined ? [modelId] : [model, modelId];
}

function assistantMessage(answer: ModelAnswer, writer: Candidate): Message {
  return { role: 'assistant', content: answer.parts, model: modelName(writer) };
}
