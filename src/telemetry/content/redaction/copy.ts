import { isAnyError } from '../any-error.ts';
import { isUnawaited } from '../unawaited.ts';
import { isNumberSecret } from './judgement.ts';
import { kindOfField, PRIVATE_PARTS } from './entry.ts';
import { secretKindOf, type SecretKind } from './secret-names.ts';

/** A value `JSON.stringify` writes as it is. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Deepest nesting that is copied. Messages of models nest to about ten. */
const MAX_DEPTH = 32;
/** Most values and members that are copied. */
const MAX_VALUES = 20_000;
/** Most text that is copied, in UTF-16 units, names included. */
const MAX_TEXT = 1_048_576;

const CIRCULAR = '[circular]';
const UNREADABLE = '[unreadable]';
const TOO_DEEP = '[nested too deep]';
const LEFT_OUT = '[left out]';
/** The name under which an object says that not all of it was copied. */
const REST = '…';

/** Under which name a text stands. */
export interface Place {
  readonly key?: string;
  /** What the name, or that of an object around it, says of the value. */
  readonly kind?: SecretKind | undefined;
}

/** How texts are redacted. */
export interface TextRedactor {
  /** Whether the names of members say what to redact. */
  readonly usesNames: boolean;
  /** Whether any number may be one to redact, which by our own rules only long ones can. */
  readonly readsNumbers: boolean;
  /** @param maxLength most that may be read, in UTF-16 units */
  text(text: string, place: Place, maxLength: number): string;
  /** The name of a member. */
  name(name: string): string;
}

/**
 * A redacted copy of any value that JSON can write: bounded in depth, in number of values and in text, with words in
 * square brackets where something is missing. Reading a value may run code of the application; what that throws
 * becomes `[unreadable]`.
 *
 * As in `JSON.stringify`, `toJSON` is honoured, and functions, symbols and `undefined` are left out of objects and are
 * `null` in lists. Beyond it: numbers that are none, big integers, dates, errors, maps, sets and binary data keep
 * their meaning as texts, objects and lists.
 */
export function copyRedacted(value: unknown, redactor: TextRedactor): JsonValue {
  return new RedactedCopy(redactor).copy(value, {}, 0) ?? null;
}

class RedactedCopy {
  readonly #redactor: TextRedactor;
  /** The objects around the one being copied, which are few. */
  readonly #ancestors: object[] = [];
  #values = 0;
  #text = 0;

  constructor(redactor: TextRedactor) {
    this.#redactor = redactor;
  }

  /** `undefined` for what JSON leaves out. */
  copy(value: unknown, place: Place, depth: number): JsonValue | undefined {
    this.#values += 1;
    switch (typeof value) {
      case 'string':
        return this.#copyText(value, place);
      case 'number':
        return this.#copyNumber(value, place);
      case 'bigint':
        return this.#copyText(String(value), place);
      case 'boolean':
        return value;
      case 'object':
        return value === null ? null : this.#copyObject(value, place, depth);
      default:
        return undefined;
    }
  }

  #copyText(text: string, place: Place): string {
    const room = MAX_TEXT - this.#text;
    if (room <= 0) return LEFT_OUT;
    this.#text += Math.min(text.length, room);
    return this.#redactor.text(text, place, room);
  }

  #copyNumber(number: number, place: Place): JsonValue {
    if (!Number.isFinite(number)) return String(number);
    // A number can be one of a card or a telephone, and a password; most are neither.
    const mayBeSecret =
      this.#redactor.readsNumbers ||
      Math.abs(number) >= 1e6 ||
      (place.kind !== undefined && isNumberSecret(place.kind));
    if (!mayBeSecret) return number;
    const text = String(number);
    const redacted = this.#redactor.text(text, numberPlace(place), text.length);
    return redacted === text ? number : redacted;
  }

  #copyObject(value: object, place: Place, depth: number): JsonValue | undefined {
    if (this.#ancestors.includes(value)) return CIRCULAR;
    if (depth >= MAX_DEPTH) return TOO_DEEP;
    this.#ancestors.push(value);
    try {
      return this.#copyReadable(value, place, depth);
    } catch {
      return UNREADABLE;
    } finally {
      this.#ancestors.pop();
    }
  }

  #copyReadable(value: object, place: Place, depth: number): JsonValue | undefined {
    if (Array.isArray(value)) return this.#copyList(value, value.length, place, depth);
    // Most objects are plain, and have nothing of what is asked for below.
    if (Object.getPrototypeOf(value) !== Object.prototype) {
      const text = textOf(value);
      if (text !== undefined) return this.#copyText(text, place);
      if (value instanceof Map) return this.#copyMap(value, place, depth);
      if (value instanceof Set) return this.#copyList(this.#firstOf(value), value.size, place, depth);
    }
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') {
      const replaced: unknown = Reflect.apply(toJSON, value, [place.key ?? '']);
      if (isUnawaited(replaced)) return UNREADABLE;
      if (replaced !== value) return this.copy(replaced, place, depth + 1);
    }
    return this.#copyMembers(value as Record<string, unknown>, Object.keys(value), place, depth);
  }

  #copyList(items: readonly unknown[], length: number, place: Place, depth: number): JsonValue {
    const copies: JsonValue[] = [];
    let previous: unknown;
    for (let index = 0; index < length; index += 1) {
      if (this.#isFull) {
        copies.push(`[${length - index} left out]`);
        break;
      }
      try {
        const item = items[index];
        const named = this.#redactor.usesNames ? placeBehind(previous, item, index, length) : undefined;
        copies.push(this.copy(item, named ?? place, depth + 1) ?? null);
        previous = item;
      } catch {
        copies.push(UNREADABLE);
      }
    }
    return copies;
  }

  #copyMap(map: Map<unknown, unknown>, place: Place, depth: number): JsonValue {
    const entries = this.#firstOf(map);
    if (entries.some(([key]) => typeof key === 'object' && key !== null)) {
      return this.#copyList(entries, map.size, place, depth);
    }
    const values = Object.fromEntries(entries.map(([key, value]) => [String(key), value]));
    return this.#copyMembers(values, Object.keys(values), place, depth);
  }

  #copyMembers(
    object: Readonly<Record<string, unknown>>,
    keys: readonly string[],
    place: Place,
    depth: number,
  ): JsonValue {
    const isWebKey = keys.includes('kty');
    const inherited = isSchema(keys, place.kind) ? undefined : inheritedKind(place.kind);
    const copies: Record<string, JsonValue> = {};
    for (let index = 0; index < keys.length; index += 1) {
      if (this.#isFull) {
        copies[REST] = `[${keys.length - index} left out]`;
        break;
      }
      const key = keys[index]!;
      const kind = this.#redactor.usesNames
        ? ((isWebKey && PRIVATE_PARTS.has(key) ? 'private_key' : undefined) ??
          (key === 'value' || key === 'Value' || key === 'text' ? kindOfValue(object, keys, key) : undefined) ??
          (place.kind !== undefined && ANY_VALUE.test(key) ? place.kind : undefined) ??
          secretKindOf(key) ??
          inherited)
        : undefined;
      const copy = this.#copyMember(object, key, { key, kind }, depth);
      if (copy !== undefined) setMember(copies, this.#copyKey(keys, index, copies), copy);
    }
    return copies;
  }

  /** Reading a member may run code of the application. */
  #copyMember(
    holder: Readonly<Record<string, unknown>>,
    key: string,
    place: Place,
    depth: number,
  ): JsonValue | undefined {
    try {
      return this.copy(holder[key], place, depth + 1);
    } catch {
      return UNREADABLE;
    }
  }

  /** Objects are also indexed by e-mail addresses and by keys: where one has the same name already, it gets a number. */
  #copyKey(keys: readonly string[], index: number, copies: Readonly<Record<string, JsonValue>>): string {
    const key = keys[index]!;
    this.#text += key.length;
    const copy = this.#redactor.name(key);
    if (!Object.hasOwn(copies, copy)) return copy;
    // Which member it is: to count those of the same name would be to look at each of them again.
    let number = index + 1;
    // In steps that keep to numbers of its own, or names somebody chose for it would be looked at by each member.
    while (Object.hasOwn(copies, `${copy} (${number})`)) number += keys.length;
    return `${copy} (${number})`;
  }

  #firstOf<T>(items: Iterable<T>): readonly T[] {
    const first: T[] = [];
    for (const item of items) {
      if (this.#values + first.length >= MAX_VALUES) break;
      first.push(item);
    }
    return first;
  }

  get #isFull(): boolean {
    return this.#values >= MAX_VALUES || this.#text >= MAX_TEXT;
  }
}

/** What an object that is rather a text, a time or a block of bytes says. */
export function textOf(value: object): string | undefined {
  if (isAnyError(value)) return `${value.name}: ${value.message}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? String(value) : value.toISOString();
  if (value instanceof URL) return value.href;
  if (value instanceof RegExp) return String(value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[binary: ${value.byteLength} bytes]`;
  // Without this a `String` object would be copied letter by letter.
  return Object.prototype.toString.call(value) === '[object String]' ? String.prototype.valueOf.call(value) : undefined;
}

/**
 * What an item of a list is, going by the one before: a list may be an entry, such as that of a header, the headers
 * of a request one after another, or the arguments of a command.
 */
function placeBehind(name: unknown, value: unknown, index: number, length: number): Place | undefined {
  if (typeof name !== 'string' || typeof value === 'object') return undefined;
  const isOption = name.startsWith('--') && !name.includes('=');
  if (!isOption && (index % 2 === 0 || length % 2 === 1)) return undefined;
  const kind = secretKindOf(name);
  if (kind === undefined) return undefined;
  // A longer list may also be one of names.
  const isNamed = isOption || length === 2 || isHeader(name, kind);
  return isNamed && !isNameToo(value) ? { key: name, kind } : undefined;
}

/** `X-Api-Key`; a name of two words joined by anything else may be one of a list of names. */
function isHeader(name: string, kind: SecretKind): boolean {
  return name.includes('-') || kind === 'authorization' || kind === 'cookie' || name.toLowerCase() === 'apikey';
}

function isNameToo(value: unknown): boolean {
  return typeof value === 'string' && (value.startsWith('--') || secretKindOf(value) !== undefined);
}

/** Members that say which field the tool of a browser fills in. */
const FIELDS = ['selector', 'element'];
/** Members that name the one called `value`, as in `{ name: 'X-Api-Key', value: … }`. */
const NAMING = ['name', 'key', 'Name', 'Key', ...FIELDS];

/** What a member called `value` is, going by the one that names it, which is not read where that would run code. */
function kindOfValue(object: object, keys: readonly string[], key: string): SecretKind | undefined {
  const naming = (key === 'text' ? FIELDS : NAMING).find((name) => keys.includes(name));
  const name = naming === undefined ? undefined : textIn(object, naming);
  if (naming === undefined || name === undefined) return undefined;
  if (!FIELDS.includes(naming)) return secretKindOf(name);
  return /\s/.test(textIn(object, key) ?? ' ') ? undefined : kindOfField(name.slice(0, MAX_FIELD));
}

/** Most that is read of what names a field, in UTF-16 units. */
const MAX_FIELD = 160;

function textIn(object: object, key: string): string | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(object, key)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** What OTLP in JSON writes around a value. */
const ANY_VALUE = /^(?:(?:string|int|array)Value|values)$/;

/** Everything in an object called `credentials`, `cookies` or `secrets` is one. */
function inheritedKind(kind: SecretKind | undefined): SecretKind | undefined {
  return kind === 'credentials' || kind === 'cookie' || kind === 'secret' ? kind : undefined;
}

/** The definition of a tool describes its secrets, and holds none. */
function isSchema(keys: readonly string[], kind: SecretKind | undefined): boolean {
  return kind !== undefined && ['type', '$ref', 'anyOf', 'properties'].some((key) => keys.includes(key));
}

/** Sets a member also where it is called `__proto__`, which to assign would set the prototype. */
function setMember(object: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** Only under some names a number is a secret; under the others it counts something. */
function numberPlace({ key, kind }: Place): Place {
  const known = kind !== undefined && isNumberSecret(kind) ? kind : undefined;
  return key === undefined ? { kind: known } : { key, kind: known };
}
