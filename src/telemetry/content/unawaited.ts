import { guard } from '../guard.ts';

/**
 * Whether somebody answered with a promise where nobody waits for one. Its rejection is taken here, because an
 * unhandled one ends the process. The `then` of what only looks like a promise is not called: it may start a query.
 */
export function isUnawaited(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !hasThen(value)) return false;
  // What is no promise of the language refuses it, and has nothing to reject.
  void guard(() => Promise.prototype.then.call(value, undefined, () => {}));
  return true;
}

function hasThen(value: object): boolean {
  return guard(() => typeof (value as { readonly then?: unknown }).then === 'function') === true;
}
