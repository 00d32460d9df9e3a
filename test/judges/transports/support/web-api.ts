import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readAll } from 'node:stream/consumers';

import { onTestFinished } from 'vitest';

/** A call of Slack's Web API. */
export interface WebApiCall {
  readonly method: string;
  readonly args: Readonly<Record<string, string>>;
}

export interface WebApi {
  readonly origin: string;
  /** The calls that show something, in order. */
  readonly calls: readonly WebApiCall[];
}

/** A loopback stand-in for the few methods the transport and Bolt call. An app-level token is `refused` with this error. */
export async function startWebApi(refused?: string): Promise<WebApi> {
  const calls: WebApiCall[] = [];
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const method = (request.url ?? '').split('/').at(-1) ?? '';
      const args = Object.fromEntries(new URLSearchParams(await readAll(request)));
      if (method.startsWith('chat.')) calls.push({ method, args });
      const body =
        refused === undefined || method !== 'apps.connections.open'
          ? { ok: true, user_id: 'U0BOT', bot_id: 'B0BOT', team_id: 'T1', ts: `1700000000.00000${calls.length}` }
          : { ok: false, error: refused };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    answer().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}
