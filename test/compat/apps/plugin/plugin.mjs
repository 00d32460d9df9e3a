/** A library of the application's, which brings a copy of Faultline of its own. */
import { setImmediate } from 'node:timers/promises';

import { traceAgent, traceChat, traceTool } from 'faultline';

export { setupTracing, traceAgent } from 'faultline';

export async function lookUp() {
  await traceChat({ model: 'gpt-5-mini', provider: 'openai' }, async (chat) => {
    await setImmediate();
    chat.record({ finishReasons: ['tool-calls'], usage: { inputTokens: 9, outputTokens: 2 } });
  });
  await traceTool({ name: 'ask_guide' }, () => traceAgent({ name: 'guide' }, () => setImmediate()));
}
