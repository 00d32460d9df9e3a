/**
 * A pattern that is read when it is first used. Those with classes of Unicode (`\p{L}`) are: V8 reads every regular
 * expression of a file at import, also within functions that are not called, and takes longer for such a class than
 * for the rest of a file.
 */
export function latePattern(source: string, flags: string): () => RegExp {
  let pattern: RegExp | undefined;
  return () => (pattern ??= new RegExp(source, flags));
}
