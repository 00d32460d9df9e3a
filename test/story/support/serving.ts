/** `faultline serve` as a process, as an operator starts it. */
import { startCli, type RunningCli } from '../../cli/cli.ts';

/** The binary while it serves. */
export interface ServingCli extends RunningCli {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
}

/** Serves a configuration file on a free port with an environment of its own. Rejects when it does not start. */
export async function serveFile(path: string, env: Readonly<Record<string, string>>): Promise<ServingCli> {
  const running = startCli(['serve', '--config', path, '--port', '0'], env);
  const line = await new Promise<string>((resolve, reject) => {
    running.child.stdout.once('data', (text) => resolve(String(text)));
    void running.finished.then(({ stderr }) => reject(new Error(`it did not start: ${stderr}`)));
  });
  const origin = /http:\S+/.exec(line)?.[0];
  if (origin === undefined) throw new Error(`Expected the first line to say where it serves, got ${line}`);
  return { ...running, origin };
}
