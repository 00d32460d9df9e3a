import { safeErrorMessage } from '../telemetry/content/error-message.ts';
import { errorType } from '../telemetry/linked-errors.ts';
import { property, text } from './fields.ts';

/** Why something failed, in a line without secrets. Anything can be thrown, also what throws when it is looked at. */
export function reasonOf(error: unknown): string {
  const type = errorType(error);
  const message = text(property(error, 'message'));
  if (message === undefined) return type;
  const line = safeErrorMessage(message).split('\n', 1)[0]!;
  return type === 'Error' ? line : `${type}: ${line}`;
}
