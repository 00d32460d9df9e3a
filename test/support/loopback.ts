import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

import { onTestFinished } from 'vitest';

/** Has a server listen on this machine until the test is over. Answers where: a host and a port. */
export async function listening(server: Server & { closeAllConnections?: () => void }): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A port at which nobody listens: it was free a moment ago. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
