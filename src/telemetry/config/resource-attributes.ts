import type { AttributeValue } from '@opentelemetry/api';

import { describe, isRecord, type Kind, type Reading } from './kinds.ts';
import { percentDecode, splitKeyValueList } from './key-value-list.ts';

/**
 * Resource attributes: a list such as `team=agents,region=eu%2Dwest` in the environment, a record in code.
 *
 * The specification throws the whole list away for one bad entry. Here the bad entry alone is left out,
 * and an unencoded `=` in a value is taken as it is: one typing error must not cost the service its name.
 *
 * @see https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
 */
export const resourceAttributes: Kind<Readonly<Record<string, AttributeValue>>> = {
  fromText: readList,
  fromCode: readRecord,
};

function readList(list: string): Reading<Readonly<Record<string, string>>> {
  const good = new Map<string, string>();
  const bad: string[] = [];
  for (const { position, key, value } of splitKeyValueList(list)) {
    const name = percentDecode(key);
    const decoded = percentDecode(value);
    if (name && decoded !== undefined) good.set(name, decoded);
    else bad.push(key === '' ? `entry ${position}` : describe(key));
  }
  const value = Object.fromEntries(good);
  if (bad.length === 0) return { value };
  return { value, problem: `must list key=value with percent-encoded values, but does not in ${bad.join(', ')}` };
}

function readRecord(value: unknown): Reading<Readonly<Record<string, AttributeValue>>> {
  if (!isRecord(value)) return { problem: `must be a record of attributes, but is ${describe(value)}` };
  const attributes = new Map<string, AttributeValue>();
  for (const [name, attribute] of Object.entries(value)) {
    if (attribute === undefined) continue;
    if (!isAttributeValue(attribute)) {
      return { problem: `must hold texts, numbers, booleans or lists of them, which ${describe(name)} is not` };
    }
    attributes.set(name, attribute);
  }
  return { value: Object.fromEntries(attributes) };
}

function isAttributeValue(value: unknown): value is AttributeValue {
  return Array.isArray(value) ? value.every(isPrimitive) : isPrimitive(value);
}

function isPrimitive(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
