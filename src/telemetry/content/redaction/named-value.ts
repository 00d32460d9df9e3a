import { BASE64_SIGN, LETTER_OR_DIGIT, typeAt, WORD } from './characters.ts';
import { isFiller, isWords, looksRandom } from './randomness.ts';
import { MAX_NAME, secretKindOf, type SecretKind } from './secret-names.ts';
import { decodeBase64Url } from './web-token.ts';

/** Words that stand for a value, or for its absence or type. */
const ORDINARY = new RegExp(
  [
    '^(?:true|false|null|nil|none|undefined|nan|yes|no|on|off|any|str|string|number|integer|int|float|boolean|bool|bytes',
    'include|enabled|disabled|same-origin|omit|object|array|unknown|never|void|optional|required|missing|invalid|incorrect|wrong|expired|empty|hidden|masked|set|bearer|basic',
    'unset|not|changed|revoked|redacted|filtered|removed|secret|password|token|example|change-?me|default|auto|inherit',
    'minimum|maximum|see|is|the|a|an|must|for|from|in|as|to|and|or|was|has|if|when|please|enter|your|new|old|error|failed|ok)[.!?:]?$',
  ].join('|'),
  'i',
);

const LONGEST_ORDINARY = 12;

/** Values that are put in later, `${TOKEN}`, `$TOKEN`, `{{token}}`, `<token>`, `%TOKEN%`, and those taken out. */
const REFERENCE = new RegExp(
  [
    /^\$(?:[({]|(?:[A-Z_][A-Z0-9_]*|[a-z_]+)$)/,
    /^\{(?:\{|[\w.]{0,64}\}$)/,
    /^<[^>]{0,64}>?$/,
    /^%(?:[A-Z_]{2,64}%$|[sd]$|\()/,
    /^@[A-Z_]{1,64}@$/,
    /^%24(?:%7[Bb]|%28)/,
    /^(?:[\w-]{2,20} )?\[(?:[Rr]edacted|REDACTED|[Ff]iltered|FILTERED|removed|hidden|masked|object)/,
    /^(?:process\.env|os\.environ)\b/,
  ]
    .map(({ source }) => source)
    .join('|'),
);
/** What one begins with, or has behind a word. */
const REFERENCE_SIGNS = '${<%@po';

function isReference(text: string): boolean {
  const isOne = REFERENCE_SIGNS.includes(text[0]!) || text.lastIndexOf('[', 28) !== -1 || SCHEMED.test(text);
  return isOne && REFERENCE.test(text.replace(SCHEMED, ''));
}

const SCHEMED = /^(?:Bearer|Basic|Token) /;
const PATH = /^(?:[~.]?\/|\.\.?\/|[A-Z]:\\)/;

/** What values look like under names that say too little by themselves. */
const FORMS: Partial<Record<SecretKind, RegExp>> = {
  basic_credentials: /^[\w+/-]{8,}={0,2}$/,
  pin: /^\d{4,10}$/,
  one_time_code: /^(?:\d{4,10}|[A-Z2-7]{16,128}|(?=[\w-]{8,64}$)\D{0,64}\d[\w-]*)$/,
  national_id: /^\d{3}[- ]?\d{2}[- ]?\d{4}$/,
  iban: /^[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}$/,
  // Twelve to 24 words (BIP 39).
  recovery_phrase: /^(?:(?:[a-z]{3,12} ){11,23}[a-z]{3,12}|[\w+/-]{16,}={0,2})$/,
  // Addresses and lists of parameters are looked into for what is secret in them.
  connection: /^[\w+/-]{16,}={0,2}$/,
};

/** Whether a value has the form without which its name says too little. */
export function hasForm(value: string, kind: SecretKind): boolean {
  const form = FORMS[kind];
  return form === undefined || form.test(value.trim());
}

/** Shortest part of a secret that stands for nothing, though dots stand for the rest of it. */
const MIN_PART = 8;
/** Where a part has a digit, if it has one. */
const BEGINNING = 64;

/** A value without the dots at its end, where so much of a secret stands before them. */
function withoutDots(value: string): string {
  const end = value.length - (value.endsWith('…') ? 1 : 3);
  if (end < MIN_PART || !(value.endsWith('…') || value.endsWith('...'))) return value;
  const isPart = (typeAt(value, end - 1) & (LETTER_OR_DIGIT | BASE64_SIGN)) !== 0;
  return isPart && /\d/.test(value.slice(0, BEGINNING)) ? value.slice(0, end) : value;
}

/** Whether what has the name of a secret is one: neither empty, nor a stand-in, nor a word that says what is meant. */
export function isSecretValue(value: string, kind: SecretKind, name: string): boolean {
  const text = value.trim();
  const isShortest = kind === 'password' || kind === 'card_code' ? 3 : 4;
  if (text.length < isShortest) return false;
  const form = FORMS[kind];
  if (form !== undefined && !form.test(text)) return false;
  // The shell keeps its working directory under this name.
  if (PATH.test(text) && /^(?:old)?pwd$/i.test(name)) return false;
  if (isReference(text) || isFiller(withoutDots(text))) return false;
  if (text.length <= LONGEST_ORDINARY && ORDINARY.test(text)) return false;
  if (kind === 'basic_credentials') return isBasic(text);
  if (kind === 'connection') return looksRandom(text) && !isWords(text);
  // Only what people think up has spaces in it.
  if (/\s/.test(text) && (kind === 'token' || kind === 'api_key' || kind === 'signature')) return isSchemed(text);
  return true;
}

/** Whether a text is a user and a password in base64. */
function isBasic(text: string): boolean {
  return /^[\x20-\x7e]+:[\x20-\x7e]+$/.test(decodeBase64Url(text) ?? '');
}

/** `Bearer …`, `Token …`: the name of a scheme and one word. */
function isSchemed(text: string): boolean {
  return /^[\w-]{2,20} \S{4,}$/.test(text);
}

/** An expression of a program, which names where the value comes from. */
const EXPRESSION =
  /^(?:(?:self|this|process|env|os|var|local|module|config|settings|options|opts|props|params|args|kwargs|req|request|res|response|ctx|context|secrets|vars|data|user|input|body|headers|event|client|credentials|state|session|auth|app|values|account|import|await|new|form|result)(?:\??\.|\[|$)|[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*){0,8}[([])/;

/** Whether a value without quotes is code: a call, a member of an object, a variable named like the secret itself. */
export function isExpression(value: string): boolean {
  if ((typeAt(value, 0) & WORD) === 0 && !value.startsWith('$')) return false;
  const start = value.slice(0, 256);
  if (EXPRESSION.test(start)) return true;
  return value.length <= MAX_NAME && /^[A-Za-z_$]+$/.test(start) && secretKindOf(start) !== undefined;
}
