import { context as contextApi, type Attributes } from '@opentelemetry/api';
import type { Span, SpanProcessor } from '@opentelemetry/sdk-trace-node';

import { sealLabels } from '../content/seal.ts';
import { guard } from '../guard.ts';
import { frameOf, type RunFrame } from '../run-frame.ts';
import {
  FAULTLINE_RUN_ID,
  GEN_AI_AGENT_NAME,
  GEN_AI_CONVERSATION_ID,
  GEN_AI_OPERATION_NAME,
  OPERATIONS,
  SCOPE_NAME,
} from '../semconv.ts';
import { foreignAttributes } from './dialects/foreign-spans.ts';
import { startProcessor } from './start-processor.ts';

/**
 * Writes on the model calls, tools and agents that other instrumentations start inside of a run which conversation and
 * run they belong to, and on model calls and tools which agent: a dashboard of one agent or conversation has their
 * tokens only by that. What an instrumentation says itself stays.
 *
 * Some say what a span is only once it has started, as those of OpenInference do.
 */
export function createRunNamesProcessor(): SpanProcessor {
  const untold = new WeakMap<object, RunFrame>();
  return {
    ...startProcessor((span, context) => {
      guard(() => {
        if (span.instrumentationScope.name === SCOPE_NAME) return;
        const frame = frameOf(context) ?? frameOf(contextApi.active());
        if (frame !== undefined && !addNames(span, frame)) untold.set(span, frame);
      });
    }),
    onEnding(span) {
      const frame = untold.get(span);
      if (frame !== undefined) guard(() => addNames(span, frame));
    },
  };
}

/** Whether the span has said by now that it is something of a model. */
function addNames(span: Span, { said, content }: RunFrame): boolean {
  const told = foreignAttributes(span);
  const operation = told[GEN_AI_OPERATION_NAME];
  if (operation === undefined) return false;
  const names: Attributes = {};
  if (said.runId !== undefined) names[FAULTLINE_RUN_ID] = said.runId;
  const { agent, conversationId } = said;
  if (conversationId !== undefined && told[GEN_AI_CONVERSATION_ID] === undefined) {
    names[GEN_AI_CONVERSATION_ID] = conversationId;
  }
  const isPartOfAgent = operation !== OPERATIONS.agent.operationName && operation !== 'create_agent';
  if (agent !== undefined && isPartOfAgent && told[GEN_AI_AGENT_NAME] === undefined) names[GEN_AI_AGENT_NAME] = agent;
  span.setAttributes(names);
  sealLabels(span, '', names, content.secretsRedactor);
  return true;
}
