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
  /** Resolves once something that is shown says this. */
  shows(text: string): Promise<void>;
}

/** A loopback stand-in for the few methods the transport and Bolt call. `openConnection` answers `apps.connections.open`. */
export async function startWebApi(openConnection: () => object = () => ({ ok: true })): Promise<WebApi> {
  const calls: WebApiCall[] = [];
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  const tell = (): void => {
    for (const { text, resolve } of waiting) if (calls.some(({ args }) => args['text'] === text)) resolve();
  };
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const method = (request.url ?? '').split('/').at(-1) ?? '';
      const args = Object.fromEntries(new URLSearchParams(await readAll(request)));
      if (method.startsWith('chat.')) calls.push({ method, args });
      tell();
      const body =
        method === 'apps.connections.open'
          ? openConnection()
          : { ok: true, user_id: 'U0BOT', bot_id: 'B0BOT', team_id: 'T1', ts: `1700000000.00000${calls.length}` };
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
  const shows = (text: string): Promise<void> =>
    new Promise((resolve) => {
      waiting.push({ text, resolve });
      tell();
    });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls, shows };
}
