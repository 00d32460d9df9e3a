import type { MemoryMatch } from '../types.ts';

/** Room for what one search may say to a model, in bytes of UTF-8: some four thousand tokens. */
const MAX_NOTES_BYTES = 16_384;

/** A found record as a model is told of it. */
export interface MemoryNote {
  readonly id: string;
  readonly text: string;
}

/** Records as notes, the best first, until there is no more room. The text that uses it up is cut. */
export function notesOf(records: readonly MemoryMatch[]): readonly MemoryNote[] {
  const encoder = new TextEncoder();
  const notes: MemoryNote[] = [];
  let room = MAX_NOTES_BYTES;
  for (const { id, text } of records) {
    const { read, written } = encoder.encodeInto(text, new Uint8Array(room));
    const isWhole = read === text.length;
    if (isWhole || read > 0) notes.push({ id, text: isWhole ? text : `${text.slice(0, read)}…` });
    if (!isWhole) break;
    room -= written;
  }
  return notes;
}
