/** `faultline recorder`: what the flight recorder has on disk, and sending it. */
import { resolve } from 'node:path';

import { readEnvironment } from '../telemetry/config/environment.ts';
import { nodeHost } from '../telemetry/config/host.ts';
import type { Address } from '../telemetry/export/recorder/address.ts';
import {
  inspectDirectory,
  type DirectoryReport,
  type OwnerReport,
} from '../telemetry/export/recorder/inspect-directory.ts';
import { count, list, parseFlags, UsageError, type Command, type CommandProcess } from './command.ts';
import { createPaint, type Paint } from './paint.ts';

const USAGE = `faultline recorder: what the flight recorder has on disk

Usage: faultline recorder status [--dir D] [--json]
       faultline recorder drain [--dir D] [--timeout-ms N] [--json]

  status          says what waits, by process, and changes nothing; it works while others write
  drain           sends what processes that are gone left behind, and waits until it is delivered
  --dir D         the recorder's directory (default: FAULTLINE_RECORDER_DIR)
  --timeout-ms N  longest time to send (default: 60000)
  --json          one JSON object on standard output and nothing else

Where to send is what the environment says (SENTRY_DSN or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT).
Exit codes: 0 nothing is left to send, 1 something is, or it failed, 2 wrong command line. status ends with 0.
`;

const DEFAULT_TIMEOUT_MS = 60_000;

/** How far a drain has come: spans and Issues together. */
export interface DrainProgress {
  readonly sent: number;
  readonly total: number;
}

/** What came of a drain. */
export interface Drained {
  readonly spans: number;
  readonly issues: number;
  /** Spans and Issues that are still on disk, but for those of processes that run. */
  readonly left: number;
  /** Files of which nobody here can say what they hold. Absent when there are none. */
  readonly unreadableFiles?: number;
  /** Why something is left, in a sentence without a full stop. Absent when nothing is. */
  readonly reason?: string;
}

export interface DrainOptions {
  readonly directory: string;
  readonly timeoutMs: number;
  readonly env: CommandProcess['env'];
}

/** Sends what processes that are gone left in a directory. */
export type Drain = (options: DrainOptions, onProgress: (progress: DrainProgress) => void) => Promise<Drained>;

/** Creates the command. */
export function createRecorderCommand(drain: Drain): Command {
  return {
    usage: USAGE,
    run(args, context) {
      const [name, ...rest] = args;
      switch (name) {
        case 'status':
          return Promise.resolve(showStatus(rest, context));
        case 'drain':
          return runDrain(drain, rest, context);
        default: {
          const found = name === undefined ? 'nothing' : name;
          throw new UsageError(`faultline recorder expects status or drain, got ${found}.`);
        }
      }
    },
  };
}

function showStatus(args: readonly string[], context: CommandProcess): number {
  const options = { dir: { type: 'string' }, json: { type: 'boolean' } } as const;
  const { values, positionals } = parseFlags('recorder status', options, args);
  refusePositionals('status', positionals);
  const directory = directoryOf(values.dir, context);
  const report = inspect(directory);
  const { stdout, env } = context;
  if (values.json === true) stdout.write(`${JSON.stringify({ directory, ...report })}\n`);
  else stdout.write(`${describe(directory, report, createPaint(stdout, env)).join('\n')}\n`);
  return 0;
}

async function runDrain(drain: Drain, args: readonly string[], context: CommandProcess): Promise<number> {
  const flags = { dir: { type: 'string' }, 'timeout-ms': { type: 'string' }, json: { type: 'boolean' } } as const;
  const { values, positionals } = parseFlags('recorder drain', flags, args);
  refusePositionals('drain', positionals);
  const timeoutMs = parseTimeout(values['timeout-ms']);
  const directory = directoryOf(values.dir, context);
  const { stdout, stderr, env } = context;

  const progress = values.json === true ? undefined : createProgress(stderr);
  const drained = await drain({ directory, timeoutMs, env }, (now) => progress?.show(now));
  progress?.end();

  if (values.json === true) stdout.write(`${JSON.stringify({ directory, ...drained })}\n`);
  else stdout.write(`${summarize(directory, drained)}\n`);
  return isEmpty(drained) ? 0 : 1;
}

function refusePositionals(command: string, positionals: readonly string[]): void {
  const [first] = positionals;
  if (first === undefined) return;
  throw new UsageError(`faultline recorder ${command} takes flags only; a directory is named with --dir ${first}.`);
}

function directoryOf(flag: string | undefined, { env }: CommandProcess): string {
  const host = nodeHost();
  // It may stand in .env, as the other settings may.
  const problems: string[] = [];
  const directory =
    flag ?? readEnvironment(env, undefined, host, ({ message }) => problems.push(message))['FAULTLINE_RECORDER_DIR'];
  if (directory === undefined || directory === '') {
    const question = 'Which directory? Name it with --dir, or set FAULTLINE_RECORDER_DIR.';
    throw new UsageError([question, ...problems].join(' '));
  }
  return resolve(host.workingDirectory, directory);
}

function parseTimeout(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TIMEOUT_MS;
  const timeoutMs = Number(text);
  if (/^\d{1,9}$/.test(text) && timeoutMs > 0) return timeoutMs;
  throw new UsageError(`--timeout-ms expects a number of milliseconds above 0, got ${text}.`);
}

function describe(directory: string, report: DirectoryReport, paint: Paint): readonly string[] {
  const { owners, destinations, issuesFor, oldest, unreadableFiles } = report;
  if (owners.length === 0) return [`${directory}: nothing waits.`];
  const since = oldest === undefined ? '' : `, the oldest since ${new Date(oldest).toISOString()}`;
  const lines = [`${directory}: ${countWaiting(report)} wait${since}.`];
  for (const owner of owners) lines.push(`  ${describeOwner(owner, paint)}`);
  for (const [destination, spans] of Object.entries(destinations)) {
    lines.push(`  ${paint('dim', `${destination}: ${count(spans, 'span')}`)}`);
  }
  for (const [project, issues] of Object.entries(issuesFor)) {
    if (project !== 'unknown') lines.push(`  ${paint('dim', `${project}: ${count(issues, 'Issue')}`)}`);
  }
  if (unreadableFiles > 0) {
    lines.push(`  ${unreadable(unreadableFiles)}.`);
  }
  return lines;
}

const STATE_STYLES = { alive: 'green', abandoned: 'yellow', unknown: 'dim' } as const;

function describeOwner(owner: OwnerReport, paint: Paint): string {
  const state = paint(STATE_STYLES[owner.state], owner.state.padEnd(9));
  return `${state}  ${owner.pid === undefined ? 'closed' : `pid ${owner.pid}`}: ${countWaiting(owner)}`;
}

function countWaiting({ spans, open, issues, bytes }: Omit<OwnerReport, 'state'>): string {
  const openSpans = open === 0 ? [] : [`${count(open, 'span')} not ended`];
  return `${list([count(spans, 'span'), ...openSpans, count(issues, 'Issue')])} (${inBytes(bytes)})`;
}

/** Looks into a directory, as a process with the address would. Throws an error that says what is wrong with it. */
export function inspect(directory: string, now?: Address): DirectoryReport {
  try {
    return inspectDirectory(directory, now);
  } catch (error) {
    throw new Error(`${directory} cannot be looked into: ${explain((error as NodeJS.ErrnoException).code)}`, {
      cause: error,
    });
  }
}

function explain(code = 'unknown'): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `this user may not read it (${code}); run the command as the user whose program writes there`;
    case 'ENOTDIR':
      return `it leads through a file (${code}); name a directory with --dir`;
    case 'ELOOP':
      return `it is a link that leads to itself (${code}); name a directory with --dir`;
    case 'ENAMETOOLONG':
    case 'ERR_INVALID_ARG_VALUE':
      return `it is no path (${code}); name a directory with --dir`;
    default:
      return `the system says ${code}; is its disk in order?`;
  }
}

function isEmpty({ left, unreadableFiles }: Drained): boolean {
  return left === 0 && unreadableFiles === undefined;
}

function summarize(directory: string, drained: Drained): string {
  const { spans, issues, left, reason } = drained;
  if (isEmpty(drained) && spans + issues === 0) return `${directory}: nothing waited.`;
  const sent = `sent ${count(spans, 'span')} and ${count(issues, 'Issue')}`;
  const rest = left === 0 ? '' : `, ${left} ${left === 1 ? 'is' : 'are'} left`;
  return `${directory}: ${sent}${rest}${reason === undefined ? '' : `: ${reason}`}.`;
}

/** Files of which nobody here can say what they hold, as a sentence without its full stop. */
export function unreadable(files: number): string {
  return `${count(files, 'file')} cannot be read: of a newer faultline, or of another user`;
}

function inBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

interface Progress {
  show(progress: DrainProgress): void;
  end(): void;
}

const BAR_WIDTH = 30;
/** Without a terminal, a line says every tenth part. */
const STEPS = 10;

function createProgress(stream: CommandProcess['stderr']): Progress {
  return stream.isTTY ? createBar(stream) : createLines(stream);
}

function createBar(stream: CommandProcess['stderr']): Progress {
  const CLEAR_LINE = '\r\u001B[K';
  return {
    show({ sent, total }) {
      const done = Math.round(BAR_WIDTH * shareOf({ sent, total }));
      const bar = `${'█'.repeat(done)}${'░'.repeat(BAR_WIDTH - done)}`;
      stream.write(`${CLEAR_LINE}${bar} ${sent} of ${total}`);
    },
    end: () => void stream.write(CLEAR_LINE),
  };
}

function createLines(stream: CommandProcess['stderr']): Progress {
  let said = 0;
  return {
    show(progress) {
      if (progress.total === 0) return;
      const step = Math.floor(STEPS * shareOf(progress));
      if (step <= said) return;
      said = step;
      stream.write(`faultline: sent ${progress.sent} of ${progress.total}\n`);
    },
    end: () => {},
  };
}

function shareOf({ sent, total }: DrainProgress): number {
  return total === 0 ? 1 : Math.min(sent / total, 1);
}
