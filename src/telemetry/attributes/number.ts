import type { Attributes } from '@opentelemetry/api';

/** Adds an attribute that is a number, where one is known: a program without types may have given anything else. */
export function addNumber(attributes: Attributes, name: string, value: number | undefined): void {
  if (Number.isFinite(value)) attributes[name] = value;
}
