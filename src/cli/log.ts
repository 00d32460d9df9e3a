/** `--log json`: what happens in runs, one JSON object per line on standard error. */
import { jsonLog, type LogListener } from '../runtime/index.ts';
import { UsageError, type CommandProcess } from './command.ts';

/** The flag, for `parseFlags`. */
export const LOG_FLAG = { log: { type: 'string' } } as const;

/** What `--log` asks for. */
export function parseLog(log: string | undefined): 'json' | undefined {
  if (log === undefined || log === 'json') return log;
  throw new UsageError(`--log expects json, got ${log}.`);
}

/** Who is told of what happens; undefined when there is to be no log. */
export function logTo(log: 'json' | undefined, { stderr }: CommandProcess): LogListener | undefined {
  return log === undefined ? undefined : jsonLog(stderr);
}
