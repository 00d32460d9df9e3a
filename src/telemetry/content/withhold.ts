import { guard } from '../guard.ts';
import { latePattern } from './late-pattern.ts';

/** What stands where content was. */
const PLACEHOLDER = '[content]';

/** Shortest text that is recognised anywhere; a shorter one only where it stands alone, and not within a word. */
const MIN_WHOLE = 4;
/** Shortest stretch that is recognised when a message quotes part of a longer text. */
const MIN_PART = 16;
/** Most text that is compared, in UTF-16 units: failures are rare, but their cost must have a bound. */
const MAX_TEXT = 262_144;
const MAX_VALUES = 10_000;

/**
 * Takes the echoes of prompts, arguments and results out of an error message. Providers and tools quote
 * what they choked on, and a failure is recorded also where content is not.
 *
 * Recognised are whole values, of less than four characters only where they stand alone; what the message has in
 * quotation marks, of any length; and stretches of sixteen characters of longer values; all of them also as JSON and
 * URLs have them. Linear in the length of both; never throws.
 */
export function withholdContent(message: string, content: unknown): string {
  const texts = [...textsIn(content)];
  const hidden = echoesIn(message, texts);
  // In a form a plus is a space, in any other address it is itself.
  for (const plus of message.includes('+') ? ['+', ' '] : ['+']) {
    const { text, places } = withoutUrlEscapes(message, plus);
    if (text === message) continue;
    for (const [at, isHidden] of echoesIn(text, texts).entries()) {
      if (isHidden === 1) hidden.fill(1, places[at], places[at + 1]);
    }
  }
  return hidden.includes(1) ? replaceHidden(message, hidden) : message;
}

/** A 1 for each character of a message that is one of these texts, or of a part of one. */
function echoesIn(message: string, texts: readonly string[]): Uint8Array {
  const hidden = new Uint8Array(message.length);
  const parts = partsOf(message);
  const quotations = quotationsIn(message);
  for (const text of texts) {
    for (const form of formsOf(text)) {
      if (form.length < MIN_WHOLE) {
        hideAlone(hidden, message, form);
        continue;
      }
      hideWhole(hidden, message, form);
      if (form.length > MIN_PART) hideParts(hidden, parts, form);
      for (const { start, quoted } of quotations) {
        if (form.includes(quoted)) hidden.fill(1, start, start + quoted.length);
      }
    }
  }
  return hidden;
}

/** A character of a message: one that URLs write as its bytes in UTF-8, or any other. */
const URL_CHARACTER =
  /%[0-7][\da-f]|%[cd][\da-f]%[89ab][\da-f]|%e[\da-f](?:%[89ab][\da-f]){2}|%f[0-7](?:%[89ab][\da-f]){3}|[^]/gi;

/** A message without the escapes of URLs, or of forms, and where each of its characters begins in it as it was. */
function withoutUrlEscapes(
  message: string,
  plus: string,
): { readonly text: string; readonly places: readonly number[] } {
  if (!message.includes('%') && !message.includes('+')) return { text: message, places: [] };
  let text = '';
  const places: number[] = [];
  for (const { 0: sign, index } of message.matchAll(URL_CHARACTER)) {
    text += sign.length === 1 ? sign.replace('+', plus) : (guard(() => decodeURIComponent(sign)) ?? sign);
    while (places.length < text.length) places.push(index);
  }
  return { text, places: [...places, message.length] };
}

/** A text as it is, and as it stands in JSON, also in one of nothing but ASCII. */
function formsOf(text: string): Iterable<string> {
  const inJson = JSON.stringify(text).slice(1, -1).slice(0, MAX_TEXT);
  const inAscii = inJson.replace(/[^\0-\x7f]/g, escaped).slice(0, MAX_TEXT);
  return new Set([text, inJson, inAscii]);
}

function escaped(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function hideWhole(hidden: Uint8Array, message: string, text: string): void {
  for (let at = message.indexOf(text); at !== -1; at = message.indexOf(text, at + text.length)) {
    hidden.fill(1, at, at + text.length);
  }
}

/** Hides a short text where it is a word of its own: as a part of words it is everywhere. */
function hideAlone(hidden: Uint8Array, message: string, text: string): void {
  for (let at = message.indexOf(text); at !== -1; at = message.indexOf(text, at + text.length)) {
    const isAlone = !isWord(message[at - 1]) && !isWord(message[at + text.length]);
    if (isAlone) hidden.fill(1, at, at + text.length);
  }
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && wordSign().test(character);
}

const wordSign = latePattern(String.raw`[\p{L}\p{N}_]`, 'u');

/** What a message has in quotation marks. An apostrophe within a word opens nothing. */
const quotation = latePattern(
  String.raw`"([^"\n]{1,200})"|\x60([^\x60\n]{1,200})\x60|\u201c([^\u201d\n]{1,200})\u201d|(?<![\p{L}\p{N}])'([^'\n]{1,200})'`,
  'gu',
);
/** Most quotations that are looked for. */
const MAX_QUOTATIONS = 20;

function quotationsIn(message: string): readonly { readonly start: number; readonly quoted: string }[] {
  const found: { readonly start: number; readonly quoted: string }[] = [];
  for (const match of message.matchAll(quotation())) {
    if (found.length >= MAX_QUOTATIONS) break;
    const quoted = match[1] ?? match[2] ?? match[3] ?? match[4] ?? '';
    // A quotation that was cut ends in a sign that the content does not have.
    found.push({ start: match.index + 1, quoted: quoted.replace(/(?:\.{3}|…)$/, '') });
  }
  return found.filter(({ quoted }) => quoted !== '');
}

function hideParts(hidden: Uint8Array, parts: ReadonlyMap<string, readonly number[]>, text: string): void {
  if (parts.size === 0) return;
  for (let start = 0; start + MIN_PART <= text.length; start += 1) {
    for (const at of parts.get(text.slice(start, start + MIN_PART)) ?? []) hidden.fill(1, at, at + MIN_PART);
  }
}

/** Every stretch of the message that could be part of a longer text, and where it stands. */
function partsOf(message: string): ReadonlyMap<string, readonly number[]> {
  const parts = new Map<string, number[]>();
  for (let at = 0; at + MIN_PART <= message.length; at += 1) {
    const part = message.slice(at, at + MIN_PART);
    const places = parts.get(part);
    // A message of one repeated character would make this quadratic; its first places say enough.
    if (places === undefined) parts.set(part, [at]);
    else if (places.length < 4) places.push(at);
  }
  return parts;
}

function replaceHidden(message: string, hidden: Uint8Array): string {
  let text = '';
  for (let at = 0; at < message.length; at += 1) {
    if (hidden[at] === 0) text += message[at];
    else if (at === 0 || hidden[at - 1] === 0) text += PLACEHOLDER;
  }
  return text;
}

/** The texts and numbers anywhere in a value, up to the bounds above. */
function* textsIn(content: unknown): Generator<string> {
  const seen = new Set<unknown>();
  const waiting: unknown[] = [content];
  let budget = MAX_TEXT;
  while (waiting.length > 0 && budget > 0 && seen.size < MAX_VALUES) {
    const value = waiting.pop();
    const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
    if (typeof text === 'string') {
      if (text !== '') yield text.slice(0, budget);
      budget -= text.length;
    } else if (typeof value === 'object' && value !== null && !seen.has(value)) {
      seen.add(value);
      waiting.push(...membersOf(value));
    }
  }
}

function membersOf(value: object): readonly unknown[] {
  return guard(() => Object.values(value).slice(0, MAX_VALUES)) ?? [];
}
