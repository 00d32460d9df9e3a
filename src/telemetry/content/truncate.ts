import { cutBetweenWords } from './cut.ts';
import { isFile, jsonBufferLength, withoutFile, withoutFiles } from './media.ts';
import { asRedacted, type Redacted } from './redacted.ts';
import { textOf } from './redaction/copy.ts';
import type { Redactor } from './redactor.ts';
import { isUnawaited } from './unawaited.ts';

/**
 * Truncation that leaves valid JSON, in time linear in what is kept: what does not fit is not even read, and a
 * text is cut before it is redacted, a little behind the place where it will be cut in the end.
 */

/** Bytes of JSON that still fit. */
export interface Room {
  left: number;
}

/** How deep a value is copied. */
const MAX_DEPTH = 24;
/** Most that is kept of a key, in UTF-16 units. */
const MAX_KEY = 200;
/** Bytes below which nothing is begun any more. */
const MIN_ROOM = 16;
/** What a text costs besides what it says: quotes, and the comma behind it or, of a name, the colon. */
const PUNCTUATION = 3;
/** What an object or a list costs besides its members, the last of which has paid for a comma. */
const BRACKETS = 2;
/** Most that a number costs. Those of embeddings are longer, and an embedding that fits is not to be cut for them. */
const MAX_NUMBER = 8;
/**
 * How much of a text is looked through before the place where it is cut, and behind it, in UTF-16 units; what is behind
 * is left out again after redaction. No secret is longer than this.
 */
const OVERLAP = 8_192;

/**
 * How much is tried of the room that would have been enough, each time more did not fit. A little less at first, too:
 * the words about what is left out take some bytes, for which a long list would be copied and redacted once more.
 */
const SHARES = [0.999, 0.98, 0.9, 0.7];

/**
 * The JSON text of what `build` makes of the room it is given, redacted, and no longer than `maxBytes` of UTF-8.
 * Redaction and escapes can make a text longer, so `build` is called again with less room when it does not fit.
 */
export function fitJson(build: (room: Room) => unknown, redactor: Redactor, maxBytes: number): Redacted {
  let enough = maxBytes;
  for (const share of SHARES) {
    const room = Math.floor(enough * share);
    const text = redactor.json(build({ left: room }));
    const bytes = Buffer.byteLength(text);
    if (bytes <= maxBytes) return text;
    enough = (room * maxBytes) / bytes;
  }
  const words = ['[left out: it does not fit]', '[left out]', ''].map((word) => JSON.stringify(word));
  return asRedacted(words.find((word) => word.length <= maxBytes) ?? '0');
}

/** A text without files, redacted, and no longer than `maxBytes` of UTF-8. */
export function fitText(text: string, redactor: Redactor, maxBytes: number): Redacted {
  return redactWithin(withoutFiles(text), maxBytes, redactor);
}

/** A text, redacted, and no longer than `maxBytes` of UTF-8, with a word about its length when it was cut. */
export function redactWithin(text: string, maxBytes: number, redactor: Redactor, key?: string): Redacted {
  if (fitsIn(maxBytes, text)) {
    const redacted = redactor.text(text, key);
    return Buffer.byteLength(redacted) <= maxBytes ? redacted : asRedacted(sliceBytes(redacted, maxBytes));
  }
  const { marker, room, place } = placeOfCut(text, maxBytes);
  const window = inOnePiece(text.slice(0, place + OVERLAP));
  const kept = withoutOverlap(redactor.text(window, key), window.length === text.length);
  return asRedacted(`${sliceBytes(kept, room)}${marker}`);
}

/**
 * A copy of any value that JSON can write and that takes no more than the room there is. Of what is left out the
 * copy says how much it is. No member takes more than half of the room that is left, unless it is the last.
 * Never throws, also for values whose properties do.
 */
export function copyWithin(value: unknown, room: Room, redactor: Redactor): unknown {
  return new BoundedCopy(redactor).copy(value, room);
}

/** Takes a part of the room, and gives back what `use` did not need of it. */
export function shareRoom<T>(room: Room, isLast: boolean, use: (part: Room) => T): T {
  const given = isLast ? room.left : Math.floor(room.left / 2);
  const part = { left: given };
  const result = use(part);
  room.left -= given - part.left;
  return result;
}

/** Whether there is room for anything more. */
export function hasRoom(room: Room): boolean {
  return room.left >= MIN_ROOM;
}

const UNREADABLE = '[unreadable]';

class BoundedCopy {
  readonly #redactor: Redactor;
  /** The objects around the one being copied. */
  readonly #around = new Set<object>();

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  copy(value: unknown, room: Room): unknown {
    switch (typeof value) {
      case 'string':
        return this.#text(value, room);
      case 'number':
      case 'boolean':
        room.left -= Math.min(String(value).length + 1, MAX_NUMBER);
        return value;
      case 'bigint':
        return this.#text(String(value), room);
      case 'object':
        if (value !== null) return this.#object(value, room);
        room.left -= 'null,'.length;
        return null;
      default:
        return undefined;
    }
  }

  #text(text: string, room: Room): string {
    const kept = cutText(withoutFiles(text), Math.max(room.left - PUNCTUATION, 0), this.#redactor);
    room.left -= Buffer.byteLength(kept) + PUNCTUATION;
    return kept;
  }

  #object(value: object, room: Room): unknown {
    if (this.#around.has(value)) return marked('[circular]', room);
    if (this.#around.size >= MAX_DEPTH) return marked('[too deep]', room);
    this.#around.add(value);
    try {
      return this.#members(value, room);
    } catch {
      return marked(UNREADABLE, room);
    } finally {
      this.#around.delete(value);
    }
  }

  #members(value: object, room: Room): unknown {
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      return this.#text(`[${value.byteLength} bytes]`, room);
    }
    const text = textOf(value);
    if (text !== undefined) return this.#text(text, room);
    if (value instanceof Map) return this.#list([...value.entries()], room);
    if (value instanceof Set) return this.#list([...value], room);
    if (Array.isArray(value)) return this.#list(value, room);
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') {
      const replaced: unknown = toJSON.call(value);
      if (isUnawaited(replaced)) return marked(UNREADABLE, room);
      if (replaced !== value) return this.copy(replaced, room);
    }
    const bufferLength = jsonBufferLength(value);
    if (bufferLength !== undefined) return this.#text(`[${bufferLength} bytes]`, room);
    return this.#record(value as Readonly<Record<string, unknown>>, room);
  }

  #list(list: readonly unknown[], room: Room): unknown[] {
    room.left -= BRACKETS;
    const copy: unknown[] = [];
    for (let index = 0; index < list.length; index += 1) {
      if (!hasRoom(room)) {
        copy.push(marked(`[${list.length - index} more left out]`, room));
        break;
      }
      const member = this.#member(() => list[index], room, index === list.length - 1);
      // What JSON has no word for is `null` in a list, and takes the room of one.
      copy.push(member === undefined ? this.copy(null, room) : member);
    }
    return copy;
  }

  #record(record: Readonly<Record<string, unknown>>, room: Room): Record<string, unknown> {
    room.left -= BRACKETS;
    const keys = Object.keys(record);
    const copy: [string, unknown][] = [];
    const holdsFile = isFile(record);
    for (const [index, key] of keys.entries()) {
      if (!hasRoom(room)) {
        copy.push(['…', marked(`[${keys.length - index} more left out]`, room)]);
        break;
      }
      // Cut in half, a secret is not recognised any more; whole names are redacted with the rest.
      const name = key.length <= MAX_KEY ? key : this.#redactor.name(key).slice(0, MAX_KEY);
      room.left -= Buffer.byteLength(name) + PUNCTUATION;
      const read = (): unknown => (holdsFile ? withoutFile(key, record[key]) : record[key]);
      const member = this.#member(read, room, index === keys.length - 1);
      if (member !== undefined) copy.push([name, member]);
    }
    return Object.fromEntries(copy);
  }

  #member(read: () => unknown, room: Room, isLast: boolean): unknown {
    return shareRoom(room, isLast, (part) => {
      try {
        return this.copy(read(), part);
      } catch {
        return marked(UNREADABLE, part);
      }
    });
  }
}

/** What stands in place of something takes room as well: a long list of it would otherwise be read to its end. */
function marked(words: string, room: Room): string {
  room.left -= words.length + PUNCTUATION;
  return words;
}

/**
 * A text that is no longer than `maxBytes` of UTF-8, with a word about its length when it was cut. It is still to be
 * redacted: only the end of one that was cut is, because a secret that is cut in half is not recognised any more.
 */
export function cutText(text: string, maxBytes: number, redactor: Redactor): string {
  if (fitsIn(maxBytes, text)) return text;
  const { marker, room, place } = placeOfCut(text, maxBytes);
  const beginning = cutBetweenWords(text, Math.max(place - OVERLAP, 0));
  const around = inOnePiece(text.slice(beginning.length, place + OVERLAP));
  const end = withoutOverlap(redactor.text(around), beginning.length + around.length === text.length);
  return inOnePiece(`${sliceBytes(beginning + end, room)}${marker}`);
}

/**
 * The same text. One that was cut out of another, or put together, refers to others at every sign that is asked for,
 * which makes looking through it take twice as long.
 */
function inOnePiece(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

function fitsIn(maxBytes: number, text: string): boolean {
  return text.length * 3 <= maxBytes || (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes);
}

function placeOfCut(
  text: string,
  maxBytes: number,
): { readonly marker: string; readonly room: number; readonly place: number } {
  const marker = `… [cut, ${text.length} characters in all]`;
  const room = Math.max(maxBytes - Buffer.byteLength(marker), 0);
  return { marker, room, place: sliceBytes(text, room).length };
}

/** What was redacted, without what was read only to see whether a secret goes on behind the cut. */
function withoutOverlap(redacted: string, isAll: boolean): string {
  return isAll ? redacted : redacted.slice(0, Math.max(redacted.length - OVERLAP, 0));
}

/** The longest beginning of a text that takes no more bytes of UTF-8, without half a character at its end. */
function sliceBytes(text: string, maxBytes: number): string {
  let end = Math.min(text.length, maxBytes);
  for (;;) {
    const excess = Buffer.byteLength(text.slice(0, end)) - maxBytes;
    if (excess <= 0) break;
    end -= Math.max(1, Math.floor(excess / 3));
  }
  return isHighSurrogate(text.charCodeAt(end - 1)) && end < text.length ? text.slice(0, end - 1) : text.slice(0, end);
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd8_00 && code <= 0xdb_ff;
}
