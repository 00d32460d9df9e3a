import { AsyncLocalStorage } from 'node:async_hooks';
import crypto from 'node:crypto';

import { trace, type Tracer } from '@opentelemetry/api';

import { randomHex } from '../../src/telemetry/http/random.ts';

/**
 * Runs a page as Next.js prerenders it, which gives it up at the first question for the time or for a random number:
 * answers with all that were asked, by the page and by whatever goes on from it. A span may ask when it starts.
 *
 * @see node_modules/next/dist/server/node-environment-extensions and instrumentation-node-extensions.js beside it
 */
export async function prerender(page: () => Promise<unknown>): Promise<readonly string[]> {
  const pages = new AsyncLocalStorage<string[]>();
  const note = (question: string): unknown => pages.getStore()?.push(question);
  const { now } = Date;
  const { random } = Math;
  const { randomUUID, randomBytes, randomFillSync } = crypto;
  const { crypto: webCrypto, Date: TrueDate } = globalThis;
  const getRandomValues = webCrypto.getRandomValues.bind(webCrypto);
  const provider = trace.getTracerProvider();
  const getTracer = provider.getTracer.bind(provider);
  Date.now = () => (note('Date.now()'), now());
  Math.random = () => (note('Math.random()'), random());
  crypto.randomUUID = (options) => (note('randomUUID()'), randomUUID(options));
  crypto.randomBytes = (size: number) => (note('randomBytes()'), randomBytes(size));
  crypto.randomFillSync = (bytes) => (note('randomFillSync()'), randomFillSync(bytes));
  webCrypto.randomUUID = () => (note('crypto.randomUUID()'), randomUUID());
  webCrypto.getRandomValues = (bytes) => (note('crypto.getRandomValues()'), getRandomValues(bytes));
  globalThis.Date = new Proxy(TrueDate, {
    construct: (date, given) => (given.length === 0 && note('new Date()'), Reflect.construct(date, given) as Date),
  });
  provider.getTracer = (...scope) => startingApart(getTracer(...scope), pages);
  const asked: string[] = [];
  try {
    await pages.run(asked, page);
    return asked;
  } finally {
    provider.getTracer = getTracer;
    globalThis.Date = TrueDate;
    Object.assign(crypto, { randomUUID, randomBytes, randomFillSync });
    Object.assign(webCrypto, { randomUUID, getRandomValues });
    Math.random = random;
    Date.now = now;
  }
}

function startingApart(tracer: Tracer, pages: AsyncLocalStorage<string[]>): Tracer {
  return {
    startSpan: (...span) =>
      pages.exit(() => {
        const started = tracer.startSpan(...span);
        // All that is drawn in advance, so that who wants more has to ask.
        randomHex(4096);
        return started;
      }),
    startActiveSpan: tracer.startActiveSpan.bind(tracer),
  };
}
