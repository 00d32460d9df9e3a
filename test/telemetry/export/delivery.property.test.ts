import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { decodeTraceRequest } from '../../../src/receiver/otlp.ts';
import type { DeliveryResult } from '../../../src/telemetry/export/delivery-result.ts';
import { createOtlpExporter } from '../../../src/telemetry/export/otlp-exporter.ts';
import { createRetryingExporter } from '../../../src/telemetry/export/retrying-exporter.ts';
import { sizeOf } from '../../../src/telemetry/export/span-size.ts';
import { createSplittingExporter } from '../../../src/telemetry/export/splitting-exporter.ts';
import { createConnection } from '../../../src/telemetry/http/connection.ts';
import { hurriedClock } from '../http/clocks.ts';
import { destinationAt, exported, someSpans } from './exporting.ts';
import { fc } from '../../support/properties.ts';

/** What a server does with one request. Of `kept` ones it has the spans. */
type Behaviour =
  | { readonly kind: 'kept'; readonly status: number; readonly rejected: number; readonly limits?: string }
  | { readonly kind: 'kept without an answer'; readonly how: 'reset' | 'hang' }
  | {
      readonly kind: 'not kept';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    };

const BEHAVIOUR: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.record({
    kind: fc.constant('kept' as const),
    status: fc.constantFrom(200, 202, 204),
    rejected: fc.constant(0),
    limits: fc.constantFrom('', '60:span:key', '60:error:key', 'x:y'),
  }),
  fc.record({ kind: fc.constant('kept' as const), status: fc.constant(200), rejected: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    kind: fc.constant('kept without an answer' as const),
    how: fc.oneof({ weight: 5, arbitrary: fc.constant('reset' as const) }, fc.constant('hang' as const)),
  }),
  fc.record({
    kind: fc.constant('not kept' as const),
    status: fc.constantFrom(400, 401, 404, 408, 413, 415, 429, 500, 501, 503, 307),
    headers: fc.constantFrom({}, ...['0', '-5', 'soon', '40', '99999999'].map((after) => ({ 'retry-after': after }))),
    body: fc.constantFrom('', '{}', '<html>', '\u0000'),
  }),
  fc.record({
    kind: fc.constant('not kept' as const),
    status: fc.constant(200),
    headers: fc.constant({ 'content-type': 'text/html' }),
    body: fc.constant('<html>Please log in</html>'),
  }),
  fc.record({
    kind: fc.constant('not kept' as const),
    status: fc.constant(200),
    headers: fc.constant({}),
    body: fc.string({ minLength: 1 }).map((text) => `!${text}`),
  }),
);

/** The plan of the run, and what the server has: every span by its id, as often as it came. */
let plan: Behaviour[] = [];
let kept = new Map<string, number>();
const sockets = new Set<Socket>();

const server = createServer((request, response) => {
  void buffer(request).then((body) => {
    const behaviour: Behaviour = plan.shift() ?? { kind: 'kept', status: 200, rejected: 0 };
    if (behaviour.kind === 'not kept') {
      return response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body);
    }
    const spans = decodeTraceRequest(body, 'json');
    const rejected = behaviour.kind === 'kept' ? Math.min(behaviour.rejected, spans.length) : 0;
    for (const { spanId } of spans.slice(rejected)) kept.set(spanId, (kept.get(spanId) ?? 0) + 1);
    if (behaviour.kind === 'kept without an answer') {
      return behaviour.how === 'reset' ? request.socket.resetAndDestroy() : undefined;
    }
    const headers = behaviour.limits === undefined ? {} : { 'x-sentry-rate-limits': behaviour.limits };
    const answer = rejected === 0 ? '' : JSON.stringify({ partialSuccess: { rejectedSpans: String(rejected) } });
    return response.writeHead(behaviour.status, headers).end(answer);
  });
});
server.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('error', () => {}).on('close', () => sockets.delete(socket));
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const SPANS = someSpans(24, 500);

it('whatever a server does, every export ends, and every span is where its result says', async () => {
  const property = fc.asyncProperty(
    fc.array(BEHAVIOUR, { maxLength: 12 }),
    fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 3 }),
    async (behaviours, sizes) => {
      plan = [...behaviours];
      kept = new Map();
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
      const connection = createConnection({ url });
      const otlp = createOtlpExporter(destinationAt(url, { timeoutMs: 40 }), connection);
      const exporter = createRetryingExporter(createSplittingExporter(otlp, { sizeOf }), {
        host: 'sentry.test',
        retryForMs: 3_000_000,
        clock: hurriedClock(),
      });
      let from = 0;
      const batches = sizes.map((size) => SPANS.slice(from, (from += size)));
      const results = await Promise.all(batches.map((batch) => exported(exporter, batch)));
      connection.abort();
      for (const [index, result] of results.entries()) checkResult(batches[index] ?? [], result);
      const { possibleDuplicates } = exporter.history;
      const duplicates = [...kept.values()].reduce((total, times) => total + times - 1, 0);
      expect(duplicates).toBeLessThanOrEqual(possibleDuplicates);
    },
  );
  await fc.assert(property, { numRuns: 150, interruptAfterTimeLimit: 4_000 });
});

function checkResult(batch: readonly ReadableSpan[], result: DeliveryResult): void {
  const { accepted, rejected, undecided, failure, code } = result;
  expect(accepted + rejected + undecided.length).toBe(batch.length);
  expect(undecided.every((span) => batch.includes(span))).toBe(true);
  expect(new Set(undecided).size).toBe(undecided.length);
  expect(failure === undefined).toBe(accepted === batch.length);
  expect(code).toBe(failure === undefined ? 0 : 1);
  const arrived = batch.filter((span) => kept.has(span.spanContext().spanId));
  // What was accepted is there, and nothing else is lost: what is not there is rejected or undecided.
  expect(arrived.length).toBeGreaterThanOrEqual(accepted);
  expect(batch.length - arrived.length).toBeLessThanOrEqual(rejected + undecided.length);
  expect(failure?.sentence ?? 'said').not.toBe('');
}
