import type { Attributes } from '@opentelemetry/api';

/**
 * How attributes stand in a record: as they are, because JSON carries nearly all of them. What it does not
 * carry becomes an object with one key, which no attribute value otherwise is:
 *
 * - `{"n":"NaN"}`: a number that is not finite
 * - `{"b":"…"}`: bytes, as base64
 * - `{"m":{…}}`: a map, which newer SDKs take as a value
 *
 * What OTLP has no value for, such as `undefined`, becomes `null`: both are sent as an empty value.
 */
export type AttributesRecord = Readonly<Record<string, unknown>>;

/** Turns attributes into their record. Nothing is copied when JSON carries every value. */
export function recordAttributes(attributes: Attributes): AttributesRecord {
  for (const key in attributes) {
    if (!isPlain(attributes[key])) return recordMap(attributes);
  }
  return attributes;
}

/** Reads attributes back. */
export function attributesOf(record: AttributesRecord): Attributes {
  for (const key in record) {
    if (isTagged(record[key])) return mapOf(record) as Attributes;
  }
  return record as Attributes;
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      return value === null || (Array.isArray(value) && value.every(isPlain));
    default:
      return false;
  }
}

// `Object.fromEntries` defines properties, so that a key such as `__proto__` stays an ordinary one.
function recordMap(map: object): AttributesRecord {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, recordValue(value)]));
}

function recordValue(value: unknown): unknown {
  if (isPlain(value)) return value;
  if (typeof value === 'number') return { n: String(value) };
  if (value instanceof Uint8Array) return { b: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return Array.from(value, recordValue);
  if (typeof value === 'object' && value !== null) return { m: recordMap(value) };
  return null;
}

function isTagged(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (!Array.isArray(value) || value.some(isTagged));
}

function mapOf(record: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, valueOf(value)]));
}

function valueOf(value: unknown): unknown {
  if (!isTagged(value)) return value;
  if (Array.isArray(value)) return value.map(valueOf);
  const { n, b, m } = value as { readonly n?: unknown; readonly b?: unknown; readonly m?: unknown };
  if (typeof n === 'string') return Number(n);
  if (typeof b === 'string') return new Uint8Array(Buffer.from(b, 'base64'));
  return typeof m === 'object' && m !== null ? mapOf(m) : null;
}
