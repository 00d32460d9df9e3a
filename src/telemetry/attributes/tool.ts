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

/** One tool call as it is known before it starts. */
export interface ToolDescription {
  readonly name: string;
  /** `function` (default), `extension` or `datastore`. */
  readonly type?: string;
  /** The id the model gave the call. */
  readonly callId?: string;
  readonly description?: string;
}

/** Adds what an `execute_tool` span says at its creation. */
export function toolAttributes(tool: ToolDescription, attributes: Attributes, { label }: Redactor): Attributes {
  attributes[GEN_AI_OPERATION_NAME] = OPERATIONS.tool.operationName;
  attributes[SENTRY_OP] = OPERATIONS.tool.sentryOp;
  attributes[GEN_AI_TOOL_NAME] = label(tool.name, GEN_AI_TOOL_NAME);
  attributes[GEN_AI_TOOL_TYPE] = tool.type === undefined ? 'function' : label(tool.type, GEN_AI_TOOL_TYPE);
  if (tool.callId !== undefined) attributes[GEN_AI_TOOL_CALL_ID] = label(tool.callId, GEN_AI_TOOL_CALL_ID);
  if (tool.description !== undefined) {
    attributes[GEN_AI_TOOL_DESCRIPTION] = label(tool.description, GEN_AI_TOOL_DESCRIPTION);
  }
  return attributes;
}
