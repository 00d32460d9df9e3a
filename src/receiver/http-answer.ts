import type { ServerResponse } from 'node:http';

import { jsonText } from './json.ts';

/** An HTTP response as data, so that deciding it and sending it are two steps. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export function jsonAnswer(status: number, body: object, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: jsonText(body) };
}

/** Sends an answer; a sender that has gone away is not an error. */
export function sendAnswer(response: ServerResponse, answer: HttpAnswer): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
  response.end(answer.body);
}
