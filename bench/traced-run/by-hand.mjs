import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

import { AGENT, callModel, callTool, MODEL, TURNS } from './script.mjs';

/**
 * The agent traced by hand with the OpenTelemetry API: the same spans with the same attributes, written
 * for this one agent and this one provider, without a helper it does not need.
 *
 * Attributes are literals although the shared ones repeat: V8 builds a literal that adds to a spread object a
 * hundred times slower, and a slow baseline would flatter us.
 */
export function createHandWritten(price) {
  const tracer = trace.getTracer('by-hand');

  return (failingTool) => {
    const totals = { turns: 0, toolErrors: 0, input: 0, output: 0, cached: 0, reasoning: 0, cost: 0 };
    const runId = newRunId();
    const attributes = {
      'gen_ai.agent.name': AGENT.name,
      'gen_ai.conversation.id': AGENT.conversationId,
      'faultline.run.id': runId,
      'gen_ai.operation.name': 'invoke_agent',
      'sentry.op': 'gen_ai.invoke_agent',
      'faultline.depth': 0,
      'gen_ai.agent.description': AGENT.description,
    };
    return tracer.startActiveSpan(`agent.invoke ${AGENT.name}`, { attributes }, async (span) => {
      try {
        let response;
        for (const turn of TURNS) {
          let chat;
          ({ response, chat } = await tracedModelCall(turn, runId, totals));
          for (const call of response.toolCalls) {
            try {
              await tracedToolCall(call, failingTool, runId, totals, chat);
            } catch {
              // The model would be told, and the run goes on.
            }
          }
        }
        return response.id;
      } catch (error) {
        recordError(span, error, 'conversation.unhandled');
        throw error;
      } finally {
        span.setAttributes({
          'faultline.turns': totals.turns,
          'faultline.fallbacks': 0,
          'faultline.tool_errors': totals.toolErrors,
          'faultline.memory_failed': false,
          'faultline.usage.input_tokens': totals.input,
          'faultline.usage.output_tokens': totals.output,
          'faultline.usage.cache_read.input_tokens': totals.cached,
          'faultline.usage.reasoning.output_tokens': totals.reasoning,
          'faultline.cost_usd.total': totals.cost,
        });
        span.end();
      }
    });
  };

  function tracedModelCall(turn, runId, totals) {
    const attributes = {
      'gen_ai.agent.name': AGENT.name,
      'gen_ai.conversation.id': AGENT.conversationId,
      'faultline.run.id': runId,
      'faultline.depth': 0,
      'gen_ai.operation.name': 'chat',
      'sentry.op': 'gen_ai.chat',
      'gen_ai.provider.name': MODEL.provider,
      'gen_ai.request.model': MODEL.name,
      'server.address': MODEL.host,
      'server.port': MODEL.port,
      'gen_ai.request.temperature': MODEL.temperature,
      'gen_ai.request.max_tokens': MODEL.maxTokens,
    };
    return tracer.startActiveSpan(`chat ${MODEL.name}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
      try {
        const response = await callModel(turn);
        const { usage } = response;
        const tokens = {
          inputTokens: usage.prompt_tokens,
          outputTokens: usage.completion_tokens,
          cacheReadTokens: usage.prompt_tokens_details.cached_tokens,
          reasoningTokens: usage.completion_tokens_details.reasoning_tokens,
        };
        const cost = price({ provider: MODEL.provider, models: [response.model, MODEL.name], usage: tokens });
        span.setAttributes({
          'gen_ai.response.id': response.id,
          'gen_ai.response.model': response.model,
          'gen_ai.response.finish_reasons': [response.finishReason],
          'gen_ai.usage.input_tokens': tokens.inputTokens,
          'gen_ai.usage.output_tokens': tokens.outputTokens,
          'gen_ai.usage.cache_read.input_tokens': tokens.cacheReadTokens,
          'gen_ai.usage.reasoning.output_tokens': tokens.reasoningTokens,
          'gen_ai.cost.total_tokens': cost.totalUsd,
          'gen_ai.cost_usd': cost.totalUsd,
          'gen_ai.cost.input_tokens': cost.inputUsd,
          'gen_ai.cost.output_tokens': cost.outputUsd,
        });
        totals.turns += 1;
        totals.input += tokens.inputTokens;
        totals.output += tokens.outputTokens;
        totals.cached += tokens.cacheReadTokens;
        totals.reasoning += tokens.reasoningTokens;
        totals.cost += cost.totalUsd;
        return { response, chat: span.spanContext() };
      } catch (error) {
        recordError(span, error);
        throw error;
      } finally {
        span.end();
      }
    });
  }

  function tracedToolCall(call, failingTool, runId, totals, chat) {
    const attributes = {
      'gen_ai.agent.name': AGENT.name,
      'gen_ai.conversation.id': AGENT.conversationId,
      'faultline.run.id': runId,
      'faultline.depth': 0,
      'gen_ai.operation.name': 'execute_tool',
      'sentry.op': 'gen_ai.execute_tool',
      'gen_ai.tool.name': call.name,
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.call.id': call.id,
      'gen_ai.tool.description': call.description,
    };
    const parent = trace.setSpanContext(context.active(), chat);
    return tracer.startActiveSpan(`execute_tool ${call.name}`, { attributes }, parent, async (span) => {
      try {
        const result = await callTool(call, failingTool);
        span.setAttribute('gen_ai.tool.call.result.size', result.length);
        return result;
      } catch (error) {
        totals.toolErrors += 1;
        recordError(span, error, 'tool.execution');
        throw error;
      } finally {
        span.end();
      }
    });
  }
}

function recordError(span, error, point) {
  span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  span.setAttribute('error.type', error.name);
  span.recordException(error);
  if (point !== undefined) span.setAttribute('faultline.failure.point', point);
}

function newRunId() {
  return Math.floor(Math.random() * 0x1_0000_0000)
    .toString(16)
    .padStart(8, '0');
}
