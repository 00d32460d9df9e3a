import type { AddressInfo, Server } from 'node:net';

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
