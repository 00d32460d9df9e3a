/** Running the tools a model asks for in one turn. */
import type { StandardSchemaV1 } from '@standard-schema/spec';

import { errorType } from '../telemetry/linked-errors.ts';
import { traceTool } from '../telemetry/spans.ts';
import type { RunContext } from '../telemetry/context.ts';
import { InvalidToolArgumentsError, ToolNotFoundError, ToolTimeoutError } from './errors.ts';
import type { ToolCall } from './models/answer.ts';
import { openScope, untilAborted } from './signals.ts';
import type { Time } from './time.ts';
import { requireNoReport, writeResult } from './tool-output.ts';
import type { AgentEvent, JsonSchema, Message, Tool, ToolContext, ToolOutput, ToolResultPart } from './types.ts';
import { shownToolName } from './validate.ts';

/** What the calls of one turn share. */
export interface ToolRun {
  readonly tools: ReadonlyMap<string, Tool>;
  readonly toolConcurrency: number;
  readonly toolTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly time: Time;
  readonly context: RunContext;
  readonly messages: readonly Message[];
  readonly emit: (event: AgentEvent) => void;
}

export interface ToolOutcome {
  readonly result: ToolResultPart;
  readonly isError: boolean;
}

/**
 * Runs the tool calls of one turn, `toolConcurrency` at a time, and gives their outcomes in call order. A call
 * that fails is an outcome like any other: the model is told, and may do better. Rejects only when the run
 * is aborted, and then not before every call has let go.
 */
export async function executeToolCalls(calls: readonly ToolCall[], run: ToolRun): Promise<readonly ToolOutcome[]> {
  const outcomes: ToolOutcome[] = [];
  const waiting = calls.entries();
  const work = async (): Promise<void> => {
    // The workers share the iterator, so each call is taken once, in order.
    for (const [index, call] of waiting) {
      if (run.signal.aborted) return;
      outcomes[index] = await executeToolCall(call, run);
    }
  };
  await Promise.all(Array.from({ length: Math.min(run.toolConcurrency, calls.length) }, work));
  run.signal.throwIfAborted();
  return outcomes;
}

async function executeToolCall(call: ToolCall, run: ToolRun): Promise<ToolOutcome> {
  const { id, name } = call;
  const tool = run.tools.get(name);
  const startedAt = run.time.elapsed();
  run.emit({ type: 'tool.start', id, name, input: call.input });
  let output: ToolOutput;
  try {
    const { description, attributes } = tool ?? {};
    output = await traceTool(
      {
        name: shownToolName(name),
        description,
        attributes,
        callId: id,
        signal: run.signal,
        arguments: () => call.input,
      },
      async (span) => {
        if (tool === undefined) throw new ToolNotFoundError(name, run.tools.keys());
        const { output, bytes } = writeResult(name, await callTool(tool, call, run));
        span.record({ resultBytes: bytes, result: () => output.value });
        requireNoReport(name, output);
        return output;
      },
    );
  } catch (error) {
    output = { type: 'error-text', value: errorText(error) };
  }
  const isError = output.type === 'error-text';
  run.emit({ type: 'tool.end', id, name, isError, durationMs: run.time.elapsed() - startedAt });
  return { result: { type: 'tool-result', toolCallId: id, toolName: name, output }, isError };
}

/** Validates the arguments and calls the tool, which is left behind when it outlives its time or the run. */
async function callTool(tool: Tool, call: ToolCall, run: ToolRun): Promise<unknown> {
  const { name, timeoutMs = run.toolTimeoutMs } = tool;
  const scope = openScope(run.signal, run.time, { ms: timeoutMs, onExpired: (ms) => new ToolTimeoutError(name, ms) });
  const context: ToolContext = { signal: scope.signal, toolCallId: call.id, run: run.context, messages: run.messages };
  try {
    // A schema may take its time as well.
    const input = await untilAborted(scope.signal, () => validArguments(tool, call));
    return await untilAborted(scope.signal, () => tool.execute(input, context));
  } finally {
    scope.close();
  }
}

async function validArguments(tool: Tool, call: ToolCall): Promise<unknown> {
  if (call.problem !== undefined) throw new InvalidToolArgumentsError(tool.name, call.problem);
  if (tool.input === undefined) return call.input;
  const result = await tool.input['~standard'].validate(call.input);
  if (result.issues === undefined) return result.value;
  const places = result.issues.map(({ path }) => knownPath(path, tool.jsonSchema)).filter((place) => place !== '');
  const problem = `do not fit its schema${places.length === 0 ? '' : ` at ${[...new Set(places)].join(', ')}`}`;
  const issues = result.issues.map(({ path, message }) => `${segmentsOf(path).join('.') || 'input'}: ${message}`);
  throw new InvalidToolArgumentsError(tool.name, problem, issues);
}

/** Where an issue is, in names of the schema: any other name in it was made up by the model, and is content. */
function knownPath(path: StandardSchemaV1.Issue['path'], jsonSchema: JsonSchema): string {
  const schema = JSON.stringify(jsonSchema);
  const isKnown = (name: string): boolean => /^\d{1,9}$/.test(name) || schema.includes(`${JSON.stringify(name)}:`);
  return segmentsOf(path)
    .map((name) => (isKnown(name) ? name : '*'))
    .join('.');
}

function segmentsOf(path: StandardSchemaV1.Issue['path']): readonly string[] {
  return (path ?? []).map((segment) => String(typeof segment === 'object' ? segment.key : segment));
}

/** Longest error text a model is told: enough to learn from, too little to fill its context. */
const MAX_ERROR_TEXT = 2_000;

function errorText(error: unknown): string {
  const message = messageOf(error);
  const issues = error instanceof InvalidToolArgumentsError ? error.issues.map((issue) => `\n- ${issue}`) : [];
  return `${errorType(error)}: ${message}${issues.join('')}`.slice(0, MAX_ERROR_TEXT);
}

/** What was thrown, as text. Anything can be thrown, also what cannot be turned into text. */
function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return `a thrown ${typeof error} that cannot be written as text`;
  }
}
