import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

import { afterAll, beforeAll } from 'vitest';

import { decodeTraceRequest } from '../../../src/receiver/otlp.ts';
import { fc } from '../../support/properties.ts';

/** What a server does with one request. Of `kept` ones it has the spans. */
export type Behaviour =
  | { readonly kind: 'kept'; readonly status: number; readonly rejected: number; readonly limits?: string }
  | { readonly kind: 'kept without an answer'; readonly how: 'reset' | 'hang' }
  | {
      readonly kind: 'not kept';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    };

/** Everything a server may do, and then some. */
export const BEHAVIOUR: fc.Arbitrary<Behaviour> = fc.oneof(
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

/** A server that does what it is told, and then takes everything. */
export interface PlannedServer {
  readonly url: string;
  /** The spans it has, by id, as often as each came. */
  readonly kept: ReadonlyMap<string, number>;
  /** Will do this from now on. */
  follow(plan: readonly Behaviour[]): void;
  /** Has no spans any more, and takes none that were sent before. Its URL is another one from now on. */
  forget(): void;
}

/** One server for all tests of a file: a property is tried often. */
export function plannedServer(): PlannedServer {
  let plan: Behaviour[] = [];
  let kept = new Map<string, number>();
  let round = 0;
  const sockets = new Set<Socket>();
  const pathNow = (): string => `/${round}/v1/traces`;
  const server = createServer((request, response) => {
    // A request that is forgotten while it comes in counts no more, nor does one that was given up before it came.
    const into = kept;
    if (request.url !== pathNow()) return void request.socket.destroy();
    void buffer(request).then(
      (body) => {
        const behaviour: Behaviour = plan.shift() ?? { kind: 'kept', status: 200, rejected: 0 };
        if (behaviour.kind === 'not kept') {
          return response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body);
        }
        const spans = decodeTraceRequest(body, 'json');
        const rejected = behaviour.kind === 'kept' ? Math.min(behaviour.rejected, spans.length) : 0;
        for (const { spanId } of spans.slice(rejected)) into.set(spanId, (into.get(spanId) ?? 0) + 1);
        if (behaviour.kind === 'kept without an answer') {
          return behaviour.how === 'reset' ? request.socket.resetAndDestroy() : undefined;
        }
        const headers = behaviour.limits === undefined ? {} : { 'x-sentry-rate-limits': behaviour.limits };
        const answer = rejected === 0 ? '' : JSON.stringify({ partialSuccess: { rejectedSpans: String(rejected) } });
        return response.writeHead(behaviour.status, headers).end(answer);
      },
      () => {},
    );
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
  return {
    get url() {
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathNow()}`;
    },
    get kept() {
      return kept;
    },
    follow(next) {
      plan = [...next];
    },
    forget() {
      round += 1;
      kept = new Map();
    },
  };
}
