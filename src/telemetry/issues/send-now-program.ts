/**
 * What a worker or a process of its own runs for `sendNow`: posts every request, and tells each status as it
 * comes.
 *
 * It is text, not a file beside this one, because a program may be bundled into one file; and not the text of
 * a function, because a compiler may have put calls of its own helpers into that.
 */
export const SEND_NOW_PROGRAM = `'use strict';
const { workerData } = require('node:worker_threads');

const inWorker = workerData !== null && workerData !== undefined;
const { requests, timeoutMs, shared } = inWorker ? workerData : JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const statuses = inWorker ? new Int32Array(shared) : undefined;
const agents = new Map();
let open = requests.length;

function agentFor(library) {
  if (!agents.has(library)) agents.set(library, new library.Agent({ keepAlive: true, maxSockets: 6 }));
  return agents.get(library);
}

function settle(index, status) {
  open -= 1;
  if (inWorker) {
    Atomics.store(statuses, index + 1, status);
    if (open > 0) return;
    Atomics.store(statuses, 0, 1);
    Atomics.notify(statuses, 0);
  } else {
    process.stdout.write(index + ' ' + status + '\\n');
    if (open === 0) for (const agent of agents.values()) agent.destroy();
  }
}

requests.forEach(({ url, headers, body }, index) => {
  let status = 0;
  try {
    const library = url.startsWith('https:') ? require('node:https') : require('node:http');
    const request = library.request(url, { method: 'POST', headers, agent: agentFor(library) });
    const timer = setTimeout(() => request.destroy(), timeoutMs);
    request.on('response', (response) => {
      status = response.statusCode;
      response.on('error', () => {}).resume();
    });
    request.on('error', () => {});
    request.on('close', () => {
      clearTimeout(timer);
      settle(index, status);
    });
    request.end(inWorker ? body : Buffer.from(body, 'base64'));
  } catch {
    settle(index, 0);
  }
});
`;
