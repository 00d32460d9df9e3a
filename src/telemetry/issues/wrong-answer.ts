import { isUnawaited } from '../content/unawaited.ts';
import { guard } from '../guard.ts';

/** Says what a hook of the application answered instead of what it should, without a word of it. Never throws. */
export function wrongAnswer(answer: unknown): string {
  if (isUnawaited(answer)) return 'a promise';
  if (answer === undefined || answer === null) return 'nothing';
  if (typeof answer === 'boolean') return String(answer);
  if (typeof answer === 'string') return 'a text';
  if (typeof answer !== 'object') return `a ${typeof answer}`;
  return guard(() => Array.isArray(answer)) === true ? 'a list' : 'an object that is none of them';
}
