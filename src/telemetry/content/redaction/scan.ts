import { charCodeAt } from '../char-code-at.ts';
import { findAssigned } from './assignment.ts';
import { findElementText } from './element-text.ts';
import { findOptionValue } from './named-option.ts';
import { findStated } from './stated.ts';
import {
  ADDRESS_END,
  DASH,
  DIGIT,
  ESCAPE,
  isWordStart,
  KEY_BEGIN,
  NUMBER_SIGN,
  QUOTE,
  STAR,
  startOfWord,
  TRIGGER,
  typeAt,
  typeOf,
  WORD,
} from './characters.ts';
import {
  AMPERSAND,
  APOSTROPHE,
  AT,
  BRACKET,
  CAPITAL_N,
  COLON,
  EQUALS,
  FULL_STOP,
  GREATER,
  HYPHEN,
  LETTER_N_TILDE,
  PLUS,
  QUESTION_MARK,
  QUOTATION_MARK,
  SLASH,
  SPACE,
  ZERO,
} from './codes.ts';
import { findLogin, findOption, LOGIN } from './command.ts';
import { findEmail } from './email.ts';
import { createEntryFinder, mayBelongToEntry, type EntryFinder } from './entry.ts';
import { decodeEscapes, hidesAt } from './escapes.ts';
import { matchAt, type Finding } from './finding.ts';
import { endOfGroups, ipAddressAt, LONGEST_SIX } from './ip-address.ts';
import { paymentCardAt } from './payment-card.ts';
import { FEWEST_DIGITS, isNumberSign, mayBeginLocal, phoneNumberAt } from './phone-number.ts';
import { createPrivateKeyFinder, puttyKeyAt, type PrivateKeyFinder } from './private-key.ts';
import { findProviderKey, MIN_KEY } from './provider-key.ts';
import { Runs } from './runs.ts';
import { findSchemed, LONGEST_SCHEME, SHORTEST_SCHEME } from './scheme.ts';
import { findDataSource, findUserinfo, isBeforeProtocol, ORACLE } from './url.ts';

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

/** Nothing that is looked for is shorter: an address such as `a@b.co`, in UTF-16 units. */
const SHORTEST = 6;

/** Where a scan is. */
interface Scan {
  readonly text: string;
  readonly rules: ScanRules;
  readonly runs: Runs;
  /** Made for the first beginning of one. */
  privateKeys: PrivateKeyFinder | undefined;
  /** Made for the first sign of assignment. */
  entries: EntryFinder | undefined;
  /** Known at the first `@`. */
  hasOracle: boolean | undefined;
  hasLogin: boolean | undefined;
  /** Position behind what was replaced last: nothing that is found may begin before it. */
  floor: number;
  /** Bounds of the last word. */
  wordStart: number;
  wordEnd: number;
  /** Position behind the last short number, and how many stood before it with no more than a sign between them. */
  numberEnd: number;
  row: number;
  /** Where the last hexadecimal digits and colons end. */
  groupsEnd: number;
  /** Whether signs that escapes begin with stand between words, and whether anything can hide behind them; known at the end. */
  hasEscapes: boolean;
  hides: boolean;
}

/** More numbers than these in a row are those of a table: no card or telephone has as many groups. */
const LONGEST_ROW = 16;
/** Most digits of a group. */
const LONGEST_GROUP = 4;

function createScan(text: string, rules: ScanRules): Scan {
  return {
    text,
    rules,
    runs: new Runs(text),
    privateKeys: undefined,
    entries: undefined,
    hasOracle: undefined,
    hasLogin: undefined,
    floor: 0,
    wordStart: 0,
    wordEnd: 0,
    numberEnd: 0,
    row: 0,
    groupsEnd: 0,
    hasEscapes: false,
    hides: false,
  };
}

/** Puts what is found into a text. */
type Placeholder = (kind: string) => string;

/**
 * Replaces everything that is to be redacted. A text with escapes in it is gone through a second time as it reads
 * without them: what hides behind `\u0022`, `%3D` or `&quot;` is replaced where it stands.
 */
export function redactText(text: string, rules: ScanRules, placeholder: Placeholder): string {
  if (text.length < SHORTEST) return text;
  const scan = createScan(text, rules);
  const redacted = redactWritten(scan, text, placeholder, (position) => position);
  // Where nothing was replaced, what can hide was found out on the way.
  const mayHide = scan.floor === 0 ? scan.hides : scan.hasEscapes;
  const decoded = mayHide ? decodeEscapes(redacted) : undefined;
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
  const { length } = text;
  let output = '';
  let copied = 0;
  let position = 0;
  while (position < length) {
    const type = typeOf(charCodeAt(text, position));
    if ((type & (WORD | TRIGGER)) === 0) {
      if ((type & ESCAPE) !== 0) seeEscape(scan, position);
      position += 1;
      continue;
    }
    let next = position + 1;
    let found: Finding | undefined;
    if ((type & WORD) === 0) {
      if ((type & NUMBER_SIGN) === 0 || mayBeginNumber(scan, position)) found = findAtSign(scan, position);
    } else {
      let behind = 0;
      while (next < length && ((behind = typeOf(charCodeAt(text, next))) & WORD) !== 0) next += 1;
      found = findInWord(scan, position, next, type, next === length ? 0 : behind);
    }
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
  return copied === 0 ? written : output + written.slice(copied);
}

function seeEscape(scan: Scan, position: number): void {
  scan.hasEscapes = true;
  scan.hides ||= hidesAt(scan.text, position);
}

/**
 * @param type kinds of the character at the position
 * @param behind kinds of the character behind the word
 */
function findInWord(scan: Scan, position: number, end: number, type: number, behind: number): Finding | undefined {
  const { text } = scan;
  const start = startOfWord(text, position);
  const first = start === position ? type : typeAt(text, start);
  const { wordStart, wordEnd } = scan;
  scan.wordStart = start;
  scan.wordEnd = end;
  const length = end - start;
  const mayBeKey =
    length >= MIN_KEY || (behind & STAR) !== 0 || (length >= SHORTEST_SCHEME && (first & KEY_BEGIN) !== 0);
  if (mayBeKey && scan.rules.secrets) {
    const found = findKey(scan, start, end);
    if (found !== undefined) return found;
  }
  if (length > 1 && (first & DASH) !== 0 && (typeAt(text, start + 1) & DIGIT) === 0) {
    const found = findInCommand(scan, start, end);
    if (found !== undefined) return found;
  }
  if (scan.rules.keys && (length === 2 || length >= MIN_KEY || isTextOfSql(text, wordEnd, position))) {
    const found = findStated(text, scan.runs, wordStart, wordEnd, start, end);
    if (found !== undefined) return found;
  }
  return length > 0 && (first & DIGIT) !== 0 ? findNumber(scan, start, end) : undefined;
}

/** Whether a text as SQL writes it begins between two words, which may be a password of any length. */
function isTextOfSql(text: string, wordEnd: number, next: number): boolean {
  return next !== wordEnd + 1 && charCodeAt(text, wordEnd) === SPACE && charCodeAt(text, wordEnd + 1) === APOSTROPHE;
}

/** What follows an option whose name says that it is a secret, or one of a program that takes a password there. */
function findInCommand({ text, runs, rules }: Scan, start: number, end: number): Finding | undefined {
  const isEnded = text[end] === ' ' || (typeAt(text, end) & QUOTE) !== 0;
  const isNamed = rules.keys && charCodeAt(text, start + 1) === HYPHEN && isEnded;
  const found = isNamed ? findOptionValue(text, runs, start, end) : undefined;
  return found ?? (rules.secrets ? findOption(text, start) : undefined);
}

function findKey(scan: Scan, start: number, end: number): Finding | undefined {
  const { text, floor } = scan;
  const length = end - start;
  const begin = end - BEGIN.length;
  // Looking at one character first is many times faster, and of most words it is enough.
  if (begin >= start && charCodeAt(text, end - 1) === CAPITAL_N && text.startsWith(BEGIN, begin)) {
    scan.privateKeys ??= createPrivateKeyFinder(text);
    return scan.privateKeys.at(begin);
  }
  if (length === PUTTY.length && text[end] === ':' && text.startsWith(PUTTY, start)) return puttyKeyAt(text, end);
  if (length >= MIN_KEY || (typeAt(text, end) & STAR) !== 0) return findProviderKey(text, scan.runs, start, end, floor);
  return length <= LONGEST_SCHEME ? findSchemed(text, scan.runs, start) : undefined;
}

/** What begins with a digit. The digits behind a decimal point are no number of their own. */
function findNumber(scan: Scan, start: number, end: number): Finding | undefined {
  const { text, rules, floor } = scan;
  const behind = end === text.length ? 0 : charCodeAt(text, end);
  const mayBeAddress =
    (behind === FULL_STOP && end - start <= 3) || (behind === COLON && end - start === 4 && mayBeSix(scan, start));
  const isRow = isInTable(scan, start, end);
  if ((isRow && !mayBeAddress) || (start > 0 && charCodeAt(text, start - 1) === FULL_STOP)) return undefined;
  // A card's digits are one word, or the first four of them are.
  const mayBeCard = rules.cards && (end - start === 4 || end - start >= 13);
  const goesOn = !isRow && (end - start >= FEWEST_DIGITS || isBeforeDigit(text, end));
  const hasMany =
    goesOn && (mayBeCard || (rules.phones && mayBeginLocal(text, start, floor))) && hasManyDigits(text, start);
  if ((!mayBeAddress && !hasMany) || !isWordStart(text, start)) return undefined;
  const address = rules.ipAddresses && mayBeAddress ? ipAddressAt(text, start, floor) : undefined;
  if (address !== undefined || !hasMany) return address;
  const found =
    (mayBeCard ? paymentCardAt(text, start) : undefined) ??
    (rules.phones ? phoneNumberAt(text, start, floor) : undefined);
  // To copy all members of what was found takes several times as long as to find it.
  return found === undefined ? undefined : { start, end: found.end, kind: found.kind, quote: quoteBefore(text, start) };
}

/** What the name right before a number is quoted with: a number of JSON becomes a text. */
function quoteBefore(text: string, start: number): string {
  return matchAt(QUOTED_NAME, text, start)?.[1] ?? '';
}

const QUOTED_NAME = /(?<=(\\{0,7}")\s?:\s?)/y;

function isInTable(scan: Scan, start: number, end: number): boolean {
  if (end - start > LONGEST_GROUP) return false;
  scan.row = isNextInRow(scan, start) ? scan.row + 1 : 0;
  scan.numberEnd = end;
  return scan.row > LONGEST_ROW;
}

/** Whether a digit stands behind one or two signs. */
function isBeforeDigit(text: string, end: number): boolean {
  if (end + 1 >= text.length || !isNumberSign(charCodeAt(text, end))) return false;
  const next = charCodeAt(text, end + 1);
  return isDigit(next) || (isNumberSign(next) && (typeAt(text, end + 2) & DIGIT) !== 0);
}

/** Whether what begins at a position is no longer than an address, for which every character is looked at once. */
function mayBeSix(scan: Scan, start: number): boolean {
  if (start >= scan.groupsEnd) scan.groupsEnd = endOfGroups(scan.text, start);
  return scan.groupsEnd - start <= LONGEST_SIX;
}

/** Whether a digit follows a plus or a bracket, and no table stands before it. */
function mayBeginNumber({ text, row, numberEnd }: Scan, sign: number): boolean {
  return (row < LONGEST_ROW || numberEnd !== sign) && (typeAt(text, sign + 1) & DIGIT) !== 0;
}

/** Whether no more than one sign of a number stands between the last short number and a position. */
function isNextInRow({ text, numberEnd }: Scan, position: number): boolean {
  return position - numberEnd === 1 && numberEnd > 0 && isNumberSign(charCodeAt(text, numberEnd));
}

/** Whether enough digits for a telephone number follow each other, with one or two signs between them. */
function hasManyDigits(text: string, start: number): boolean {
  if (charCodeAt(text, start) === ZERO && charCodeAt(text, start + 1) === FULL_STOP) return false;
  let digits = 0;
  let behind = start;
  for (let at = start; at < text.length && at - behind <= 2 && digits < FEWEST_DIGITS; at += 1) {
    const code = charCodeAt(text, at);
    if (isDigit(code)) {
      digits += 1;
      behind = at + 1;
    } else if (!isNumberSign(code)) break;
  }
  return digits >= FEWEST_DIGITS;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function findAtSign(scan: Scan, sign: number): Finding | undefined {
  const { text, rules, floor, wordStart, wordEnd } = scan;
  switch (charCodeAt(text, sign)) {
    case AT:
      if (!mayBeBehindName(text, sign)) return undefined;
      return (
        (rules.secrets ? findSource(scan, sign) : undefined) ??
        (rules.emails ? findEmail(text, sign, floor) : undefined)
      );
    case PLUS:
    case BRACKET:
      return rules.phones && isWordStart(text, sign) ? phoneNumberAt(text, sign, floor) : undefined;
    case GREATER:
      return rules.keys ? findElementText(text, sign, wordStart, wordEnd) : undefined;
    case COLON:
      if (sign + 2 < text.length && charCodeAt(text, sign + 1) === SLASH && charCodeAt(text, sign + 2) === SLASH) {
        return rules.secrets ? findUserinfo(text, sign) : undefined;
      }
      return rules.keys || rules.secrets ? findNamed(scan, sign) : undefined;
    default:
      return rules.keys || rules.secrets ? findNamed(scan, sign) : undefined;
  }
}

/** Whether what stands before an `@` may belong to it. */
function mayBeBehindName(text: string, sign: number): boolean {
  return sign > 0 && charCodeAt(text, sign - 1) !== AT && (typeAt(text, sign - 1) & ADDRESS_END) === 0;
}

/** Most texts have no address and no login of Oracle, which is found out once. */
function findSource(scan: Scan, sign: number): Finding | undefined {
  const { text, floor } = scan;
  scan.hasOracle ??= text.includes(ORACLE);
  scan.hasLogin ??= text.includes(LOGIN);
  const isSource = scan.hasOracle || isBeforeProtocol(text, sign);
  const source = isSource ? findDataSource(text, sign, floor) : undefined;
  return source ?? (scan.hasLogin ? findLogin(text, sign) : undefined);
}

/** Headers with secrets are secrets, under whatever rule; other values are redacted for their names alone. */
function findNamed(scan: Scan, sign: number): Finding | undefined {
  const { text, rules, wordStart, wordEnd } = scan;
  if (wordEnd - wordStart < 3 && !mayBeShortName(text, wordStart, wordEnd)) return undefined;
  const found = findInEntry(scan, sign) ?? findAssigned(text, scan.runs, sign, wordStart, wordEnd);
  if (found === undefined || (rules.keys && rules.secrets)) return found;
  const isSecret = /^(?:cookie|authorization|bearer_token|basic_credentials)$/.test(found.kind);
  return isSecret === rules.secrets ? found : undefined;
}

/** Of the shortest words only a quoted part of a JSON Web Key is a name, and the end of `contraseña`. */
function mayBeShortName(text: string, wordStart: number, wordEnd: number): boolean {
  if (wordStart === 0 || wordStart === wordEnd) return false;
  const before = charCodeAt(text, wordStart - 1);
  return before === QUOTATION_MARK || before === APOSTROPHE || before === LETTER_N_TILDE;
}

/** Whether a word is the name of a parameter of a query. */
function isParameter(text: string, sign: number, wordStart: number): boolean {
  if (charCodeAt(text, sign) !== EQUALS || wordStart === 0) return false;
  const before = charCodeAt(text, wordStart - 1);
  return before === AMPERSAND || before === QUESTION_MARK;
}

function findInEntry(scan: Scan, sign: number): Finding | undefined {
  const { text, wordStart, wordEnd } = scan;
  if (!mayBelongToEntry(text, wordStart, wordEnd) || isParameter(text, sign, wordStart)) return undefined;
  scan.entries ??= createEntryFinder(text, scan.runs);
  return scan.entries.at(sign, wordStart, wordEnd);
}
