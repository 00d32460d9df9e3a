import type { Destination } from '../config/destinations.ts';
import { safeErrorMessage } from '../content/error-message.ts';
import { latePattern } from '../content/late-pattern.ts';

/** Longest part of what a backend says that is shown. */
const MAX_SHOWN = 200;

/**
 * What a backend says, as it may be shown: in one line, cut to length, without secrets and what it quotes. It may have
 * been sent what it quotes as content; and a key that is nothing but words is known by nobody but the configuration.
 */
export function shownWords(message: string, destination: Pick<Destination, 'url' | 'headers'>): string {
  const unquoted = withoutValues(inOneLine(message), credentialsOf(destination)).replaceAll(quoted(), '"…"');
  return safeErrorMessage(unquoted).slice(0, MAX_SHOWN).toWellFormed().trim();
}

const unprintable = latePattern(String.raw`[\p{C}\s]+`, 'gu');

/** Control characters would write to a terminal, and marks of direction turn a line around. */
function inOneLine(text: string): string {
  return text.replaceAll(unprintable(), ' ').trim();
}

/**
 * To the end where nothing closes it. An apostrophe within a word neither opens nor closes anything, but in Python a
 * letter or two may stand before what opens, and in Chinese any.
 */
const quoted = latePattern(
  [
    String.raw`"(?:\\.|[^"\\])*(?:"|\\?$)`,
    String.raw`(?<!\w)[bBrRuU]{0,2}'(?:\\.|[^'\\]|'(?=[\p{L}\p{N}_]))*(?:'|\\?$)`,
    '`[^`]*(?:`|$)',
    '“[^”]*(?:”|$)',
    '„[^“”]*(?:[“”]|$)',
    String.raw`\u201a(?:[^\u2018\u2019]|\u2019(?=[\p{L}\p{N}_]))*(?:[\u2018\u2019]|$)`,
    String.raw`\u2018(?:[^\u2019]|\u2019(?=[\p{L}\p{N}_]))*(?:\u2019|$)`,
    '«[^»]*(?:»|$)|»[^«»]*(?:[«»]|$)',
    '‹[^›]*(?:›|$)|›[^‹›]*(?:[‹›]|$)',
  ].join('|'),
  'gu',
);

const PLACEHOLDER = '[redacted]';
/** A shorter one is in too many words, and no secret. */
const MIN_WITHIN_WORDS = 4;

/** Longest first: one may be part of another. */
function withoutValues(text: string, values: ReadonlySet<string>): string {
  const patterns = [...values].toSorted((one, other) => other.length - one.length).map(patternOf);
  return patterns.length === 0 ? text : text.replaceAll(new RegExp(patterns.join('|'), 'giu'), PLACEHOLDER);
}

function patternOf(value: string): string {
  const pattern = value.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  return value.length < MIN_WITHIN_WORDS ? String.raw`(?<![\p{L}\p{N}])${pattern}(?![\p{L}\p{N}])` : pattern;
}

/** Everything the configuration sends along that may be a credential, in each way it may come back. */
function credentialsOf({ url, headers }: Pick<Destination, 'url' | 'headers'>): ReadonlySet<string> {
  const { search, searchParams } = new URL(url);
  const given = [...Object.values(headers).flatMap(partsOf), search.slice(1), ...searchParams.values()];
  const written = given.flatMap((value) => [value, encodeURIComponent(value.toWellFormed())]);
  return new Set(written.map(inOneLine).filter((value) => value !== ''));
}

/** A value, and what follows the name of a scheme or of a parameter in it: `Bearer key`, `key=value`. */
function partsOf(value: string): readonly string[] {
  const parts = value.split(/[\s=,;]+/).slice(1);
  const basic = /^\s*basic\s+(\S+)/i.exec(value)?.[1];
  return [value, ...parts, ...(basic === undefined ? [] : namesIn(Buffer.from(basic, 'base64').toString()))];
}

/** Name and password of Basic credentials. */
function namesIn(credentials: string): readonly string[] {
  const colon = credentials.indexOf(':');
  return [credentials, credentials.slice(0, Math.max(colon, 0)), credentials.slice(colon + 1)];
}
