import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { onTestFinished } from 'vitest';

import { loadPackage } from './packages.ts';
import { createSigns } from './signs.ts';
import { startWebApi, type WebApi } from './web-api.ts';

/** What is used of `ws`. */
interface WebSocketPackage {
  readonly WebSocketServer: new (options: { readonly port: number; readonly host: string }) => WebSocketServer;
}

interface WebSocketServer extends NodeJS.EventEmitter {
  readonly clients: ReadonlySet<WebSocketConnection>;
  address(): AddressInfo;
  close(): void;
}

interface WebSocketConnection extends NodeJS.EventEmitter {
  send(text: string): void;
  close(code?: number): void;
  terminate(): void;
}

/** An event as Slack sends it over a socket; sent again, it is another envelope around the same event. */
export interface Envelope {
  readonly id: string;
  readonly event: object;
  readonly eventId: string;
  /** Above 0 when Slack sends it again. */
  readonly retryAttempt?: number;
}

/** Slack, as an app in socket mode sees it: https://docs.slack.dev/apis/events-api/using-socket-mode */
export interface SocketModeSlack {
  readonly api: WebApi;
  /** Ids of envelopes in the order in which they were acknowledged. */
  readonly acknowledged: readonly string[];
  /** Resolves when the app has connected this often, and was greeted. */
  connected(times: number): Promise<void>;
  /** Sends an event over the newest connection, and resolves when the app has acknowledged it. */
  deliver(envelope: Envelope): Promise<void>;
  /** Asks the app to connect anew, as Slack does every few hours. */
  refresh(): void;
  /** Breaks the connection without a word. */
  drop(): void;
  /** Refuses connections from now on, or takes them again. */
  revoke(error: string | undefined): void;
}

/** Starts both halves of Slack: the Web API, and the socket that `apps.connections.open` names. */
export async function startSocketModeSlack(): Promise<SocketModeSlack> {
  const { WebSocketServer } = loadPackage('ws') as WebSocketPackage;
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const signs = createSigns();
  const acknowledged: string[] = [];
  let refusal: string | undefined;
  let newest: WebSocketConnection | undefined;
  let connections = 0;
  server.on('connection', (connection: WebSocketConnection) => {
    newest = connection;
    connections += 1;
    connection.on('message', (text: Buffer) => {
      const { envelope_id: id } = JSON.parse(text.toString()) as { readonly envelope_id: string };
      acknowledged.push(id);
      signs.give(`acknowledged ${id}`);
    });
    connection.send(JSON.stringify({ type: 'hello', num_connections: 1, connection_info: { app_id: 'A1' } }));
    signs.give(`connected ${connections}`);
  });
  onTestFinished(() => {
    for (const connection of server.clients) connection.terminate();
    server.close();
  });
  const api = await startWebApi(() =>
    refusal === undefined
      ? { ok: true, url: `ws://127.0.0.1:${server.address().port}/link` }
      : { ok: false, error: refusal },
  );
  return {
    api,
    acknowledged,
    connected: (times) => signs.given(`connected ${times}`),
    deliver: ({ id, event, eventId, retryAttempt = 0 }) => {
      const payload = { type: 'event_callback', team_id: 'T1', api_app_id: 'A1', event_id: eventId, event };
      const retry = { retry_attempt: retryAttempt, retry_reason: retryAttempt === 0 ? '' : 'timeout' };
      const envelope = { type: 'events_api', envelope_id: id, accepts_response_payload: false, ...retry, payload };
      newest!.send(JSON.stringify(envelope));
      return signs.given(`acknowledged ${id}`);
    },
    refresh: () => newest!.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' })),
    drop: () => newest!.terminate(),
    revoke: (error) => {
      refusal = error;
    },
  };
}
