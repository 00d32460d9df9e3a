/** An agent run inside a span of the application's own, and a span of the application's own inside a tool. */
import { setImmediate } from 'node:timers/promises';

import { trace } from '@opentelemetry/api';
import { traceAgent, traceChat, traceTool } from 'faultline/spans';

export async function trip() {
  const shop = trace.getTracer('shop');
  await shop.startActiveSpan('GET /trip', async (request) => {
    await traceAgent({ name: 'helper' }, async () => {
      await traceChat({ model: 'gpt-5-mini', provider: 'openai' }, async (chat) => {
        await setImmediate();
        chat.record({ finishReasons: ['tool-calls'], usage: { inputTokens: 9, outputTokens: 2 } });
      });
      await traceTool({ name: 'get_weather' }, async () => {
        await setImmediate();
        shop.startSpan('GET forecast').end();
        throw new Error('the weather service is down');
      }).catch(() => {});
    });
    request.end();
  });
}
