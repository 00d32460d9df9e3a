#!/usr/bin/env node
/** The `faultline` binary: picks the subcommand and loads nothing else. */
import { readFileSync } from 'node:fs';

import { list, UsageError, type Command } from './command.ts';
import { readToTheEnd } from './read-to-the-end.ts';

interface Entry {
  readonly summary: string;
  load(): Promise<Command>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  demo: {
    summary: 'run a real agent through success and every kind of failure, and show the traces',
    load: async () => (await import('./demo.ts')).demo,
  },
  run: {
    summary: 'run one agent from the command line against any OpenAI-compatible provider',
    load: async () => (await import('./run.ts')).run,
  },
  serve: {
    summary: 'serve the agents of a configuration file over HTTP, or check the file',
    load: async () => (await import('./serve.ts')).serve,
  },
  recorder: {
    summary: 'show what the flight recorder keeps on disk, or send it',
    load: async () => {
      const [{ createRecorderCommand }, { drainRecorder }] = await Promise.all([
        import('./recorder.ts'),
        import('./recorder-drain.ts'),
      ]);
      return createRecorderCommand(drainRecorder);
    },
  },
};

async function main(args: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = args;
  switch (name) {
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(await help(rest[0]));
      return 0;
    case '--version':
    case '-v':
      process.stdout.write(`${version()}\n`);
      return 0;
  }
  const command = await find(name).load();
  // What follows -- is for the command as it stands.
  const flags = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (flags.includes('--help') || flags.includes('-h')) {
    process.stdout.write(command.usage);
    return 0;
  }
  ({ outputPatienceMs, endBy } = command);
  return command.run(rest, process);
}

function find(name: string): Entry {
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry !== undefined) return entry;
  const kind = name.startsWith('-') ? 'flag' : 'command';
  throw new UsageError(
    `There is no ${kind} ${name}; faultline knows ${list([...Object.keys(COMMANDS), 'help', '--version'])}.`,
  );
}

async function help(name: string | undefined): Promise<string> {
  if (name !== undefined) return (await find(name).load()).usage;
  const width = Math.max(...Object.keys(COMMANDS).map(({ length }) => length)) + 2;
  const lines = Object.entries(COMMANDS).map(([command, { summary }]) => `  ${command.padEnd(width)}${summary}`);
  return `faultline ${version()}: OpenTelemetry tracing for TypeScript AI agents

Usage: faultline <command> [flags]

${lines.join('\n')}
  ${'help'.padEnd(width)}this text, or 'faultline help <command>'
`;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}

/** What a shell says of a program that SIGPIPE ended, which Node ignores: 128 + 13. */
const EXIT_READER_LEFT = 141;

/** Says why there is no further output, and gives the exit code. `faultline demo | head` is nothing to speak of. */
function explainLostOutput({ code }: NodeJS.ErrnoException): number {
  if (code === 'EPIPE') return EXIT_READER_LEFT;
  process.stderr.write(`faultline: standard output cannot be written (${code})\n`);
  return 1;
}

/** Set once output is lost. What fails because of that is not reported as well. */
let exitLost: number | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  exitLost ??= explainLostOutput(error);
  // A command that listens as well ends by itself. For any other, telemetry sends what is left as the process exits.
  if (process.stdout.listenerCount('error') === 1) process.exit(exitLost);
});
// There is nowhere left to say it.
process.stderr.on('error', () => {});

/** Longest the process goes on for what tools left running: time to write a file, and none to wait for forever. */
const GRACE_MS = 2_000;

/** Those of the command which ran. */
let outputPatienceMs: Command['outputPatienceMs'];
let endBy: Command['endBy'];
let exitCode: number;
try {
  exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  if (exitLost === undefined) process.stderr.write(`${usage ? '' : 'faultline: '}${message}\n`);
  exitCode = usage ? 2 : 1;
}
await readToTheEnd([process.stdout, process.stderr], outputPatienceMs);
// The command is done, with its telemetry. The process ends by itself as soon as what tools left running does.
process.exitCode = exitLost ?? exitCode;
const leftMs = (endBy?.() ?? Infinity) - performance.now();
setTimeout(() => process.exit(), Math.min(GRACE_MS, Math.max(0, leftMs))).unref();
