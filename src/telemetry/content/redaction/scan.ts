import { findAssigned, findElementText, findOptionValue, findStated } from './assignment.ts';
import { DIGIT, endOf, ESCAPE, isWordStart, STAR, TRIGGER, typeAt, typeOf, WORD } from './characters.ts';
import { findAttachedPassword, findUserOption } from './command.ts';
import { findEmail } from './email.ts';
import { createEntryFinder, mayBelongToEntry, type EntryFinder } from './entry.ts';
import { decodeEscapes } from './escapes.ts';
import type { Finding } from './finding.ts';
import { ipAddressAt } from './ip-address.ts';
import { paymentCardAt } from './payment-card.ts';
import { FEWEST_DIGITS, isNumberSign, phoneNumberAt } from './phone-number.ts';
import { createPrivateKeyFinder, puttyKeyAt, type PrivateKeyFinder } from './private-key.ts';
import { findProviderKey, MIN_KEY } from './provider-key.ts';
import { findSchemed, LONGEST_SCHEME, SHORTEST_SCHEME } from './scheme.ts';
import { findDataSource, findUserinfo } from './url.ts';

/** What is looked for. */
export interface ScanRules {
  readonly secrets: boolean;
  readonly cards: boolean;
  readonly emails: boolean;
  readonly phones: boolean;
  readonly ipAddresses: boolean;
  readonly keys: boolean;
}

const BEGIN = '-----BEGIN';
/** What stands before the private half of a key of PuTTY. */
const PUTTY = 'Private-Lines';

const LETTER_B = 98;
const LETTER_N = 78;
const HYPHEN = 45;
const BACKSLASH = 92;
const PERCENT = 37;
const DOT = 46;
const ZERO = 48;
const COLON = 58;

/** Where a scan is. */
interface Scan {
  readonly text: string;
  readonly rules: ScanRules;
  /** Made for the first beginning of one. */
  privateKeys: PrivateKeyFinder | undefined;
  /** Made for the first sign of assignment. */
  entries: EntryFinder | undefined;
  /** Position behind what was replaced last: nothing that is found may begin before it. */
  floor: number;
  /** Bounds of the last word. */
  wordStart: number;
  wordEnd: number;
  /** Position behind the last short number, and how many stood before it with no more than a sign between them. */
  numberEnd: number;
  row: number;
  /** Kinds of the characters between words and signs, together; known at the end. */
  signs: number;
}

/** More numbers than these in a row are those of a table: no card or telephone has as many groups. */
const LONGEST_ROW = 16;
/** Most digits of a group. */
const LONGEST_GROUP = 4;

function createScan(text: string, rules: ScanRules): Scan {
  return {
    text,
    rules,
    privateKeys: undefined,
    entries: undefined,
    floor: 0,
    wordStart: 0,
    wordEnd: 0,
    numberEnd: 0,
    row: 0,
    signs: 0,
  };
}

/** Puts what is found into a text. */
type Placeholder = (kind: string) => string;

/**
 * Replaces everything that is to be redacted. A text with escapes in it is gone through a second time as it reads
 * without them: what hides behind `\u0022`, `%3D` or `&quot;` is replaced where it stands.
 */
export function redactText(text: string, rules: ScanRules, placeholder: Placeholder): string {
  const scan = createScan(text, rules);
  const redacted = redactWritten(scan, text, placeholder, (position) => position);
  const decoded = (scan.signs & ESCAPE) === 0 ? undefined : decodeEscapes(redacted);
  if (decoded === undefined) return redacted;
  return redactWritten(createScan(decoded.text, rules), redacted, placeholder, decoded.originOf);
}

/**
 * One pass over a text. A word or a sign is only looked at closer where it can belong to something: a long word, one
 * that begins with a digit, a colon behind the name of a secret. What was looked at is left behind, so that the time
 * is linear in the length of the text, whatever it is.
 *
 * @param written what the replacements are made in, which is the text itself, or the text with its escapes
 * @param originOf the position in `written` of a position in the text
 */
function redactWritten(
  scan: Scan,
  written: string,
  placeholder: Placeholder,
  originOf: (position: number) => number,
): string {
  const { text } = scan;
  let output = '';
  let copied = 0;
  let position = 0;
  let signs = 0;
  while (position < text.length) {
    const type = typeOf(text.charCodeAt(position));
    if ((type & (WORD | TRIGGER)) === 0) {
      signs |= type;
      position += 1;
      continue;
    }
    const isWord = (type & WORD) !== 0;
    const next = isWord ? endOf(text, position + 1, WORD) : position + 1;
    const found = isWord ? findInWord(scan, position, next) : findAtSign(scan, position);
    if (found === undefined || found.start < scan.floor) {
      position = next;
    } else {
      const { start, end, kind, quote = '' } = found;
      output += `${written.slice(copied, originOf(start))}${quote}${placeholder(kind)}${quote}`;
      copied = originOf(end);
      scan.floor = end;
      position = Math.max(end, position + 1);
    }
  }
  scan.signs = signs;
  return copied === 0 ? written : output + written.slice(copied);
}

/** A word behind `\n` or `%20` begins behind the letters that belong to those. */
function startOfWord(text: string, start: number, end: number): number {
  const before = start === 0 ? 0 : text.charCodeAt(start - 1);
  if (before !== BACKSLASH && before !== PERCENT) return start;
  const word = text.slice(start, Math.min(end, start + 5));
  const escape = before === PERCENT ? /^[0-9a-f]{2}/i.exec(word) : /^(?:u[0-9a-f]{4}|[nrtbf])/i.exec(word);
  return start + (escape?.[0].length ?? 0);
}

function findInWord(scan: Scan, position: number, end: number): Finding | undefined {
  const { text } = scan;
  const start = startOfWord(text, position, end);
  const { wordStart, wordEnd } = scan;
  scan.wordStart = start;
  scan.wordEnd = end;
  const length = end - start;
  const type = typeAt(text, start);
  if (length >= MIN_KEY || (typeAt(text, end) & STAR) !== 0 || (length >= SHORTEST_SCHEME && beginsAny(text, start))) {
    const found = findInLongWord(scan, start, end);
    if (found !== undefined) return found;
  }
  if (length > 1 && text.charCodeAt(start) === HYPHEN && (typeAt(text, start + 1) & DIGIT) === 0) {
    const found = scan.rules.secrets ? findInOption(text, start, end) : undefined;
    if (found !== undefined) return found;
  }
  if (scan.rules.keys && (length === 2 || length >= MIN_KEY)) {
    const found = findStated(text, wordStart, wordEnd, start, end);
    if (found !== undefined) return found;
  }
  return length > 0 && (type & DIGIT) !== 0 ? findNumber(scan, start, end) : undefined;
}

function findInOption(text: string, start: number, end: number): Finding | undefined {
  const second = text[start + 1];
  if (second === 'p') return end - start > 2 ? findAttachedPassword(text, start) : undefined;
  const isUser = second === 'u' ? end - start === 2 : end - start === 6 && text.startsWith('--user', start);
  return isUser ? findUserOption(text, start, end) : undefined;
}

/** Whether a word too short for a key may be the name of a scheme, an option, or the beginning of a private key. */
function beginsAny(text: string, start: number): boolean {
  const code = text.charCodeAt(start);
  return code === HYPHEN || (code | 32) === LETTER_B;
}

function findInLongWord(scan: Scan, start: number, end: number): Finding | undefined {
  const { text, rules, floor } = scan;
  const length = end - start;
  const begin = end - BEGIN.length;
  if (rules.secrets) {
    // Looking at one character first is many times faster, and of most words it is enough.
    if (begin >= start && text.charCodeAt(end - 1) === LETTER_N && text.startsWith(BEGIN, begin)) {
      scan.privateKeys ??= createPrivateKeyFinder(text);
      return scan.privateKeys.at(begin);
    }
    if (length === PUTTY.length && text[end] === ':' && text.startsWith(PUTTY, start)) return puttyKeyAt(text, end);
    const found =
      length >= MIN_KEY || (typeAt(text, end) & STAR) !== 0
        ? findProviderKey(text, start, end, floor)
        : length <= LONGEST_SCHEME
          ? findSchemed(text, start, end)
          : undefined;
    if (found !== undefined) return found;
  }
  return rules.keys && text.charCodeAt(start) === HYPHEN && text.startsWith('--', start) && text[end] === ' '
    ? findOptionValue(text, start, end)
    : undefined;
}

/** What begins with a digit. The digits behind a decimal point are no number of their own. */
function findNumber(scan: Scan, start: number, end: number): Finding | undefined {
  const { text, rules, floor } = scan;
  const behind = end === text.length ? 0 : text.charCodeAt(end);
  const mayBeAddress = (behind === DOT && end - start <= 3) || (behind === COLON && end - start === 4);
  const hasMany = !isInTable(scan, start, end) && hasManyDigits(text, start);
  if (!mayBeAddress && !hasMany) return undefined;
  if ((start > 0 && text.charCodeAt(start - 1) === DOT) || !isWordStart(text, start)) return undefined;
  const address = rules.ipAddresses && mayBeAddress ? ipAddressAt(text, start, floor) : undefined;
  if (address !== undefined || !hasMany) return address;
  // A card's digits are one word, or the first four of them are.
  const mayBeCard = rules.cards && (end - start === 4 || end - start >= 13);
  return (
    (mayBeCard ? paymentCardAt(text, start) : undefined) ??
    (rules.phones ? phoneNumberAt(text, start, floor) : undefined)
  );
}

function isInTable(scan: Scan, start: number, end: number): boolean {
  if (end - start > LONGEST_GROUP) return false;
  scan.row = isNextInRow(scan, start) ? scan.row + 1 : 0;
  scan.numberEnd = end;
  return scan.row > LONGEST_ROW;
}

/** Whether no more than one sign of a number stands between the last short number and a position. */
function isNextInRow({ text, numberEnd }: Scan, position: number): boolean {
  return position - numberEnd === 1 && numberEnd > 0 && isNumberSign(text.charCodeAt(numberEnd));
}

/** Whether enough digits for a telephone number follow each other, with single signs between them. */
function hasManyDigits(text: string, start: number): boolean {
  let digits = 0;
  let gap = 0;
  if (text.length - start < FEWEST_DIGITS) return false;
  if (text.charCodeAt(start) === ZERO && text.charCodeAt(start + 1) === DOT) return false;
  for (let at = start; at < text.length && digits < FEWEST_DIGITS; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) {
      digits += 1;
      gap = 0;
    } else {
      gap += 1;
      if (gap > 2 || !isNumberSign(code)) return false;
    }
  }
  return digits === FEWEST_DIGITS;
}

function findAtSign(scan: Scan, sign: number): Finding | undefined {
  const { text, rules, wordStart, wordEnd, floor } = scan;
  switch (text[sign]) {
    case '@':
      return (rules.secrets ? findDataSource(text, sign, floor) : undefined) ?? findAddress(scan, sign);
    case '+':
    case '(':
      return rules.phones ? findPhone(scan, sign) : undefined;
    case '>':
      return rules.keys ? findElementText(text, sign, wordStart, wordEnd) : undefined;
    case ':':
      if (text[sign + 1] === '/' && text[sign + 2] === '/') {
        return rules.secrets ? findUserinfo(text, sign) : undefined;
      }
      return rules.keys || rules.secrets ? findNamed(scan, sign) : undefined;
    default:
      return rules.keys || rules.secrets ? findNamed(scan, sign) : undefined;
  }
}

function findAddress({ text, rules, floor }: Scan, sign: number): Finding | undefined {
  return rules.emails ? findEmail(text, sign, floor) : undefined;
}

function findPhone(scan: Scan, sign: number): Finding | undefined {
  const { text, floor } = scan;
  if (scan.row >= LONGEST_ROW && sign === scan.numberEnd) return undefined;
  if ((typeAt(text, sign + 1) & DIGIT) === 0 || !isWordStart(text, sign)) return undefined;
  return phoneNumberAt(text, sign, floor);
}

/** Headers with secrets are secrets, under whatever rule; other values are redacted for their names alone. */
function findNamed(scan: Scan, sign: number): Finding | undefined {
  const { text, rules, wordStart, wordEnd } = scan;
  const found = findInEntry(scan, sign) ?? findAssigned(text, sign, wordStart, wordEnd);
  if (found === undefined || (rules.keys && rules.secrets)) return found;
  const isSecret = /^(?:cookie|authorization|bearer_token|basic_credentials)$/.test(found.kind);
  return isSecret === rules.secrets ? found : undefined;
}

function findInEntry(scan: Scan, sign: number): Finding | undefined {
  const { text, wordStart, wordEnd } = scan;
  if (!mayBelongToEntry(text, wordStart, wordEnd)) return undefined;
  scan.entries ??= createEntryFinder(text);
  return scan.entries.at(sign, wordStart, wordEnd);
}
