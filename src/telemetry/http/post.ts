import type * as http from 'node:http';

import { setImmediate } from '../real-time.ts';
import { systemClock } from './clock.ts';
import type { Connection } from './connection.ts';
import { ProxyError, unreachableProxy } from './proxy-error.ts';

/** Where requests go, and how. */
export interface PostTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connection: Connection;
  /** Longest time from the start of a request to the end of its answer. */
  readonly timeoutMs: number;
}

/** What became of a request. */
export type Answer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: http.IncomingHttpHeaders;
      /** The answer in its own words, which may be cut. */
      readonly body: Uint8Array;
      /** Whether the body came to its end. */
      readonly isComplete: boolean;
    }
  | { readonly kind: 'timeout' }
  /** The connection could not be made, or broke off. */
  | {
      readonly kind: 'broken';
      readonly error: Error;
      /**
       * Whether the connection was kept from an earlier request. It had most likely been closed since, which only the
       * next request on it learns, and a new one may do at once.
       */
      readonly wasKept?: boolean;
    };

/** An answer says what it has to say in less; of an endless one no more than this is read. */
export const MAX_ANSWER_BYTES: number = 64 * 1024;

/**
 * Posts a body. Never rejects. The request does not keep the process alive: whoever waits for it must.
 *
 * It is made of `node:http` and not of `fetch`, because `fetch` cannot be told to take connections that can all be
 * closed at once.
 */
export function post(target: PostTarget, body: Uint8Array): Promise<Answer> {
  return start(target, body).catch((error: unknown) => ({
    kind: 'broken',
    error: error instanceof Error ? error : new Error('the request could not be made'),
  }));
}

/** Whether an answer comes from something that is no telemetry server: those answer with data or nothing. */
export function isWebPage(answer: Answer): boolean {
  return answer.kind === 'answered' && /^\s*text\/html\b/i.test(answer.headers['content-type'] ?? '');
}

function start(target: PostTarget, body: Uint8Array): Promise<Answer> {
  return new Promise((resolve) => {
    const { askedProxy } = target.connection;
    const outgoing = target.connection.request(target.headers);
    let response: http.IncomingMessage | undefined;
    const chunks: Uint8Array[] = [];
    let left = MAX_ANSWER_BYTES;
    // The time without traffic, which Node can watch, never passes when a server sends a byte now and then.
    // A process that was suspended, or busy, may have the answer without having read it: that comes after timers.
    const stopWaiting = systemClock.after(target.timeoutMs, () => setImmediate(giveUp));
    const giveUp = (): void => {
      settle({ kind: 'timeout' });
      outgoing.destroy();
    };
    /** What was answered counts, also when the rest of it never comes. */
    const settle = (otherwise: Answer): void => {
      stopWaiting();
      if (response === undefined) return resolve(otherwise);
      const { statusCode: status = 0, headers } = response;
      // Only a proxy answers this, and it was asked in place of the server.
      if (askedProxy !== undefined && status === 407) {
        return resolve({ kind: 'broken', error: new ProxyError(askedProxy, { kind: 'refused', status }) });
      }
      const isComplete = response.complete && left >= 0;
      resolve({ kind: 'answered', status, headers, body: Buffer.concat(chunks), isComplete });
    };

    outgoing.on('socket', (socket) => socket.unref());
    outgoing.on('response', (incoming) => {
      response = incoming;
      incoming.on('data', (chunk: Uint8Array) => {
        chunks.push(chunk.subarray(0, Math.max(left, 0)));
        left -= chunk.length;
        if (left < 0) outgoing.destroy();
      });
      incoming.on('error', () => {});
      incoming.on('close', () => settle(WITHOUT_ANSWER));
    });
    outgoing.on('error', (error) => {
      const isProxys = askedProxy !== undefined && 'code' in error;
      const { reusedSocket: wasKept } = outgoing;
      settle({ kind: 'broken', error: isProxys ? unreachableProxy(askedProxy, error) : error, wasKept });
    });
    // An answer that is no answer, such as an upgrade, closes the connection without an error. Of a real one there
    // may still be something to read.
    outgoing.on('close', () => {
      if (response === undefined) settle(WITHOUT_ANSWER);
    });
    outgoing.end(body);
  });
}

const WITHOUT_ANSWER: Answer = { kind: 'broken', error: new Error('the connection was closed without an answer') };
