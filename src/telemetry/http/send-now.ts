import { performance } from 'node:perf_hooks';

import type { Tls } from '../config/destinations.ts';
import { nodeModules } from './node-modules.ts';
import type { Proxy } from './proxy.ts';
import { SEND_NOW_PROGRAM } from './send-now-program.ts';

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
 * the HTTP status each was answered with, 0 for none. Never throws.
 *
 * A worker thread does the work while this thread is blocked, up to `timeoutMs`; where there can be no
 * worker, a process does. Neither runs any of the application's code, or sees its OpenTelemetry.
 */
export function sendNow(requests: readonly NowRequest[], timeoutMs: number): readonly number[] {
  const nothing = requests.map(() => 0);
  // Not a number is no time either.
  if (requests.length === 0 || !(timeoutMs > 0)) return nothing;
  const waitMs = Math.min(timeoutMs, MAX_WAIT_MS);
  const startedAtMs = performance.now();
  try {
    return inWorker(requests, waitMs);
  } catch {
    // Workers can be forbidden (`--permission`), or too many.
  }
  try {
    return inProcess(requests, waitMs - (performance.now() - startedAtMs));
  } catch {
    return nothing;
  }
}

/** Longest time a timer can be set to. */
const MAX_WAIT_MS = 2_147_483_647;

function inWorker(requests: readonly NowRequest[], timeoutMs: number): readonly number[] {
  // The first element says when all are decided, the others are the statuses.
  const statuses = new Int32Array(new SharedArrayBuffer((requests.length + 1) * Int32Array.BYTES_PER_ELEMENT));
  const worker = new nodeModules.workerThreads.Worker(SEND_NOW_PROGRAM, {
    eval: true,
    // Not this process's flags and NODE_OPTIONS: they may load the whole application's instrumentation anew.
    execArgv: [],
    env: environment(),
    // Whatever Node has to say in there is not the program's own output.
    stdout: true,
    stderr: true,
    workerData: { requests, timeoutMs, shared: statuses.buffer },
  });
  worker.on('error', () => {});
  worker.unref();
  Atomics.wait(statuses, 0, 0, timeoutMs);
  const answered = requests.map((_, index) => Atomics.load(statuses, index + 1));
  worker.terminate().catch(() => {});
  return answered;
}

function inProcess(requests: readonly NowRequest[], timeoutMs: number): readonly number[] {
  const statuses = requests.map(() => 0);
  // The executable of a single-file application is the application itself: it would run a second time.
  if (timeoutMs <= 0 || process.getBuiltinModule('node:sea').isSea()) return statuses;
  const encoded = requests.map((request) => ({ ...request, body: Buffer.from(request.body).toString('base64') }));
  const { stdout } = nodeModules.childProcess.spawnSync(process.execPath, ['-e', SEND_NOW_PROGRAM], {
    input: JSON.stringify({ requests: encoded, timeoutMs }),
    env: { ...environment(), ELECTRON_RUN_AS_NODE: '1' },
    encoding: 'utf8',
    timeout: Math.ceil(timeoutMs),
    killSignal: 'SIGKILL',
    windowsHide: true,
  });
  for (const line of (stdout ?? '').split('\n')) {
    const [, index, status] = /^(\d+) (\d+)$/.exec(line) ?? [];
    if (index !== undefined && status !== undefined) statuses[Number(index)] = Number(status);
  }
  return statuses;
}

/** The environment of this process, without what would load further code. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...others } = process.env;
  return others;
}
