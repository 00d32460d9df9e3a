import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that takes whatever it is sent. */
export interface Capture {
  /** `http://127.0.0.1:<port>/` */
  readonly url: string;
  readonly tracesUrl: string;
  /** The bodies of the requests, as they came. */
  readonly bodies: readonly Buffer[];
  readonly close: () => Promise<void>;
}

export async function startCapture(): Promise<Capture> {
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks));
      response.setHeader('content-type', request.headers['content-type'] ?? '').end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    tracesUrl: `http://127.0.0.1:${port}/v1/traces`,
    bodies,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
