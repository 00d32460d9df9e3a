import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

import { guard } from '../../guard.ts';
import { nodeModules } from '../../http/node-modules.ts';

/** Who writes a file: one recorder of one thread of one process. */
export interface Owner {
  /** Stands for the machine as processes see it: what shares it can judge whether a process id lives. */
  readonly host: string;
  /** 0 when the file was let go of: it belongs to whoever comes first. */
  readonly pid: number;
  /** When the process began, in the clock of the machine; 0 where the machine does not tell. */
  readonly startTime: number;
  /** What the system calls the thread, and `SYSTEM_THREADS` on top; less than that where nobody else can tell of it. */
  readonly thread: number;
  /** Tells recorders of one thread apart. */
  readonly run: string;
}

/** Earlier versions wrote Node's own number of a thread in the same place, of which the system knows nothing. */
const SYSTEM_THREADS = 2 ** 32;

/** The owner a recorder created now is. */
export function thisOwner(): Owner {
  return {
    host: hostIdentity(),
    pid: process.pid,
    startTime: readProcess(process.pid)?.startTime ?? 0,
    thread: thisThread(),
    run: nodeModules.crypto.randomBytes(4).toString('hex'),
  };
}

/** A worker may be gone while its process lives on, and Node tells no other thread so. */
function thisThread(): number {
  if (nodeModules.workerThreads.isMainThread) return 0;
  const [pid, , thread] = guard(() => readlinkSync('/proc/thread-self'))?.split('/') ?? [];
  return Number(pid) === process.pid ? SYSTEM_THREADS + Number(thread) : 0;
}

/** One text per owner. */
export function ownerKey({ host, pid, startTime, thread, run }: Owner): string {
  return [host, pid, startTime, thread, run].join('-');
}

/** The owner of a file that was let go of. */
export function nobody({ host, run }: Owner): Owner {
  return { host, pid: 0, startTime: 0, thread: 0, run };
}

/**
 * A host name does not tell containers of one image apart, nor a machine from itself before it was restarted.
 * With Linux's boot id and process namespace it does; elsewhere there is the name alone.
 */
function hostIdentity(): string {
  const parts = [
    hostname(),
    guard(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    guard(() => readlinkSync('/proc/self/ns/pid')),
  ];
  return nodeModules.crypto.createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
}

/** A file of an owner on another host counts as abandoned when it was not touched for this long. */
const UNTOUCHED_MS = 5 * 60_000;

/** Whether somebody may still write a file: `unknown` when nobody here can tell yet. */
export interface Liveness {
  readonly state: 'alive' | 'gone' | 'unknown';
}

/** Judges `owner`, whose newest file was touched `untouchedMs` ago, from the machine `host`. */
export function livenessOf(owner: Owner, host: string, untouchedMs: number): Liveness {
  if (owner.pid === 0) return { state: 'gone' };
  if (owner.host !== host) {
    // A time to come is the work of another machine's clock, or of one that was set back.
    return { state: untouchedMs < UNTOUCHED_MS ? 'unknown' : 'gone' };
  }
  return { state: isRunning(owner) ? 'alive' : 'gone' };
}

function isRunning({ pid, startTime, thread }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, as somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const found = readProcess(pid);
  if (found === undefined || startTime === 0) return true;
  // The id may have gone to another process since: in a restarted container it nearly always has.
  if (found.startTime !== startTime || found.isZombie) return false;
  return thread < SYSTEM_THREADS || existsSync(`/proc/${pid}/task/${thread - SYSTEM_THREADS}`);
}

/** What Linux says about a process; `undefined` elsewhere, and when it does not let others see. */
function readProcess(pid: number): { readonly startTime: number; readonly isZombie: boolean } | undefined {
  const stat = guard(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === undefined) return undefined;
  // proc_pid_stat(5): the second field is a name in parentheses that may hold anything; the state is the third
  // field, the start time the 22nd.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return { startTime: Number(fields[19]), isZombie: state === 'Z' || state === 'X' };
}
