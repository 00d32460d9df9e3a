import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Has a server listen; port 0 takes a free one. Rejects with one sentence when the port cannot be had. */
export async function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`Expected port to be an integer from 0 to 65535, got ${port}.`);
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(explain(error, port, host), { cause: error }));
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`The server on ${host} has no port.`);
  return address;
}

function explain({ code, message }: NodeJS.ErrnoException, port: number, host: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is already in use: stop the program that has it, or choose another port.`;
    case 'EACCES':
      return `Port ${port} on ${host} needs more rights than this process has.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine: 127.0.0.1 or 0.0.0.0 are.`;
    default:
      return `Port ${port} on ${host} cannot be listened on: ${message}.`;
  }
}
