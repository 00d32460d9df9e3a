import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';

import { errorType } from '../telemetry/linked-errors.ts';
import { traceTool } from '../telemetry/spans.ts';
import type { RunContext } from '../telemetry/context.ts';
import { defined } from './defined.ts';
import { InvalidToolArgumentsError, ToolNotFoundError, ToolTimeoutError } from './errors.ts';
import type { ToolCall } from './models/answer.ts';
import { openScope, untilAborted } from './signals.ts';
import type { Time } from './time.ts';
import { requireNoReport, writeResult } from './tool-output.ts';
import type { AgentEvent, JsonSchema, Message, Tool, ToolContext, ToolOutput, ToolResultPart } from './types.ts';
import { kindOf, requireMethod, requireTimeoutOrNone, requireToolName, shownToolName } from './validate.ts';

// --- Defining a tool

/** What `defineTool` makes a tool of. */
export interface ToolDefinition<Schema extends StandardSchemaV1> {
  /** Letters, digits, `_` and `-`, at most 64: what every vendor accepts. */
  readonly name: string;
  readonly description?: string | undefined;
  /** Any Standard Schema: Zod, ArkType, Valibot and others. Its root must be an object. */
  readonly input: Schema;
  /**
   * Needed for a schema that cannot turn itself into JSON Schema, as Zod cannot before 4.2 and in `zod/mini`, and
   * Valibot without `toStandardJsonSchema`; wins over one that can.
   */
  readonly jsonSchema?: JsonSchema | undefined;
  /** Longest one call may take; `Infinity`: as long as it needs. Default: `toolTimeoutMs` of the run. */
  readonly timeoutMs?: number | undefined;
  readonly attributes?: Tool['attributes'] | undefined;
  execute(input: StandardSchemaV1.InferOutput<Schema>, context: ToolContext): unknown;
}

/** Defines a tool whose arguments are validated before `execute` sees them. */
export function defineTool<Schema extends StandardSchemaV1>(
  definition: ToolDefinition<Schema>,
): Tool<StandardSchemaV1.InferOutput<Schema>> {
  const { name, description, timeoutMs, attributes } = definition;
  requireToolName(name);
  requireTimeoutOrNone(`timeoutMs of tool ${name}`, timeoutMs);
  requireMethod(`tool ${name}`, definition, 'execute');
  requireSchema(name, definition.input);
  return {
    ...defined({ description, timeoutMs, attributes }),
    name,
    input: definition.input,
    jsonSchema: wireSchema(name, definition.input, definition.jsonSchema),
    execute: (input, context) => definition.execute(input, context),
  };
}

/** What stands there in place of one is often a JSON Schema, as other SDKs take it. */
function requireSchema(tool: string, input: unknown): void {
  if ((input as Partial<StandardSchemaV1> | null | undefined)?.['~standard'] !== undefined) return;
  throw new TypeError(
    `the input of tool ${tool} must be a Standard Schema, such as z.object({ city: z.string() }); got ${kindOf(input)}; ` +
      'a tool with a JSON Schema alone is { name, jsonSchema, execute }, without defineTool',
  );
}

/** The JSON Schema the model is told. Made here, so that a schema that has none fails at definition. */
function wireSchema(tool: string, schema: StandardSchemaV1, explicit: JsonSchema | undefined): JsonSchema {
  const jsonSchema = explicit ?? convertSchema(tool, schema);
  const type = jsonSchema['type'];
  if (type !== undefined && type !== 'object') {
    throw new TypeError(`the input of tool ${tool} must be an object; its schema says ${JSON.stringify(type)}`);
  }
  return jsonSchema;
}

function convertSchema(tool: string, schema: StandardSchemaV1): JsonSchema {
  const standard: StandardSchemaV1.Props & Partial<StandardJSONSchemaV1.Props> = schema['~standard'];
  if (standard.jsonSchema === undefined) {
    throw new TypeError(`the ${standard.vendor} schema of tool ${tool} has no JSON Schema: pass jsonSchema as well`);
  }
  try {
    return standard.jsonSchema.input({ target: 'draft-07' });
  } catch (cause) {
    throw new TypeError(`the schema of tool ${tool} cannot be written as JSON Schema: pass jsonSchema as well`, {
      cause,
    });
  }
}

// --- Running the tools of a turn

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
