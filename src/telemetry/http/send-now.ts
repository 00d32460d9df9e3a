import { realpathSync } from 'node:fs';

import type { Tls } from '../config/destinations.ts';
import { timerMs } from '../deadline.ts';
import { now } from '../real-time.ts';
import { nodeModules } from './node-modules.ts';
import type { Answer } from './post.ts';
import type { Proxy } from './proxy.ts';
import { ProxyError, unreachableProxy } from './proxy-error.ts';
import { SEND_NOW_PROGRAM, type Told } from './send-now-program.ts';

/** A POST request that is ready to go. */
export interface NowRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly tls?: Tls | undefined;
  /** The proxy it goes through. */
  readonly proxy?: Proxy | undefined;
}

/**
 * Posts requests before it returns, for a process that is about to die and runs no further callbacks. Returns
 * what became of each: `timeout` where nothing was heard in time, a `CannotSendError` where nothing could be started
 * that would send. Never throws.
 *
 * A worker thread does the work while this thread is blocked, up to `timeoutMs`; where there can be no
 * worker, a process does. Neither runs any of the application's code, or sees its OpenTelemetry.
 */
export function sendNow(requests: readonly NowRequest[], timeoutMs: number): readonly Answer[] {
  // Not a number is no time either.
  if (requests.length === 0 || !(timeoutMs > 0)) return answersOf(requests, []);
  const waitMs = timerMs(timeoutMs);
  const startedAtMs = now();
  try {
    if (!isWorkingDirectoryGone()) return answersOf(requests, inWorker(requests, waitMs));
  } catch {
    // Workers can be forbidden (`--permission`), or too many.
  }
  try {
    return answersOf(requests, inProcess(requests, waitMs - (now() - startedAtMs)));
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    const cannot = new CannotSendError(typeof code === 'string' ? code : 'unknown');
    return requests.map(() => ({ kind: 'broken', error: cannot }));
  }
}

/** Neither a thread nor a process could be started to send: trying again does not help. */
export class CannotSendError extends Error {
  override readonly name = 'CannotSendError';
  /** A system error code, or Node's `ERR_ACCESS_DENIED` when its permission model forbids it. */
  readonly code: string;

  constructor(code: string) {
    super('nothing could be started that sends');
    this.code = code;
  }
}

/**
 * Whether the working directory was removed, as that of an old release is while it still runs. Every worker fails there
 * before it runs anything, and says so in a callback alone. What `process.cwd()` tells here may be from before.
 */
function isWorkingDirectoryGone(): boolean {
  try {
    realpathSync.native('.');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function inWorker(requests: readonly NowRequest[], timeoutMs: number): readonly Told[] {
  const { MessageChannel, receiveMessageOnPort, Worker } = nodeModules.workerThreads;
  const { port1: here, port2: there } = new MessageChannel();
  const isDone = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(SEND_NOW_PROGRAM, {
    eval: true,
    // Not this process's flags and NODE_OPTIONS: they may load the whole application's instrumentation anew.
    execArgv: [],
    env: environment(),
    // Whatever Node has to say in there is not the program's own output.
    stdout: true,
    stderr: true,
    workerData: { requests, authorities: authoritiesFor(requests), port: there, shared: isDone.buffer },
    transferList: [there],
  });
  worker.on('error', () => {});
  worker.unref();
  Atomics.wait(isDone, 0, 0, timeoutMs);
  const told: Told[] = [];
  for (let next = receiveMessageOnPort(here); next !== undefined; next = receiveMessageOnPort(here)) {
    told.push((next as { readonly message: Told }).message);
  }
  here.close();
  worker.terminate().catch(() => {});
  return told;
}

function inProcess(requests: readonly NowRequest[], timeoutMs: number): readonly Told[] {
  // The executable of a single-file application is the application itself: it would run a second time.
  if (process.getBuiltinModule('node:sea').isSea()) throw new CannotSendError('single-file application');
  if (timeoutMs <= 0) return [];
  const encoded = requests.map((request) => ({ ...request, body: Buffer.from(request.body).toString('base64') }));
  const program = [...flagsOfTrust(), '-e', SEND_NOW_PROGRAM];
  const { stdout, error } = nodeModules.childProcess.spawnSync(process.execPath, program, {
    input: JSON.stringify({ requests: encoded, timeoutMs, authorities: authoritiesFor(requests) }),
    env: { ...environment(), ELECTRON_RUN_AS_NODE: '1' },
    encoding: 'utf8',
    timeout: Math.ceil(timeoutMs),
    killSignal: 'SIGKILL',
    maxBuffer: Infinity,
    windowsHide: true,
  });
  if (error !== undefined && !stdout && (error as NodeJS.ErrnoException).code !== 'ETIMEDOUT') throw error;
  // The last line may be torn.
  const lines = (stdout ?? '').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Told);
}

/** The authorities that OpenSSL knows, in place of those that Node brings along. Threads take them where the process does. */
const OPENSSL_AUTHORITIES = '--use-openssl-ca';

/** What of the flags of this process says whom to trust. */
function flagsOfTrust(): readonly string[] {
  const given = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')];
  return given.includes(OPENSSL_AUTHORITIES) ? [OPENSSL_AUTHORITIES] : [];
}

/** Of Node 22.19 and newer. */
interface Authorities {
  readonly getCACertificates: (which: 'default') => readonly string[];
  readonly setDefaultCACertificates: (authorities: readonly string[]) => void;
}

/**
 * The authorities whose certificates this thread takes: what the application has chosen with
 * `tls.setDefaultCACertificates` holds here alone.
 */
function authoritiesFor(requests: readonly NowRequest[]): readonly string[] | undefined {
  if (!requests.some(({ url }) => url.startsWith('https:'))) return undefined;
  const { getCACertificates, setDefaultCACertificates } = nodeModules.tls as Partial<Authorities>;
  return setDefaultCACertificates === undefined ? undefined : getCACertificates?.('default');
}

function answersOf(requests: readonly NowRequest[], all: readonly Told[]): readonly Answer[] {
  const answers = requests.map((): Answer => ({ kind: 'timeout' }));
  for (const told of all) answers[told.index] = answerOf(told, requests[told.index]?.proxy);
  return answers;
}

function answerOf({ answer, problem }: Told, proxy: Proxy | undefined): Answer {
  if (answer !== undefined) {
    const { body } = answer;
    return { kind: 'answered', ...answer, body: typeof body === 'string' ? Buffer.from(body, 'base64') : body };
  }
  const error = new Error(problem?.message ?? 'the connection was closed without an answer');
  if (problem?.code !== undefined) Object.assign(error, { code: problem.code });
  if (proxy === undefined || problem?.isAtProxy !== true) return { kind: 'broken', error };
  const { proxyStatus: status } = problem;
  const isRefused = status !== undefined;
  return {
    kind: 'broken',
    error: isRefused ? new ProxyError(proxy, { kind: 'refused', status }) : unreachableProxy(proxy, error),
  };
}

/** The environment of this process, without what would load further code. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...others } = process.env;
  return others;
}
