import { describe, isRecord } from './kinds.ts';

/**
 * Checks options that are objects of the SDK, which only code can give. `null` counts as not set.
 *
 * @throws {TypeError} when one of them is something else, which would otherwise show only in use: in the spans of
 *   the application
 */
export function checkSdkObjects(options: {
  readonly spanProcessors?: unknown;
  readonly meterProvider?: unknown;
}): void {
  const { spanProcessors, meterProvider } = options;
  if (!isUnset(meterProvider)) checkObject('meterProvider', meterProvider, 'a meter provider', ['getMeter']);
  if (isUnset(spanProcessors)) return;
  if (!Array.isArray(spanProcessors)) {
    throw new TypeError(`spanProcessors must be a list of span processors, but is ${describe(spanProcessors)}.`);
  }
  for (const [index, processor] of spanProcessors.entries()) {
    checkObject(`spanProcessors[${index}]`, processor, 'a span processor', PROCESSOR_METHODS);
  }
}

const PROCESSOR_METHODS = ['onStart', 'onEnd', 'forceFlush', 'shutdown'];

function isUnset(value: unknown): boolean {
  return value === undefined || value === null;
}

function checkObject(name: string, value: unknown, expected: string, methods: readonly string[]): void {
  if (!isRecord(value)) throw new TypeError(`${name} must be ${expected}, but is ${describe(value)}.`);
  const missing = methods.find((method) => typeof value[method] !== 'function');
  if (missing !== undefined) throw new TypeError(`${name} must be ${expected}, but has no ${missing}.`);
}
