import { callModel, callTool, TURNS } from './script.mjs';

/** The agent without any tracing. */
export async function runUntraced(failingTool) {
  let response;
  for (const turn of TURNS) {
    response = await callModel(turn);
    for (const call of response.toolCalls) {
      try {
        await callTool(call, failingTool);
      } catch {
        // The model would be told, and the run goes on.
      }
    }
  }
  return response.id;
}
