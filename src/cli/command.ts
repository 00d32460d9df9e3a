/** What every subcommand shares: its shape, its flags, the one way to say that a command line is wrong, and words. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The parts of the process a command may touch. */
export type CommandProcess = NodeJS.EventEmitter & Pick<NodeJS.Process, 'env' | 'stdin' | 'stdout' | 'stderr'>;

/** A subcommand. `run` resolves with the exit code. */
export interface Command {
  readonly usage: string;
  /** How long the process waits for its last output to be read. Default: as long as that takes. */
  readonly outputPatienceMs?: number;
  /** By when the process must be gone, as `performance.now()` tells it. Asked once `run` is done. Default: nobody minds. */
  readonly endBy?: () => number | undefined;
  run(args: readonly string[], context: CommandProcess): Promise<number>;
}

/** A command line that cannot be understood: its message is the whole answer, the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Flags = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Flags> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; strict: true; allowPositionals: true }>
>;

/** Parses `args`, or throws a `UsageError` that names the flags which exist. */
export function parseFlags<T extends Flags>(
  command: string,
  options: T,
  args: readonly string[],
): Pick<Parsed<T>, 'values' | 'positionals'> {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    throw new UsageError(describe(command, options, error));
  }
}

/** Node's own messages are several sentences long and do not say what would have been right. */
function describe(command: string, options: Flags, error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  const flags = Object.keys(options).map((name) => `--${name}`);
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const unknown = /'([^']+)'/.exec(message)?.[1] ?? 'that flag';
    return `faultline ${command} does not know ${unknown}; it knows ${list(flags)}.`;
  }
  return `faultline ${command}: ${message.split('\n', 1)[0]?.replace(/\.?$/, '.')}`;
}

/** What `--port` asks for. */
export function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`--port expects a number from 0 to 65535, got ${text === '' ? 'an empty text' : text}.`);
}

/** `a, b and c` */
export function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** `1 span`, `2 spans` */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
