import { guard } from '../guard.ts';

/** How deep a value is copied: the frames of a stack are on the sixth level of an event. */
const MAX_DEPTH = 12;
/** Most entries that are copied of one object or list. */
const MAX_ENTRIES = 1_000;
/** Most values that are copied in all. */
const MAX_VALUES = 100_000;
/** Longest text that is copied in all, in UTF-16 units. */
const MAX_TEXT_LENGTH = 4_000_000;
/** Texts up to this length are copied in any case: names and ids are no use when they are cut. */
const SHORT_TEXT_LENGTH = 200;

/**
 * JSON text of a value. What JSON cannot write is replaced by a word in brackets: a circle, a property that
 * throws when it is read, what lies too deep. So is half of a surrogate pair, by U+FFFD: Sentry refuses the whole
 * text it is in. Never throws.
 */
export function safeJson(value: unknown): string {
  // Nearly every value can be written as it is, so only one that cannot is copied.
  const text = guard(() => JSON.stringify(value) as string | undefined) ?? JSON.stringify(new JsonCopy().copy(value));
  return withoutHalves(text ?? 'null');
}

/** An escape. Only half of a surrogate pair is written as one that begins with `ud`; a backslash is one of its own. */
const ESCAPE = /\\(?:ud[0-9a-f]{3}|.)/g;

function withoutHalves(json: string): string {
  if (!json.includes('\\ud')) return json;
  return json.replace(ESCAPE, (escape) => (escape.startsWith('\\ud') ? '\ufffd' : escape));
}

/** Copies a value into one that holds nothing but what JSON can write. */
class JsonCopy {
  /** The objects around the one being copied. */
  readonly #around = new Set<object>();
  #values = 0;
  #textLength = 0;

  copy(value: unknown): unknown {
    this.#values += 1;
    switch (typeof value) {
      case 'number':
      case 'boolean':
        return value;
      case 'bigint':
        return String(value);
      case 'string': {
        const cut = value.slice(0, Math.max(MAX_TEXT_LENGTH - this.#textLength, SHORT_TEXT_LENGTH));
        this.#textLength += cut.length;
        return cut;
      }
      case 'object':
        return value === null ? null : this.#copyObject(value);
      default:
        return undefined;
    }
  }

  #copyObject(value: object): unknown {
    if (this.#around.has(value)) return '[circular]';
    if (this.#around.size >= MAX_DEPTH || this.#values >= MAX_VALUES) return '[cut]';
    this.#around.add(value);
    try {
      if ('toJSON' in value && typeof value.toJSON === 'function') return this.copy(value.toJSON());
      if (Array.isArray(value)) {
        const length = Math.min(value.length, MAX_ENTRIES);
        return Array.from({ length }, (_, index) => this.#copyProperty(value, index));
      }
      const keys = Object.keys(value).slice(0, MAX_ENTRIES);
      return Object.fromEntries(keys.map((key) => [key, this.#copyProperty(value, key)]));
    } catch {
      return '[unreadable]';
    } finally {
      this.#around.delete(value);
    }
  }

  #copyProperty(value: object, key: PropertyKey): unknown {
    try {
      return this.copy((value as Record<PropertyKey, unknown>)[key]);
    } catch {
      return '[unreadable]';
    }
  }
}
