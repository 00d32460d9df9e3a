import { looksLikeId, surprisesIn } from './drawn-letters.ts';

/** What stands where something variable was. */
const PLACEHOLDER = '#';

/** Most that is read of a message, in UTF-16 units. */
const MAX_READ = 500;
/**
 * Length of a pattern. Much shorter than what is read, because the pattern has to be the same where a longer
 * id has pushed the end of the message out of what is read.
 */
const MAX_LENGTH = 80;

/** What of a message depends on the case at hand. Every repetition has a bound or a class of its own to stop at. */
const URL = /[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'`<>]*/gi;
const EMAIL = /[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}/g;
/** Quoted text, up to the end where the closing mark was cut off. An apostrophe within a word opens nothing. */
const QUOTED = /"[^"]*(?:"|$)|`[^`]*(?:`|$)|“[^”]*(?:”|$)|(?<![\p{L}\p{N}])'[^']*(?:'[\p{L}\p{N}][^']*)*(?:'|$)/gu;
const WORD = /[\w-]+/g;
/** What stands between the marks by which names are divided: `-`, `_`, `:`, `.`, `/` and spaces. */
const SEGMENT = /[\p{L}\p{N}]+/gu;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const NUMBER = new RegExp(`${UUID.source}|[0-9a-f]{8,}|\\d+`, 'gi');
/** A word that tells what the id behind it is of. */
const PREFIX = /^[a-z]{2,20}[_-](?=.)/i;
/** Placeholders with nothing but punctuation of numbers between them: decimals, addresses, times, lists. */
const JOINED = /#(?:[.,:+/]+ ?#)+/g;

/**
 * What messages of one cause have in common: numbers, hexadecimal values, UUIDs, ids, quoted text, URLs and
 * e-mail addresses are replaced. Linear in the length of the message, of which it reads the beginning only.
 */
export function messagePattern(message: string): string {
  return message
    .slice(0, MAX_READ)
    .replace(URL, PLACEHOLDER)
    .replace(EMAIL, PLACEHOLDER)
    .replace(QUOTED, PLACEHOLDER)
    .replace(WORD, wordPattern)
    .replace(JOINED, PLACEHOLDER)
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_LENGTH);
}

/** A word as it is, or what ids of its kind have in common: `call_8xKq2` becomes `call_#`. */
function wordPattern(word: string): string {
  if (/^[0-9a-f]{8}/i.test(word) && /^[0-9a-f-]+$/i.test(word)) return PLACEHOLDER;
  const prefix = PREFIX.exec(word)?.[0];
  // Behind a prefix, so many letters are an id also where they could be words.
  const isId =
    /\d/.test(word) ||
    word.split(/[_-]/).some(looksDrawn) ||
    (prefix !== undefined && /^[a-z]{20,}$/i.test(word.slice(prefix.length)));
  if (!isId) return word;
  const isIdItself = prefix === undefined || looksDrawn(prefix.slice(0, -1)) || /^[0-9a-f]{8,}.$/i.test(prefix);
  return isIdItself ? PLACEHOLDER : `${prefix}${PLACEHOLDER}`;
}

/** Words side by side, as in `getUserName` and `HTTPServerError`. */
const CAMEL_CASE = /^[A-Z]{0,5}[a-z]{2,15}(?:[A-Z]{1,5}[a-z]{2,15}){0,50}[A-Z]{0,5}$/;

/** Whether letters look drawn by lot: so many, and not in words. Random letters need no digit to be an id. */
function looksDrawn(letters: string): boolean {
  return /^[a-z]{16,}$/i.test(letters) && !CAMEL_CASE.test(letters);
}

/** A name in code, of a function or a class, without the numbers in it. */
export function codePattern(name: string): string {
  return name.slice(0, MAX_READ).replace(NUMBER, PLACEHOLDER);
}

/**
 * What names given at run time have in common without the ids in them: agents and stores are often named after whom
 * they are for. Words stay: `worker-4f2a9c01` becomes `worker-#`.
 */
export function namePattern(name: string): string {
  const withoutMail = name.slice(0, MAX_READ).replace(EMAIL, (mail) => `${PREFIX.exec(mail)?.[0] ?? ''}${PLACEHOLDER}`);
  return withoutNanoids(withoutMail.replace(UUID, PLACEHOLDER))
    .replace(SEGMENT, (segment) => (looksLikeId(segment) ? PLACEHOLDER : segment))
    .replace(NUMBER, PLACEHOLDER);
}

/** Length of a nanoid, the one common id that has the marks in it by which names are divided. */
const NANOID_LENGTH = 21;
/** Two names side by side can be as long, but hardly ever have so many pairs of letters in them that no word has. */
const NANOID_SURPRISES = 5;
const NANOID = new RegExp(`^[\\w-]{${NANOID_LENGTH}}(?![A-Za-z0-9])`);

function withoutNanoids(name: string): string {
  if (name.length < NANOID_LENGTH) return name;
  // Where more than one piece has the length, it is the one with the fewest words in it.
  const [best] = segmentStarts(name)
    .map((start) => ({ start, text: nanoidAt(name, start) ?? '' }))
    .filter(({ text }) => /[a-z]/.test(text) && /[A-Z]/.test(text) && looksLikeId(text.replace(/[_-]/g, '')))
    .map(({ start, text }) => ({ start, surprises: surprisesIn(text) }))
    .filter(({ surprises }) => surprises >= NANOID_SURPRISES)
    .toSorted((one, other) => other.surprises - one.surprises);
  if (best === undefined) return name;
  const end = best.start + NANOID_LENGTH;
  return `${withoutNanoids(name.slice(0, best.start))}${PLACEHOLDER}${withoutNanoids(name.slice(end))}`;
}

function segmentStarts(name: string): readonly number[] {
  return [0, ...Array.from(name.matchAll(/[^A-Za-z0-9]/g), ({ index }) => index + 1)];
}

function nanoidAt(name: string, start: number): string | undefined {
  return NANOID.exec(name.slice(start, start + NANOID_LENGTH + 1))?.[0];
}
