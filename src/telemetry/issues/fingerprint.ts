import { codeInCapitals, ownCode } from '../content/error-code.ts';
import { WITHHELD } from '../content/error-text.ts';
import type { Redactor } from '../content/redactor.ts';
import type { FailurePoint } from '../failure-points.ts';
import { httpStatus } from '../linked-errors.ts';
import { SCOPE_NAME } from '../semconv.ts';
import { codePattern, messagePattern, namePattern } from './message-pattern.ts';
import type { SentryFrame } from './sentry-event.ts';
import { isOfBundledPackages } from './stack-frames.ts';

/** What of a failure decides which Issue it belongs to. */
export interface FingerprintedFailure {
  /** Absent for an error the application captured by itself. */
  readonly point?: FailurePoint | undefined;
  /** Read only for its status or code, and for the models a chain has tried. */
  readonly error: unknown;
  readonly type: string;
  readonly message: string;
  /** Oldest call first. */
  readonly frames: readonly SentryFrame[];
  readonly tags: Readonly<Record<string, string>>;
  /** For what is read from the error. */
  readonly redactor: Redactor;
}

/** Tags whose values are part of the cause: the same error of another tool is another problem. */
const SUBJECTS = ['agent', 'tool', 'memory_store', 'transport'] as const;

/** Most models of a chain that are told apart. */
const MAX_MODELS = 20;
const MAX_PART = 200;

/**
 * The fingerprint of a failure: failures with the same one become one Issue. It says where it failed, with
 * which class of error, at which place of the application's code, with which class of HTTP status or which code, and
 * of which agent, tool, store and transport. Ids, numbers and line numbers are no part of it, so that one cause stays
 * one Issue, also after an edit further up in the file.
 *
 * @see https://docs.sentry.io/concepts/data-management/event-grouping/fingerprint-rules/
 */
export function failureFingerprint(failure: FingerprintedFailure): string[] {
  const { point, type, tags } = failure;
  return [point ?? 'captured', classPattern(type), ...cause(failure), ...subjects(tags)].map(cut);
}

/** The fingerprint of a message the application captured. */
export function messageFingerprint(message: string, tags: Readonly<Record<string, string>>): string[] {
  return ['message', messagePattern(message), ...subjects(tags)].map(cut);
}

/**
 * What tells failures of one fingerprint apart while they come: the line of the application's code, and the HTTP
 * status or the code without its ids. It may change with every edit, so that it groups nothing.
 */
export function failureDetail(error: unknown, frames: readonly SentryFrame[]): string {
  const { lineno, colno } = frames.findLast(({ in_app }) => in_app) ?? {};
  return [lineno, colno, httpStatus(error) ?? codeOf(error)].join(':');
}

function cause(failure: FingerprintedFailure): readonly string[] {
  const { error, type, redactor } = failure;
  // Every exhausted chain throws at the same place, and says in its message what only its length may tell.
  const models = type === 'AllModelsFailedError' ? failedModels(error, redactor) : [];
  return models.length > 0 ? models : [...place(failure), ...answer(error)];
}

/** Where in the application it failed, or its message where that is not known well enough. */
function place({ message, frames, tags }: FingerprintedFailure): readonly string[] {
  const telling = tellingFrames(frames, message);
  const innermost = telling.at(-1);
  if (innermost === undefined) return [messagePattern(message)];
  // What a tool or a store runs is known by its name, whoever calls it.
  const isNamed = tags['tool'] !== undefined || tags['memory_store'] !== undefined;
  if (isNamed) return [placeOf({ ...innermost, function: withoutMinified(innermost.function) })];
  if (!isNameless(innermost)) return [placeOf(innermost)];
  const caller = telling.findLast((frame) => !isNameless(frame));
  return [placeOf(innermost), caller === undefined ? messagePattern(message) : placeOf(caller)];
}

/**
 * The frames of the application; where there are none, and the message tells nothing, those of packages. Faultline calls
 * whatever fails, by functions that may have other names in its next version.
 */
function tellingFrames(frames: readonly SentryFrame[], message: string): readonly SentryFrame[] {
  const ofApplication = frames.filter(({ in_app }) => in_app);
  if (ofApplication.length > 0 || !message.startsWith(WITHHELD)) return ofApplication;
  return frames.filter(isOfPackage);
}

function isOfPackage({ module, filename }: SentryFrame): boolean {
  if (module !== undefined) return module !== SCOPE_NAME;
  return isOfBundledPackages(filename) && !filename.includes(`_${SCOPE_NAME}_`);
}

/** Of a package its name tells enough: where its files are is up to who installs it. */
function placeOf({ function: name, module, filename }: SentryFrame): string {
  return `${codePattern(name.replace(MINIFIED_CLASS, '#'))} in ${module ?? withoutHash(filename)}`;
}

/** What minifiers call functions and classes: the same one otherwise in every build. */
const MINIFIED = /^(?:new )?[\w$]{1,2}$/;
const MINIFIED_CLASS = /^[\w$]{1,2}(?=\.)/;

function withoutMinified(name: string): string {
  return name.replace(MINIFIED, '#');
}

function classPattern(type: string): string {
  return codePattern(withoutMinified(type));
}

/**
 * Whether a function shares its name with others of its file. Source maps call one by the word it begins with; compilers
 * let functions of their own go on behind an `await`, for targets older than ES2017.
 */
function isNameless({ function: name }: SentryFrame): boolean {
  return NAMELESS.test(name) || OF_COMPILER.test(name);
}

const NAMELESS = /(?:^|[ .])(?:<(?:anonymous|computed)>|async)$/;
/** Of TypeScript, esbuild, and SWC and Babel. Bundlers number what several files bring. */
const OF_COMPILER = /^(?:fulfilled|rejected|__awaiter|__async|asyncGeneratorStep|_next|_throw)\$?\d*$/;

/** The class of the HTTP status of an error, or its code. */
function answer(error: unknown): readonly string[] {
  const status = httpStatus(error);
  if (status !== undefined) return [reasonPattern(String(status))];
  const code = codeOf(error);
  return code === undefined ? [] : [code];
}

/** The code of an error without ids. Those of databases and protocols have none in them: each digit tells what failed. */
function codeOf(error: unknown): string | undefined {
  const code = ownCode(error);
  return code !== undefined && code === codeInCapitals(error) ? codePattern(code) : code;
}

/**
 * `model:reason` of the models of an exhausted chain, each once and in one order: how often and when a model was
 * tried is chance. A reason is a class of errors or of statuses, never a message.
 */
function failedModels(error: unknown, redactor: Redactor): readonly string[] {
  try {
    const { attempts } = error as { readonly attempts?: unknown };
    if (!Array.isArray(attempts)) return [];
    const failed = attempts.map(({ model, reason }: { readonly model?: unknown; readonly reason?: unknown }) =>
      typeof model === 'string' && typeof reason === 'string'
        ? redactor.text(`${model}:${reasonPattern(reason)}`)
        : 'unknown',
    );
    return [...new Set<string>(failed)].toSorted().slice(0, MAX_MODELS);
  } catch {
    // A property that throws when it is read.
    return [];
  }
}

/** The class of a status, `5xx` for 503, or of an error. */
function reasonPattern(reason: string): string {
  return /^\d{3}$/.test(reason) ? `${reason[0]}xx` : classPattern(reason);
}

function subjects(tags: Readonly<Record<string, string>>): readonly string[] {
  return SUBJECTS.flatMap((tag) => (tags[tag] === undefined ? [] : [`${tag}:${namePattern(tags[tag])}`]));
}

/** The hash of its content in the name of a bundled file. */
const CONTENT_HASH = new RegExp(
  [
    // webpack and esbuild
    '(?<=[-._])(?:[0-9a-f]{8,64}|[0-9A-Z]{8})',
    // Rollup and Rolldown, for Astro behind a `_`; words have no two capitals, no capital and a digit, and no digit before
    // a letter: `model-v2`
    '(?<=-|(?:^|/)chunks/[^/]{0,99}_)(?=[\\w-]{0,6}(?:[A-Z][\\w-]{0,6}[A-Z\\d]|\\d[\\w-]{0,6}[A-Z]|\\d[a-z_]))[\\w-]{8}',
    // Turbopack
    '(?<=_)[0-2][0-9a-z_-]{12}',
  ]
    .map((hash) => `${hash}(?=\\.)`)
    .join('|'),
  'g',
);

/** What folders of releases and of jobs are called after. A date without a time may be the version of an API. */
const RELEASE_NAME = [
  // A UUID
  '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}',
  // A time
  '\\d{4}-?\\d{2}-?\\d{2}[T_-]?\\d{2}[.:-]?\\d{2}(?:[.:-]?\\d{2}(?:[.-]?\\d{3})?)?Z?',
  // A commit, also the beginning of one, or a number, and no word with a number: `decade2`
  '(?=[a-f]{0,63}\\d)(?![a-f]{4,63}\\d+[/_.-])[0-9a-f]{7,64}',
].join('|');

const DATE = '\\d{4}-\\d{2}-\\d{2}';

/** One of them, or a few behind each other, such as a time with a commit. A date beside one is no version of an API. */
const RELEASE = new RegExp(
  `(?<![^/_.-])(?:${DATE}[_.-])?(?:${RELEASE_NAME})(?:[_.-](?:${RELEASE_NAME}|${DATE})){0,3}(?=/)`,
  'gi',
);

/** The version in the name of such a folder, with what says how far it is. Another word stays: `app-1.4.2-worker`. */
const VERSION = new RegExp(
  [
    '(?<![^/_.-])v?\\d+\\.\\d+\\.\\d+',
    '(?:[.+-](?:(?:alpha|beta|build|canary|dev|next|nightly|pr|pre|preview|rc|sha|snapshot)\\d{0,17}',
    '|g?[0-9a-f]{7,64}|\\d{1,6})(?=[/.+-])){0,5}',
    '(?=(?:[+-][\\w.+-]{1,64})?/)',
  ].join(''),
  'gi',
);

/** The path of a file without what is another one in every build and release. */
function withoutHash(filename: string): string {
  return filename.replace(CONTENT_HASH, '#').replace(VERSION, '#').replace(RELEASE, '#');
}

function cut(part: string): string {
  return part.slice(0, MAX_PART).toWellFormed();
}
