import { traceAgent, traceChat, traceTool } from '../../dist/telemetry/spans.js';
import { AGENT, callModel, callTool, MODEL, TURNS } from './script.mjs';

/** The agent traced with Faultline's helpers, as the documentation shows them. */
export function runWithFaultline(failingTool) {
  return traceAgent(AGENT, async () => {
    let response;
    for (const turn of TURNS) {
      response = await tracedModelCall(turn);
      for (const call of response.toolCalls) {
        try {
          await tracedToolCall(call, failingTool);
        } catch {
          // The model would be told, and the run goes on.
        }
      }
    }
    return response.id;
  });
}

function tracedModelCall(turn) {
  return traceChat(
    {
      model: MODEL.name,
      provider: MODEL.provider,
      request: { temperature: MODEL.temperature, maxTokens: MODEL.maxTokens },
      server: { address: MODEL.host, port: MODEL.port },
    },
    async (span) => {
      const response = await callModel(turn);
      span.record({
        id: response.id,
        model: response.model,
        finishReasons: [response.finishReason],
        usage: response.usage,
      });
      return response;
    },
  );
}

function tracedToolCall(call, failingTool) {
  return traceTool({ name: call.name, callId: call.id, description: call.description }, async (span) => {
    const result = await callTool(call, failingTool);
    span.record({ resultBytes: result.length });
    return result;
  });
}
