import { cutBetweenWords } from './cut.ts';
import { asRedacted, type Redacted } from './redacted.ts';
import { copyRedacted, type JsonValue, type Place } from './redaction/copy.ts';
import { isSecretValue } from './redaction/named-value.ts';
import { isPhoneNumber } from './redaction/phone-number.ts';
import { providerKeyAt } from './redaction/provider-key.ts';
import { redactText, type ScanRules } from './redaction/scan.ts';
import { schemedAt } from './redaction/scheme.ts';
import { secretKindOf, type SecretKind } from './redaction/secret-names.ts';
import { remembering } from './remembering.ts';
import { isUnawaited } from './unawaited.ts';

export type { JsonValue } from './redaction/copy.ts';

/** A pattern of your own, and the word that stands in the place of what it matches: `[redacted:name]`. */
export interface NamedPattern {
  readonly name: string;
  readonly pattern: RegExp;
}

/** What is taken out of recorded content. Everything that can be switched is on unless switched off. */
export interface RedactionOptions {
  /**
   * Keys and tokens of providers, JSON Web Tokens, private keys, credentials behind `Bearer` and `Basic` and in URLs,
   * cookies.
   */
  readonly secrets?: boolean | undefined;
  /** Numbers of payment cards whose check digit is right. */
  readonly cards?: boolean | undefined;
  readonly emails?: boolean | undefined;
  /** International numbers, North American ones, and any that follow a word for telephone. */
  readonly phones?: boolean | undefined;
  /** Addresses on the Internet. Those of the machine itself and of private networks stay. */
  readonly ipAddresses?: boolean | undefined;
  /** What stands under the name of a secret: in objects, in JSON inside texts, in assignments and query parameters. */
  readonly keys?: boolean | undefined;
  /** Patterns of your own, tried before ours. Their time is yours to bound: they see up to a million characters. */
  readonly patterns?: readonly (RegExp | NamedPattern)[] | undefined;
  /**
   * Your own redaction, after ours. Gets every text, and the name it stands under. When it throws, or answers
   * something else than a text, a placeholder takes the place of the text.
   */
  readonly redact?: ((text: string, context: { readonly key?: string }) => string) | undefined;
}

/** Takes secrets and personal data out of texts and values. None of its functions throws. */
export interface Redactor {
  /** Whether a text always becomes the same: a function of the application need not answer the same each time. */
  readonly isSteady: boolean;
  /**
   * The text with placeholders such as `[redacted:openai_key]`. Only the first million characters are kept.
   *
   * @param key the name the text stands under, for the function of the application; the text is not judged by it
   */
  text(value: string, key?: string): Redacted;
  /** The name of an attribute. The function of the application is not asked about names. */
  name(name: string): string;
  /** A short text that comes again with every span: a name, an id. Redacted as any text, but remembered if it can be. */
  readonly label: (value: string, key?: string) => Redacted;
  /** The kind of secret the name of an attribute says its value is: by its last word, or by the last two. */
  secretKind(name: string): SecretKind | undefined;
  /** Whether the application has patterns, which look into numbers as well. */
  readonly readsNumbers: boolean;
  /** A number as it is, or the text that a pattern of the application makes of its decimal digits. */
  readonly number: (value: number) => number | Redacted;
  /** A redacted copy of any value, bounded in depth, number of values and text. */
  value(value: unknown): JsonValue;
  /** The JSON text of that copy. */
  json(value: unknown): Redacted;
}

/** Longest text that is redacted, in UTF-16 units. No backend takes one as long. */
const MAX_TEXT = 1_048_576;

/** Longest name or id that is, in UTF-16 units: the description of a tool, and no more. */
const MAX_LABEL = 8_192;

const FAILED = '[redaction failed]';

/**
 * Creates a redactor. Its time is linear in the length of what it is given, whatever that is.
 *
 * @throws {TypeError} when `patterns` or `redact` are not what they should be.
 */
export function createRedactor(options: RedactionOptions = {}): Redactor {
  const rules = rulesOf(options);
  const patterns = (options.patterns ?? []).map(readPattern);
  const { redact } = options;
  if (redact !== undefined && typeof redact !== 'function') {
    throw new TypeError(`redaction.redact must be a function, but is ${describe(redact)}`);
  }

  /** What patterns and rules make of a text. */
  const byRules = (kept: string): string =>
    redactText(patterns.length === 0 ? kept : applyPatterns(kept, patterns), rules, placeholder);
  const byAll = (kept: string, key: string | undefined): string =>
    redact === undefined ? byRules(kept) : applyFunction(redact, byRules(kept), key);
  const textOf = (text: string, key?: string): string => safely(text, MAX_TEXT, (kept) => byAll(kept, key));
  const nameOf = remembering((name) => safely(name, MAX_LABEL, byRules));
  const labelOf = (label: string, key?: string): string => safely(label, MAX_LABEL, (kept) => byAll(kept, key));
  const memberOf = (text: string, place: Place, maxLength: number): string =>
    safely(text, maxLength, (kept) => placeholderForName(kept, place, rules) ?? byAll(kept, place.key));
  const memberNameOf = redact === undefined ? nameOf : textOf;
  const copy = (value: unknown): JsonValue =>
    copyRedacted(value, {
      usesNames: rules.keys,
      readsNumbers: patterns.length > 0,
      name: (name) => memberNameOf(name),
      text: memberOf,
    });

  return {
    isSteady: redact === undefined,
    text: (text, key) => asRedacted(textOf(text, key)),
    name: nameOf,
    label: (redact === undefined ? nameOf : labelOf) as Redactor['label'],
    secretKind: (name) => (rules.keys ? unlessPlain(secretKindOfAttribute(name)) : undefined),
    readsNumbers: patterns.length > 0,
    number: (value) => {
      if (patterns.length === 0) return value;
      const redacted = applyPatterns(String(value), patterns);
      return redacted === String(value) ? value : asRedacted(redacted);
    },
    value: copy,
    json: (value) => asRedacted(JSON.stringify(copy(value))),
  };
}

function secretKindOfAttribute(name: string): SecretKind | undefined {
  const last = name.lastIndexOf('.');
  const kind = secretKindOf(name.slice(last + 1));
  return kind ?? (last === -1 ? undefined : secretKindOf(name.slice(name.lastIndexOf('.', last - 1) + 1)));
}

/** What some names say holds only for values of one form, and attributes of these names mostly have others. */
function unlessPlain(kind: SecretKind | undefined): SecretKind | undefined {
  return kind === 'connection' || kind === 'pin' || kind === 'basic_credentials' ? undefined : kind;
}

/** What stands in place of what was taken out. */
export function placeholder(kind: string): string {
  return `[redacted:${kind}]`;
}

function rulesOf(options: RedactionOptions): ScanRules {
  const { secrets = true, cards = true, emails = true, phones = true, ipAddresses = true, keys = true } = options;
  return { secrets, cards, emails, phones, ipAddresses, keys };
}

function keptOf(given: string, maxLength: number): string {
  const text = given.isWellFormed() ? given : given.toWellFormed();
  if (text.length <= maxLength) return text;
  const kept = cutBetweenWords(text, maxLength);
  return `${kept}… [${text.length - kept.length} characters left out]`;
}

/** What is made of the part of a text that is kept. */
function safely(text: string, maxLength: number, redactKept: (kept: string) => string): string {
  try {
    return redactKept(keptOf(text, maxLength));
  } catch {
    return FAILED;
  }
}

/** What stands in place of a text because of the name it has. */
function placeholderForName(text: string, { key, kind }: Place, rules: ScanRules): string | undefined {
  if (rules.phones && key !== undefined && isPhoneNumber(text, key)) return placeholder('phone');
  if (kind === undefined || !isSecretValue(text, kind, key ?? '')) return undefined;
  const schemed = schemedAt(text, 0);
  if (schemed?.end === text.length) return `${text.slice(0, schemed.start)}${placeholder(schemed.kind)}`;
  const known = providerKeyAt(text, 0);
  return placeholder(known?.end === text.length ? known.kind : kind);
}

interface ReadPattern {
  readonly pattern: RegExp;
  readonly placeholder: string;
}

function readPattern(given: unknown, index: number): ReadPattern {
  const { name, pattern } = given instanceof RegExp ? { name: 'custom', pattern: given } : partsOf(given);
  if (!(pattern instanceof RegExp) || typeof name !== 'string') {
    throw new TypeError(
      `redaction.patterns[${index}] must be a RegExp or { name, pattern: RegExp }, but is ${describe(given)}`,
    );
  }
  // A copy of our own: `lastIndex` of the given one is not ours to move.
  const flags = `${pattern.flags.replaceAll(/[gy]/g, '')}g`;
  return { pattern: new RegExp(pattern.source, flags), placeholder: placeholder(name) };
}

function partsOf(given: unknown): { readonly name?: unknown; readonly pattern?: unknown } {
  return typeof given === 'object' && given !== null ? given : {};
}

function applyPatterns(text: string, patterns: readonly ReadPattern[]): string {
  let result = text;
  for (const { pattern, placeholder } of patterns) {
    result = result.replace(pattern, (match) => (match === '' ? '' : placeholder));
  }
  return result;
}

function applyFunction(redact: NonNullable<RedactionOptions['redact']>, text: string, key: string | undefined): string {
  const result: unknown = redact(text, key === undefined ? {} : { key });
  if (typeof result === 'string') return result.toWellFormed();
  isUnawaited(result);
  return FAILED;
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
}
