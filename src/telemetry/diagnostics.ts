import { active } from './active.ts';
import type { Reporter } from './config/settings.ts';

export type { Problem, Reporter } from './config/settings.ts';

/**
 * Creates a reporter that writes one line per problem, by default to standard error. What a problem quotes, of an
 * answer or of a setting, is redacted as everything else is.
 */
export function createReporter(write: (message: string) => void = writeToStandardError): Reporter {
  const said = new Set<string>();
  return ({ key, message }) => {
    if (said.has(key)) return;
    said.add(key);
    try {
      write(active().content.secretsRedactor.text(message));
    } catch {
      // A diagnostic that cannot be said is no reason to stop the program.
    }
  };
}

function writeToStandardError(message: string): void {
  const { stderr } = process;
  stderr.write(`faultline: ${message}\n`, (error) => {
    // As on a full disk. It is emitted next, and where nobody listens that would be the end of the program.
    if (error && stderr.listenerCount('error') === 0) stderr.once('error', () => {});
  });
}
