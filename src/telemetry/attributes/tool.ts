import type { Attributes } from '@opentelemetry/api';

import type { Redactor } from '../content/redactor.ts';
import {
  GEN_AI_OPERATION_NAME,
  GEN_AI_TOOL_CALL_ID,
  GEN_AI_TOOL_DESCRIPTION,
  GEN_AI_TOOL_NAME,
  GEN_AI_TOOL_TYPE,
  OPERATIONS,
  SENTRY_OP,
} from '../semconv.ts';
import { textOf } from './text.ts';

/** One tool call as it is known before it starts. */
export interface ToolDescription {
  readonly name: string;
  /** `function` (default), `extension` or `datastore`. */
  readonly type?: string | undefined;
  /** The id the model gave the call. */
  readonly callId?: string | undefined;
  readonly description?: string | undefined;
}

/** Adds what an `execute_tool` span says at its creation. */
export function toolAttributes(tool: ToolDescription, attributes: Attributes, { label }: Redactor): Attributes {
  attributes[GEN_AI_OPERATION_NAME] = OPERATIONS.tool.operationName;
  attributes[SENTRY_OP] = OPERATIONS.tool.sentryOp;
  const name = textOf(tool.name);
  if (name !== undefined) attributes[GEN_AI_TOOL_NAME] = label(name, GEN_AI_TOOL_NAME);
  const type = textOf(tool.type);
  attributes[GEN_AI_TOOL_TYPE] = type === undefined ? 'function' : label(type, GEN_AI_TOOL_TYPE);
  const callId = textOf(tool.callId);
  if (callId !== undefined) attributes[GEN_AI_TOOL_CALL_ID] = label(callId, GEN_AI_TOOL_CALL_ID);
  const description = textOf(tool.description);
  if (description !== undefined) attributes[GEN_AI_TOOL_DESCRIPTION] = label(description, GEN_AI_TOOL_DESCRIPTION);
  return attributes;
}
