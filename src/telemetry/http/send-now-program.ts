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

function libraryFor(url) {
  return url.startsWith('https:') ? require('node:https') : require('node:http');
}

function agentFor(library, tls, proxy) {
  const key = JSON.stringify([library === require('node:https'), tls, proxy]);
  if (!agents.has(key)) {
    const agent = new library.Agent({ keepAlive: true, maxSockets: 6, ...tls });
    if (proxy !== undefined) agent.createConnection = (options, callback) => openTunnel(proxy, options, callback);
    agents.set(key, agent);
  }
  return agents.get(key);
}

function authorizationFor({ authorization }) {
  return authorization === undefined ? {} : { 'proxy-authorization': authorization };
}

function openTunnel(proxy, options, callback) {
  const authority = (options.host.includes(':') ? '[' + options.host + ']' : options.host) + ':' + options.port;
  const headers = { host: authority, ...authorizationFor(proxy) };
  const connecting = libraryFor(proxy.url).request(proxy.url, {
    method: 'CONNECT',
    path: authority,
    headers,
    agent: false,
    timeout: timeoutMs,
  });
  connecting.on('timeout', () => connecting.destroy());
  connecting.on('connect', ({ statusCode }, socket) => {
    if (statusCode >= 200 && statusCode < 300) {
      return callback(null, require('node:tls').connect({ ...options, path: undefined, socket }));
    }
    socket.destroy();
    callback(new Error());
  });
  connecting.on('error', callback);
  connecting.end();
}

function start({ url, headers, tls, proxy }) {
  if (proxy === undefined || url.startsWith('https:')) {
    const library = libraryFor(url);
    return library.request(url, { method: 'POST', headers, agent: agentFor(library, tls, proxy) });
  }
  const library = libraryFor(proxy.url);
  return library.request(proxy.url, {
    method: 'POST',
    path: url,
    headers: { ...headers, host: new URL(url).host, ...authorizationFor(proxy) },
    agent: agentFor(library),
  });
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

requests.forEach((given, index) => {
  let status = 0;
  try {
    const request = start(given);
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
    request.end(inWorker ? given.body : Buffer.from(given.body, 'base64'));
  } catch {
    settle(index, 0);
  }
});
`;
