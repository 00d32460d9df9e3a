import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PageServer {
  /** `http://localhost:port`, which to a browser is another site than `http://127.0.0.1`. */
  readonly origin: string;
  close(): Promise<void>;
}

/** Serves the page that asks agents, at every path, from an origin of its own. */
export async function startPageServer(): Promise<PageServer> {
  const page = readFileSync(new URL('../pages/asking.html', import.meta.url));
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(page);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, 'localhost', resolve);
  });
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
