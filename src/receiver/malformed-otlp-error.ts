/** Says which field of an OTLP request is wrong, what was expected there and what came instead. */
export class MalformedOtlpError extends Error {
  override readonly name = 'MalformedOtlpError';

  /** `path` is where in the request, in the names of OTLP JSON whatever the format: `resourceSpans[0].scopeSpans[1].…`. */
  constructor(path: string, expected: string, got: string, options?: ErrorOptions) {
    super(`Expected ${path} to be ${expected}, got ${got}.`, options);
  }
}

const LONGEST_QUOTE = 48;

/** A few words for a value in an error message: short, because the sender chose the value. */
export function describe(value: unknown): string {
  if (typeof value === 'string') {
    const text = value.length > LONGEST_QUOTE ? `${value.slice(0, LONGEST_QUOTE)}…` : value;
    return JSON.stringify(text);
  }
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === null ? 'null' : 'an object';
}
