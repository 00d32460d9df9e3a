import type { Attributes, AttributeValue } from '@opentelemetry/api';

import { isNumberSecret } from './redaction/judgement.ts';
import type { SecretKind } from './redaction/secret-names.ts';
import { MAX_PLAIN_BYTES } from './policy.ts';
import { placeholder, type Redactor } from './redactor.ts';
import { redactWithin } from './truncate.ts';

/**
 * Attributes that are no content without the secrets in them: in values, under the names of secrets, and in names.
 * The same object where there is none.
 */
export function plainAttributes(attributes: Attributes, redactor: Redactor): Attributes {
  let isSame = true;
  const plain: Attributes = {};
  for (const [key, value] of Object.entries(attributes)) {
    const name = attributeName(key, redactor);
    const safe = value === undefined ? undefined : writable(plainValue(value, key, redactor.secretKind(key), redactor));
    isSame &&= safe === value && name === key;
    plain[name] = safe;
  }
  return isSame ? attributes : plain;
}

/** Names of the conventions, which no pattern of an application is to break, and which have no place for a secret. */
const CONVENTIONAL = /^(?:code|db|error|exception|faultline|gen_ai|sentry|server|service|user)\.[a-z_.]{1,60}$/;

/** Whether a name is one of the conventions: its numbers are counts, sizes and prices. */
export function isConventional(name: string): boolean {
  return CONVENTIONAL.test(name);
}

/** The name of one of them. */
export function attributeName(name: string, redactor: Redactor): string {
  return isConventional(name) ? name : redactor.name(name);
}

/** The value of one of them. The same where there is nothing secret about it. */
export function plainValue(
  value: AttributeValue,
  key: string,
  kind: SecretKind | undefined,
  redactor: Redactor,
): AttributeValue {
  if (kind !== undefined) return underSecretName(value, kind);
  if (typeof value === 'string') return bounded(value, key, redactor);
  if (typeof value === 'number') return redactor.number(value);
  return Array.isArray(value) ? plainList(value, key, redactor) : value;
}

/**
 * A value as OTLP can write it. Its whole numbers have 64 bits, and its JSON has neither NaN nor an infinity: such a
 * number is a text, as are all of a list with one.
 */
export function writable(value: AttributeValue): AttributeValue {
  if (typeof value === 'number') return isUnwritable(value) ? String(value) : value;
  return Array.isArray(value) && value.some(isUnwritable) ? inTexts(value) : value;
}

/** A backend refuses the request that has such a number in it, with all its spans. */
function isUnwritable(value: unknown): boolean {
  if (typeof value !== 'number') return false;
  // The least number of 64 bits is one that JavaScript writes in the digits of a lesser one.
  return Number.isInteger(value) ? value >= 2 ** 63 || value <= -(2 ** 63) : !Number.isFinite(value);
}

/** A list has values of one type: with one number that became a text, all of them do. What is missing stays missing. */
function inTexts(list: readonly unknown[], textOf: (value: number) => unknown = String): AttributeValue {
  return list.map((element) => (typeof element === 'number' ? String(textOf(element)) : element)) as AttributeValue;
}

function bounded(text: string, key: string, redactor: Redactor): string {
  return redactWithin(text, MAX_PLAIN_BYTES, redactor, key);
}

function underSecretName(value: AttributeValue, kind: SecretKind): AttributeValue {
  const isSecret = typeof value !== 'boolean' && (typeof value !== 'number' || isNumberSecret(kind));
  return isSecret ? placeholder(kind) : value;
}

/** A list may be the words of a command line, of which one can say that the next is a secret: `--api-key`. */
function plainList(list: readonly unknown[], key: string, redactor: Redactor): AttributeValue {
  let announced: SecretKind | undefined;
  let changed: unknown[] | undefined;
  let hasSecretNumber = false;
  for (const [index, element] of list.entries()) {
    if (typeof element === 'number') hasSecretNumber ||= typeof redactor.number(element) === 'string';
    if (typeof element !== 'string') continue;
    const isOption = element.startsWith('-');
    const safe = isOption || announced === undefined ? bounded(element, key, redactor) : placeholder(announced);
    announced = isOption ? redactor.secretKind(element.replace(/^-{1,2}/, '')) : undefined;
    if (safe === element) continue;
    changed ??= [...list];
    changed[index] = safe;
  }
  const safe = changed ?? list;
  return hasSecretNumber ? inTexts(safe, redactor.number) : (safe as AttributeValue);
}
