import type { Environment } from './environment.ts';
import { alternatives, describe, isRecord, WRAPPED_IN_QUOTES, type Kind } from './kinds.ts';
import type { BatchOptions, RecorderOptions, SpanLimits, TracingOptions } from './options.ts';

/** One thing a person should know, said once per `key`. */
export interface Problem {
  /** Of the configuration, the option or variable it is about. */
  readonly key: string;
  /** One sentence: what was expected, what came, what to do. Never a key, a header value or content. */
  readonly message: string;
}

/** Hears of problems. */
export type Reporter = (problem: Problem) => void;

/** Path of an option inside `TracingOptions`. */
type OptionPath =
  | keyof TracingOptions
  | `batch.${keyof BatchOptions}`
  | `recorder.${keyof RecorderOptions}`
  | `spanLimits.${keyof SpanLimits}`;

/** One setting, as data: what it is, and under which names code and environment may set it. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly option?: OptionPath;
  /** Most specific first. */
  readonly variables?: readonly string[];
}

/** A usable value, and the option or variable it came from. */
export interface Found<T> {
  readonly key: string;
  readonly value: T;
}

/** One source of settings. */
export interface Layer {
  /** Usable values of a setting in this source, strongest first. */
  read<T>(setting: Setting<T>): Iterable<Found<T>>;
}

/** All sources of settings, in the one order of precedence: code, environment, defaults. */
export interface Settings {
  readonly layers: readonly Layer[];
  readonly report: Reporter;
  /** Every usable value of a setting, strongest first. */
  all<T>(setting: Setting<T>): Iterable<Found<T>>;
  /** The value that counts. Weaker sources are not even looked at, so they are not reported either. */
  get<T>(setting: Setting<T>): T | undefined;
  /** Reads settings from code alone, to find a wrong value also where this run would not look. */
  checkCode(settings: Iterable<Setting<unknown>>): void;
}

/**
 * The sources of one resolution.
 *
 * @throws {TypeError} while reading, when a value in code is wrong
 */
export function createSettings(options: TracingOptions, environment: Environment, report: Reporter): Settings {
  const code = codeLayer(options, '');
  const defaults = codeLayer(options.defaults, 'defaults.');
  const layers = [code, environmentLayer(environment, report), defaults];
  function* all<T>(setting: Setting<T>): Generator<Found<T>> {
    for (const layer of layers) yield* layer.read(setting);
  }
  return {
    layers,
    report,
    all,
    get: (setting) => first(all(setting)),
    checkCode(settings) {
      const groups = new Map<string, string[]>();
      for (const setting of settings) {
        first(code.read(setting));
        first(defaults.read(setting));
        const [group, field] = setting.option?.split('.') ?? [];
        if (group !== undefined && field !== undefined) groups.set(group, [...(groups.get(group) ?? []), field]);
      }
      for (const [group, fields] of groups) {
        checkGroup(options, group, fields, '');
        checkGroup(options.defaults, group, fields, 'defaults.');
      }
    },
  };
}

/** Value of the strongest candidate. */
export function first<T>(candidates: Iterable<Found<T>>): T | undefined {
  for (const { value } of candidates) return value;
  return undefined;
}

function codeLayer(options: unknown, prefix: string): Layer {
  return {
    *read({ kind, option }) {
      const value = option === undefined ? undefined : valueAt(options, option);
      if (isUnset(value)) return;
      const key = `${prefix}${option}`;
      const reading = kind.fromCode(value);
      if (reading.value === undefined || reading.problem !== undefined) {
        throw new TypeError(`${key} ${reading.problem}.`);
      }
      yield { key, value: reading.value };
    },
  };
}

/** Of a field that is called otherwise nobody would notice that it has no effect. */
function checkGroup(options: unknown, group: string, fields: readonly string[], prefix: string): void {
  const value = valueAt(options, group);
  if (isUnset(value)) return;
  const expected = `${prefix}${group} must be an object of ${alternatives(fields)}`;
  if (!isRecord(value)) throw new TypeError(`${expected}, but is ${describe(value)}.`);
  const unknown = Object.keys(value).find((field) => !fields.includes(field));
  if (unknown !== undefined) throw new TypeError(`${expected}, but has ${describe(unknown)}.`);
}

/**
 * As a shell and dotenv remove them; `docker run --env-file` and `set` of Windows do not. Those of a list whose entries
 * have quotes are no pair.
 */
const QUOTED = /^(["'`])((?:(?!\1).)*)\1$/s;

function environmentLayer(environment: Environment, report: Reporter): Layer {
  return {
    *read({ kind, variables = [] }) {
      for (const key of variables) {
        // An empty value means unset: OpenTelemetry specification, SDK environment variables.
        const written = environment[key]?.trim() ?? '';
        const [, , quoted] = QUOTED.exec(written) ?? [];
        const text = quoted?.trim() ?? written;
        if (text === '') continue;
        if (quoted !== undefined) report({ key: `${key}:quotes`, message: `${key} ${WRAPPED_IN_QUOTES}.` });
        const reading = kind.fromText(text, key);
        if (reading.problem !== undefined) report({ key, message: `${key} ${reading.problem}.` });
        if (reading.value !== undefined) yield { key, value: reading.value };
      }
    },
  };
}

/** An empty YAML field arrives as `null`, an unset variable passed on in code as `undefined` or an empty text. */
function isUnset(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

function valueAt(options: unknown, path: string): unknown {
  return path.split('.').reduce((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], options);
}
