/**
 * Whether somebody answered with a promise where nobody waits for one. Its rejection is taken here, because an
 * unhandled one ends the process. The `then` of what only looks like a promise is not called: it may start a query.
 */
export function isUnawaited(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !hasThen(value)) return false;
  try {
    void Promise.prototype.then.call(value, undefined, () => {});
  } catch {
    // No promise of the language, which has nothing to reject.
  }
  return true;
}

function hasThen(value: object): boolean {
  try {
    return typeof (value as { readonly then?: unknown }).then === 'function';
  } catch {
    return false;
  }
}
