import type { IncomingHttpHeaders } from 'node:http';

import { MAX_ANSWER_BYTES } from './post.ts';

/** What the program tells of one request. */
export interface Told {
  /** Which of the requests it is about. */
  readonly index: number;
  readonly answer?: {
    readonly status: number;
    readonly headers: IncomingHttpHeaders;
    /** From a process it comes in Base64. */
    readonly body: Uint8Array | string;
    readonly isComplete: boolean;
  };
  /** Why there is no answer. */
  readonly problem?: {
    /** A system error code. */
    readonly code: string | undefined;
    /** What is said besides: one code stands for much of what may go wrong in TLS. */
    readonly message: string | undefined;
    /** It was at the proxy; what that answered, if anything. */
    readonly isAtProxy: boolean;
    readonly proxyStatus: number | undefined;
  };
}

/**
 * What a worker or a process of its own runs for `sendNow`: posts every request, and tells what became of each. Of
 * what is not over when the time is up it tells nothing: it is ended from outside.
 *
 * It is text, not a file beside this one, because a program may be bundled into one file; and not the text of
 * a function, because a compiler may have put calls of its own helpers into that.
 */
export const SEND_NOW_PROGRAM: string = `'use strict';
const { workerData } = require('node:worker_threads');

const inWorker = workerData !== null && workerData !== undefined;
const { requests, timeoutMs, authorities, port, shared } = inWorker
  ? workerData
  : JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
if (authorities !== undefined) trust(authorities);
// Whoever started the process, and is to end it, may be gone by then.
if (!inWorker) setTimeout(() => process.exit(), timeoutMs).unref();
const agents = new Map();
let open = requests.length;

function trust(authorities) {
  const { getCACertificates, setDefaultCACertificates } = require('node:tls');
  const [given, usual] = [authorities, getCACertificates('default')].map((all) => new Set(all));
  // To choose them anew takes time, and those that OpenSSL has besides would not count any more: it tells none of them.
  if (given.size !== usual.size || authorities.some((one) => !usual.has(one))) setDefaultCACertificates(authorities);
}

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

function serverNameOf({ url }) {
  const { hostname } = new URL(url);
  return require('node:net').isIP(hostname.replace(/^\\[(.*)\\]$/, '$1')) === 0 ? hostname : '';
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
    servername: serverNameOf(proxy),
  });
  connecting.on('connect', ({ statusCode }, socket) => {
    if (statusCode >= 200 && statusCode < 300) {
      return callback(null, require('node:tls').connect({ ...options, path: undefined, socket }));
    }
    socket.destroy();
    callback(Object.assign(new Error(), { isAtProxy: true, proxyStatus: statusCode }));
  });
  connecting.on('error', (error) => callback(Object.assign(error, { isAtProxy: true })));
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
    servername: serverNameOf(proxy),
    agent: agentFor(library),
  });
}

function tell(told) {
  open -= 1;
  if (inWorker) {
    port.postMessage(told);
    if (open > 0) return;
    Atomics.store(new Int32Array(shared), 0, 1);
    Atomics.notify(new Int32Array(shared), 0);
  } else {
    const { answer } = told;
    const text = answer === undefined ? told : { ...told, answer: { ...answer, body: answer.body.toString('base64') } };
    process.stdout.write(JSON.stringify(text) + '\\n');
    if (open === 0) for (const agent of agents.values()) agent.destroy();
  }
}

function problemOf({ code, message, isAtProxy = false, proxyStatus }) {
  return { code: typeof code === 'string' ? code : undefined, message, isAtProxy, proxyStatus };
}

function answerOf(response, chunks, isWhole) {
  const { statusCode: status, headers, complete } = response;
  return { status, headers, body: Buffer.concat(chunks), isComplete: complete && isWhole };
}

requests.forEach((given, index) => {
  const isAskedOfProxy = given.proxy !== undefined && !given.url.startsWith('https:');
  let problem = problemOf({});
  let isAnswered = false;
  try {
    const request = start(given);
    request.on('response', (response) => {
      isAnswered = true;
      const chunks = [];
      let left = ${MAX_ANSWER_BYTES};
      response.on('data', (chunk) => {
        chunks.push(chunk.subarray(0, Math.max(left, 0)));
        left -= chunk.length;
        if (left < 0) request.destroy();
      });
      response.on('error', () => {});
      response.on('close', () => {
        const proxyStatus = response.statusCode;
        // Only a proxy answers this, and it was asked in place of the server.
        if (isAskedOfProxy && proxyStatus === 407) tell({ index, problem: problemOf({ isAtProxy: true, proxyStatus }) });
        else tell({ index, answer: answerOf(response, chunks, left >= 0) });
      });
    });
    request.on('error', (error) => {
      problem = problemOf(isAskedOfProxy ? { code: error.code, isAtProxy: true } : error);
    });
    request.on('close', () => {
      if (!isAnswered) tell({ index, problem });
    });
    request.end(inWorker ? given.body : Buffer.from(given.body, 'base64'));
  } catch {
    tell({ index, problem });
  }
});
`;
