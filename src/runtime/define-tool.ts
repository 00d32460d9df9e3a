import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';

import { defined } from './defined.ts';
import type { JsonSchema, Tool, ToolContext } from './types.ts';
import { kindOf, requireMethod, requireTimeoutOrNone, requireToolName } from './validate.ts';

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
