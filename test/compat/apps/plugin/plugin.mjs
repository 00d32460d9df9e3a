/** A library of the application's, which brings a copy of Faultline of its own. */
import { setImmediate } from 'node:timers/promises';

import { traceAgent, traceChat, traceTool } from 'faultline';

export { continueTrace, setupTracing, traceAgent } from 'faultline';

export async function lookUp() {
  await traceChat({ model: 'gpt-5-mini', provider: 'openai' }, async (chat) => {
    await setImmediate();
    chat.record({ finishReasons: ['tool-calls'], usage: { inputTokens: 9, outputTokens: 2 } });
  });
  await traceTool({ name: 'ask_guide' }, () => traceAgent({ name: 'guide' }, () => setImmediate()));
}

/** A tool that fails with what a provider answered, and one that quotes what it was asked. */
export async function fail() {
  const refused = Object.assign(new Error('too many of: marker-4711'), { status: 429 });
  const quoting = new RangeError('there is no "marker-4711 in the north"');
  const input = { city: 'marker-4711 in the north' };
  await traceTool({ name: 'get_news' }, () => Promise.reject(refused)).catch(() => {});
  await traceTool({ name: 'get_weather', arguments: () => input }, () => Promise.reject(quoting));
}

/** Asks two models, of which the first one fails. */
export async function ask() {
  const refused = Object.assign(new Error('too many'), { status: 429 });
  await traceChat({ model: 'gpt-5', provider: 'openai' }, () => Promise.reject(refused)).catch(() => {});
  await traceChat({ model: 'claude-haiku-4-5', provider: 'anthropic' }, () => setImmediate());
  throw refused;
}
