import { request, type Agent, type IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  json(): unknown;
}

/** One request over node:http, which unlike fetch lets a test choose the Host header and send a broken body. */
export function send(url: string, { method = 'POST', headers = {}, body = '', agent }: Sent = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { method, headers, ...(agent === undefined ? {} : { agent }) }, (response) => {
      text(response).then(
        (answer) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: answer,
            json: (): unknown => JSON.parse(answer),
          }),
        reject,
      );
    });
    sending.on('error', reject);
    sending.end(body);
  });
}

export const JSON_TYPE = { 'content-type': 'application/json' };
export const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' };
