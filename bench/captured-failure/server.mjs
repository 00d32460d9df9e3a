/** Takes traces and Issues in a thread of its own, and tells on request how many Issues came since it was last asked. */
import { createServer } from 'node:http';
import { parentPort } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';

let issues = 0;

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    if (request.url.includes('/envelope/')) issues += countEvents(Buffer.concat(chunks), request.headers);
    response.setHeader('content-type', 'application/json').end('{}');
  });
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
parentPort.on('message', () => {
  parentPort.postMessage(issues);
  issues = 0;
});

/** A Sentry SDK sends its traces in envelopes as well. */
function countEvents(body, headers) {
  const envelope = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  return envelope.toString().split('\n{"type":"event"').length - 1;
}
