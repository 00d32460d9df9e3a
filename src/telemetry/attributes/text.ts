/**
 * A name or an id as the text it is to be. A program without types may give a number for one; what is neither is
 * none.
 */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

/**
 * Those of a list that are texts, as a copy, for the caller may change the list. A program without types gives a text
 * alone as well, and `null` for what a stream has not said yet. `undefined` when there is none.
 */
export function textsOf(value: unknown): readonly string[] | undefined {
  const texts = (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string');
  return texts.length === 0 ? undefined : texts;
}
