import { charCodeAt } from '../char-code-at.ts';
import { DOT, endOf, isWordStart, LETTER_OR_DIGIT, STAR, startOf, typeAt, WORD } from './characters.ts';
import { COLON, DOLLAR, FULL_STOP, LETTER_E, SLASH, TILDE } from './codes.ts';
import { matchAt, type Finding } from './finding.ts';
import { keyFormsAt, MAX_DOTTED_PREFIX, type KeyForm } from './provider-keys.ts';
import { isFiller, isWords, looksRandom } from './randomness.ts';
import type { Runs } from './runs.ts';
import { beginsWebToken, decodeBase64Url, webTokenEnd } from './web-token.ts';

/** Shortest word that can hold a key; shorter ones only can where dots or stars follow. */
export const MIN_KEY = 11;

/** What begins at a position: something to redact, or a text as long as that which is to stay. */
interface Judgement {
  readonly end: number;
  /** Absent for what stays. */
  readonly kind?: string;
}

/**
 * The first key or token in a long word, or in what a dot joins to it. Every character is looked at a bounded
 * number of times, because what was judged is never judged again.
 *
 * @param floor where the search may not go back beyond
 */
export function findProviderKey(
  text: string,
  runs: Runs,
  start: number,
  end: number,
  floor: number,
): Finding | undefined {
  const joined = joinedToWord(text, start, end, floor);
  if (joined !== undefined) return joined;
  let triesWebToken = true;
  for (let at = start; at < end; at = nextPart(text, at, end)) {
    let judgement = judgeForm(text, at) ?? judgeWhole(text, at, end);
    if (judgement === undefined && triesWebToken && charCodeAt(text, at) === LETTER_E && beginsWebToken(text, at)) {
      triesWebToken = false;
      judgement = judgeWebToken(text, at);
    }
    if (judgement?.kind !== undefined) return { start: at, end: judgement.end, kind: judgement.kind };
    if (judgement !== undefined) at = judgement.end - 1;
    else if (end - at >= SHORTEST_GLUED) {
      const glued = gluedKey(text, runs, at, end);
      if (glued !== undefined) return glued;
    }
  }
  return undefined;
}

/** Shortest part of a word in which a key is looked for behind a letter. */
const SHORTEST_GLUED = 24;
/** Behind so many characters no prefix of these goes on. */
const LONGEST_PREFIX = 9;

/** A key whose prefix follows a letter, as in `keyghp_…`: one of those that occur in no word, and with digits. */
function gluedKey(text: string, runs: Runs, start: number, end: number): Finding | undefined {
  const joint = endOf(text, start, LETTER_OR_DIGIT, end);
  if (joint === end) return undefined;
  for (let length = 4; length >= 2; length -= 1) {
    const at = joint - length;
    if (at <= start) continue;
    for (const form of keyFormsAt(text, at)) {
      if (form.isCommon || form.prefix.length < length || !text.startsWith(form.prefix, at)) continue;
      const behind = at + form.prefix.length;
      // What is refused is not left behind, so that more of these keys may begin in it.
      const bodyEnd = form.max === undefined ? runs.endOfKey(behind, form.alphabet) : undefined;
      const judgement = judgeBody(text, behind, form, bodyEnd);
      if (judgement?.kind === undefined) continue;
      const body = text.slice(at + LONGEST_PREFIX, Math.min(judgement.end, at + MAX_READ));
      if (body.length < 16 || !/\d/.test(body) || isWords(body)) continue;
      return { start: at, end: judgement.end, kind: judgement.kind };
    }
  }
  return undefined;
}

/** The key that begins at a position exactly. */
export function providerKeyAt(text: string, start: number): Finding | undefined {
  const end = endOf(text, start, WORD);
  const judgement = judgeForm(text, start) ?? judgeWhole(text, start, end) ?? judgeWebToken(text, start);
  return judgement?.kind === undefined ? undefined : { start, end: judgement.end, kind: judgement.kind };
}

/** Where the next part of a word begins, behind a dash or an underscore. */
function nextPart(text: string, at: number, end: number): number {
  const next = endOf(text, at, LETTER_OR_DIGIT, end);
  return Math.max(next, at) + 1;
}

function judgeForm(text: string, start: number): Judgement | undefined {
  for (const form of keyFormsAt(text, start)) {
    if (!text.startsWith(form.prefix, start)) continue;
    const judgement = judgeBody(text, start + form.prefix.length, form);
    if (judgement !== undefined) return judgement;
  }
  return undefined;
}

/** Most that is read to judge what stands behind a prefix, in UTF-16 units. */
const MAX_READ = 256;

/** @param known where what stands behind the prefix ends, where that is known */
function judgeBody(text: string, start: number, form: KeyForm, known?: number): Judgement | undefined {
  const limit = form.max === undefined ? text.length : start + form.max + 1;
  const reached = known ?? endOf(text, start, form.alphabet | STAR, Math.min(limit, text.length));
  // Dots and stars at the end belong to the sentence, or to Markdown.
  const end = known ?? startOf(text, reached, DOT | STAR, start);
  const length = end - start;
  if (length < form.min || (form.max !== undefined && length > form.max)) return undefined;
  if (form.max !== undefined && (typeAt(text, end) & LETTER_OR_DIGIT) !== 0) return undefined;
  const body = text.slice(start, Math.min(end, start + MAX_READ));
  const isMasked = body.includes('*');
  if (!isMasked && (isFiller(body) || (form.isCommon && isWords(body)))) return { end: reached };
  const kind = form.prefix === 'sk-' && body.includes('T3BlbkFJ') ? 'openai_key' : form.kind;
  return { end, kind };
}

function judgeWebToken(text: string, start: number): Judgement | undefined {
  const end = webTokenEnd(text, start);
  return end === undefined ? undefined : { end, kind: 'jwt' };
}

/** Shortest of these words: the first part of a token of Discord. */
const SHORTEST_WHOLE = 24;

/** Forms without a prefix, which are known by the length of the word and by what stands where in it. */
function judgeWhole(text: string, start: number, end: number): Judgement | undefined {
  const length = end - start;
  if (length < SHORTEST_WHOLE) return undefined;
  // Azure's keys carry a signature of the service that issued them.
  if (length === 84 && text.startsWith('JQQJ99', start + 52)) return { end, kind: 'azure_key' };
  if (length === 50 && text[start + 32] === '-') {
    return matchAt(/[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}/y, text, start) === null
      ? undefined
      : { end, kind: 'mailgun_key' };
  }
  const short = SHORT_PREFIXES[length];
  if (short !== undefined && text.startsWith(short.prefix, start)) return judgeShortPrefix(text, start, end, short);
  if ((length === 36 || length === 37) && text.startsWith('-us', start + 32)) {
    return matchAt(/[0-9a-f]{32}-us\d{1,2}(?!\w)/y, text, start) === null ? undefined : { end, kind: 'mailchimp_key' };
  }
  if (length >= 24 && length <= 28 && text[end] === '.') return judgeDiscordToken(text, start, end);
  return undefined;
}

/** Keys whose prefix is too short to mean anything without the exact length, which stands before each. */
const SHORT_PREFIXES: Readonly<Record<number, { prefix: string; form: RegExp; kind: string } | undefined>> = {
  // Shorter ones are the names of refunds.
  36: { prefix: 're_', form: /[A-Za-z\d]{8}_[A-Za-z\d]{24}/y, kind: 'resend_key' },
  43: { prefix: 'm0-', form: /[A-Za-z\d]{40}/y, kind: 'mem0_key' },
  46: { prefix: 'pa-', form: /[\w-]{43}/y, kind: 'voyage_key' },
};

function judgeShortPrefix(
  text: string,
  start: number,
  end: number,
  { prefix, form, kind }: { prefix: string; form: RegExp; kind: string },
): Judgement | undefined {
  const body = matchAt(form, text, start + prefix.length)?.[0] ?? '';
  const isKey = body !== '' && !isFiller(body) && !isWords(body) && looksRandom(body);
  return isKey ? { end, kind } : undefined;
}

/** Tokens of Discord: the number of the bot in base64, a time, a signature. */
function judgeDiscordToken(text: string, start: number, end: number): Judgement | undefined {
  const match = matchAt(/[\w-]{24,28}\.[\w-]{6}\.[\w-]{27,40}/y, text, start);
  if (match === null) return undefined;
  const id = decodeBase64Url(text.slice(start, end)) ?? '';
  return /^\d{17,20}$/.test(id) ? { end: start + match[0].length, kind: 'discord_token' } : undefined;
}

/** Forms whose long part follows a sign that belongs to no word. */
function joinedToWord(text: string, start: number, end: number, floor: number): Finding | undefined {
  switch (start === 0 ? 0 : charCodeAt(text, start - 1)) {
    case FULL_STOP:
      return dottedKey(text, start, floor);
    case COLON:
      return telegramToken(text, start, end, floor);
    case TILDE:
      return azureSecret(text, start - 6, floor);
    case DOLLAR:
      return paypalToken(text, start, floor);
    case SLASH:
      return googleToken(text, start, end, floor) ?? webhook(text, start, end, floor);
    default:
      return undefined;
  }
}

function dottedKey(text: string, start: number, floor: number): Finding | undefined {
  const first = startOf(text, start, WORD | DOT, Math.max(floor, start - MAX_DOTTED_PREFIX));
  for (let at = first; at < start; at += 1) {
    if (!isWordStart(text, at)) continue;
    const judgement = judgeForm(text, at);
    if (judgement?.kind !== undefined && judgement.end > start) {
      return { start: at, end: judgement.end, kind: judgement.kind };
    }
  }
  return undefined;
}

function telegramToken(text: string, start: number, end: number, floor: number): Finding | undefined {
  if (end - start !== 35 || !text.startsWith('AA', start)) return undefined;
  const match = /\d{8,10}:$/.exec(text.slice(Math.max(floor, start - 11), start));
  return match === null ? undefined : { start: start - match[0].length, end, kind: 'telegram_token' };
}

const AZURE_SECRET = /[\w.~-]{3}\dQ~[\w.~-]{31,34}(?![\w~-])/y;

/** Client secrets of Entra ID have `Q~` behind three characters and a digit. */
function azureSecret(text: string, start: number, floor: number): Finding | undefined {
  const match = start < floor ? null : matchAt(AZURE_SECRET, text, start);
  return match === null ? undefined : { start, end: start + match[0].length, kind: 'azure_secret' };
}

function paypalToken(text: string, start: number, floor: number): Finding | undefined {
  const before = /access_token\$(?:production|sandbox)\$$/.exec(text.slice(Math.max(floor, start - 32), start));
  const behind = matchAt(/[0-9a-z]{16}\$[0-9a-f]{32}/y, text, start);
  if (before === null || behind === null) return undefined;
  return { start: start - before[0].length, end: start + behind[0].length, kind: 'paypal_token' };
}

/** Refresh tokens begin with `1//0`, the codes of a redirect with `4/0`. */
function googleToken(text: string, start: number, end: number, floor: number): Finding | undefined {
  if (text[start] !== '0' || end - start < 24) return undefined;
  const first = text[start - 2] === '/' ? start - 3 : start - 2;
  if (first < floor || !isWordStart(text, first)) return undefined;
  const isToken = first === start - 3 ? text[first] === '1' : text[first] === '4' && end - start >= 40;
  return isToken ? { start: first, end, kind: 'google_token' } : undefined;
}

/** Addresses of which the path is the secret. */
const WEBHOOK =
  /(?:hooks\.slack\.com\/|discord(?:app)?\.com\/api\/webhooks\/|webhook\.office\.com\/|hooks\.zapier\.com\/)[\w/@-]*$/;

function webhook(text: string, start: number, end: number, floor: number): Finding | undefined {
  if (end - start < 22) return undefined;
  const before = text.slice(Math.max(floor, start - 128), start);
  return WEBHOOK.test(before) ? { start, end, kind: 'webhook_url' } : undefined;
}
