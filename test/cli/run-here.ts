import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';

import type { Command, CommandProcess } from '../../src/cli/command.ts';
import type { Finished } from './cli.ts';

/** Runs a command in this process: what it says, and how it would end. */
export async function runHere(
  command: Command,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly isTTY?: boolean } = {},
): Promise<Finished> {
  const stdin = new PassThrough().end();
  const stdout = new PassThrough();
  const stderr = Object.assign(new PassThrough(), { isTTY: options.isTTY === true });
  const context = Object.assign(new EventEmitter(), { env: { ...options.env }, stdin, stdout, stderr });
  const code = await command.run(args, context as unknown as CommandProcess);
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}
