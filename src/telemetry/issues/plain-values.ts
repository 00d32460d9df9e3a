import { isAnyError } from '../content/any-error.ts';
import { beginning, shortened } from '../content/error-message.ts';
import type { ContentPolicy } from '../content/policy.ts';
import { textOf } from '../content/redaction/copy.ts';
import { linkedErrors } from '../linked-errors.ts';

/** How deep a context block is copied, as deep as Sentry's own SDKs do by default. */
const MAX_DEPTH = 3;
/** Most entries of one object or list. */
const MAX_ENTRIES = 50;
/** Most values of one block. */
const MAX_VALUES = 500;

/**
 * A copy of a context block an application has set that JSON can write: bounded in depth and size, without
 * secrets. An error in it becomes its class and message, for its other properties may hold a whole prompt.
 * Never throws, also for values whose properties do.
 */
export function plainRecord(record: Readonly<Record<string, unknown>>, policy: ContentPolicy): Record<string, unknown> {
  // Plain first, so that the redactor, which knows secrets by their names, finds nothing but plain values.
  const json = policy.redactor.json(new PlainCopy(policy).copy(record, 0));
  const copy: unknown = JSON.parse(json, (_, value: unknown) => (typeof value === 'string' ? shortened(value) : value));
  return typeof copy === 'object' && copy !== null && !Array.isArray(copy) ? (copy as Record<string, unknown>) : {};
}

class PlainCopy {
  readonly #policy: ContentPolicy;
  #values = 0;

  constructor(policy: ContentPolicy) {
    this.#policy = policy;
  }

  copy(value: unknown, depth: number): unknown {
    this.#values += 1;
    switch (typeof value) {
      case 'string':
        return beginning(value);
      case 'boolean':
      case 'undefined':
        return value;
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'bigint':
        return String(value);
      case 'object':
        return value === null ? null : this.#copyObject(value, depth);
      default:
        // A function or a symbol says nothing to a reader.
        return undefined;
    }
  }

  #copyObject(value: object, depth: number): unknown {
    try {
      if (isAnyError(value)) return errorSummary(value, this.#policy);
      const text = textOf(value);
      if (text !== undefined) return beginning(text);
      if (depth >= MAX_DEPTH || this.#values >= MAX_VALUES) return Array.isArray(value) ? '[list]' : '[object]';
      if (Array.isArray(value)) {
        return Array.from({ length: Math.min(value.length, MAX_ENTRIES) }, (_, index) =>
          this.#copyProperty(value, index, depth),
        );
      }
      const entries = Object.keys(value)
        .slice(0, MAX_ENTRIES)
        .map((key) => [key, this.#copyProperty(value, key, depth)] as const);
      return Object.fromEntries(entries.filter(([, copy]) => copy !== undefined));
    } catch {
      return '[unreadable]';
    }
  }

  #copyProperty(value: object, key: PropertyKey, depth: number): unknown {
    try {
      return this.copy((value as Record<PropertyKey, unknown>)[key], depth + 1);
    } catch {
      return '[unreadable]';
    }
  }
}

function errorSummary(error: Error, policy: ContentPolicy): string {
  const { type, message } = linkedErrors(error, policy)[0]!;
  return `${type}: ${message}`;
}
