import * as http from 'node:http';
import * as https from 'node:https';

/** Where requests go, and how. */
export interface PostTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: http.Agent;
  /** Longest time from the start of a request to the end of its answer. */
  readonly timeoutMs: number;
}

/** What became of a request. */
export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly headers: http.IncomingHttpHeaders }
  | { readonly kind: 'timeout' }
  /** The connection could not be made, or broke off. */
  | { readonly kind: 'broken'; readonly error: Error };

/** An answer says everything in its status and headers; of an endless one no more than this is read. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Posts a body. Never rejects. The request does not keep the process alive: whoever waits for it must.
 *
 * It is made of `node:http` and not of `fetch`, because `fetch` cannot be told to take the connections of a
 * {@link PostTarget.agent}, which can all be closed at once.
 */
export function post(target: PostTarget, body: Uint8Array): Promise<Answer> {
  return start(target, body).catch((error: unknown) => ({
    kind: 'broken',
    error: error instanceof Error ? error : new Error('the request could not be made'),
  }));
}

function start({ url, headers, agent, timeoutMs }: PostTarget, body: Uint8Array): Promise<Answer> {
  return new Promise((resolve) => {
    const { request } = url.startsWith('https:') ? https : http;
    const outgoing = request(url, { method: 'POST', headers, agent });
    let answer: Answer = { kind: 'broken', error: new Error('the connection was closed without an answer') };
    // The time without traffic, which Node can watch, never passes when a server sends a byte now and then.
    const timer = setTimeout(() => {
      settle(answer.kind === 'answered' ? answer : { kind: 'timeout' });
      outgoing.destroy();
    }, timeoutMs).unref();
    const settle = (final: Answer): void => {
      clearTimeout(timer);
      resolve(final);
    };

    outgoing.on('socket', (socket) => socket.unref());
    outgoing.on('response', (response) => {
      answer = { kind: 'answered', status: response.statusCode ?? 0, headers: response.headers };
      let received = 0;
      response.on('data', (chunk: Uint8Array) => {
        received += chunk.length;
        if (received > MAX_ANSWER_BYTES) outgoing.destroy();
      });
      // What was answered counts, also when the rest of it never comes.
      response.on('error', () => {});
      response.on('close', () => settle(answer));
    });
    outgoing.on('error', (error) => settle(answer.kind === 'answered' ? answer : { kind: 'broken', error }));
    // An answer that is no answer, such as an upgrade, closes the connection without an error.
    outgoing.on('close', () => settle(answer));
    outgoing.end(body);
  });
}
