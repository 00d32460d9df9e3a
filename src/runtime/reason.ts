import { safeErrorMessage } from '../telemetry/content/error-message.ts';
import { errorType } from '../telemetry/linked-errors.ts';

/** Why something failed, in a line without secrets. */
export function reasonOf(error: unknown): string {
  const type = errorType(error);
  if (!(error instanceof Error) || error.message === '') return type;
  const message = safeErrorMessage(error.message).split('\n', 1)[0]!;
  return type === 'Error' ? message : `${type}: ${message}`;
}
