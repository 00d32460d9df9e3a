/** A server that takes OTLP requests, for processes whose parent waits for them. Prints its URL, and ends with its input. */
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{}'));
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/v1/traces`));
process.stdin.resume().on('end', () => process.exit());
