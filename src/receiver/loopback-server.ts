import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { sendAnswer } from './http-answer.ts';
import { listen } from './listen.ts';

/** An HTTP server only this machine can reach. */
export interface LoopbackServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Stops listening and ends every connection, idle or not. Safe to call twice. */
  close(): Promise<void>;
}

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const HOST = '127.0.0.1';
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than an exporter waits between two batches, or it would find its kept socket closed in its hands. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** Starts a server on 127.0.0.1; port 0 takes a free one. Rejects with one sentence when the port cannot be had. */
export async function listenOnLoopback(port: number, handle: RequestHandler): Promise<LoopbackServer> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS },
    (request, response) => {
      handle(request, response).catch(() => {
        // One bad request must not take the server down with it.
        if (response.headersSent) response.destroy();
        else sendAnswer(response, { status: 500, headers: {}, body: '' });
      });
    },
  );
  const address = await listen(server, port, HOST);
  let closed: Promise<void> | undefined;
  return {
    port: address.port,
    origin: `http://${HOST}:${address.port}`,
    close() {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closed;
    },
  };
}
