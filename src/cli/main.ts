#!/usr/bin/env node
/** The `faultline` binary: picks the subcommand and loads nothing else. */
import { readFileSync } from 'node:fs';

import { list, UsageError, type Command } from './command.ts';

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
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(command.usage);
    return 0;
  }
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

// `faultline demo | head` closes the pipe early. That is how head works, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  // Not process.exit: it would cut off output that is still on its way to a pipe.
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${usage ? '' : 'faultline: '}${message}\n`);
  process.exitCode = usage ? 2 : 1;
}
