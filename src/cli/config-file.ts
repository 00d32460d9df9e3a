/** What commands that take a configuration file share. */
import { ConfigError, loadConfig, type RuntimeConfig } from '../runtime/config.ts';
import type { CommandProcess } from './command.ts';

/** Loads a file for a command. Notices go where errors go. */
export function loadConfigFor(path: string, context: CommandProcess): Promise<RuntimeConfig> {
  return loadConfig(path, noticesTo(context));
}

/** Options for everything that is done with the file. */
export function noticesTo({ env, stderr }: CommandProcess): {
  readonly environment: NodeJS.ProcessEnv;
  readonly onNotice: (message: string) => void;
} {
  return { environment: env, onNotice: (message) => stderr.write(`faultline: ${message}\n`) };
}

/** Runs a command to its exit code; a file that is wrong is one line per problem, as compilers write them. */
export async function explainConfigErrors({ stderr }: CommandProcess, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    stderr.write(`${error.message}\n`);
    return 1;
  }
}
