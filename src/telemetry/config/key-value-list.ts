import { guard } from '../guard.ts';

/** An entry of a list such as `a=1,b=2`. */
export interface Entry {
  /** Place in the list, from 1: the only way to name an entry without a key. */
  readonly position: number;
  /** Text before the first `=`; empty when there is none. */
  readonly key: string;
  /** Text after the first `=`, which may hold further ones; still percent-encoded. */
  readonly value: string;
}

/** Entries of a comma-separated list of `key=value`, trimmed; empty entries are left out. */
export function splitKeyValueList(text: string): Entry[] {
  const entries: Entry[] = [];
  for (const [index, part] of text.split(',').entries()) {
    if (part.trim() === '') continue;
    const equals = part.indexOf('=');
    entries.push({
      position: index + 1,
      key: equals === -1 ? '' : part.slice(0, equals).trim(),
      value: part.slice(equals + 1).trim(),
    });
  }
  return entries;
}

/** Decoded text, or `undefined` when a `%` in it does not start a valid sequence. */
export function percentDecode(text: string): string | undefined {
  return guard(() => decodeURIComponent(text));
}
