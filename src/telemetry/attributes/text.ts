/**
 * A name or an id as the text it is to be. A program without types may give a number for one; what is neither is
 * none.
 */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}
