import { attributeRole, type AttributeRole } from '../content/foreign-names.ts';
import { attributeName, isConventional } from '../content/plain-attribute.ts';
import type { SecretKind } from '../content/redaction/secret-names.ts';
import type { Redactor } from '../content/redactor.ts';
import { FAILURE_POINTS } from '../failure-points.ts';
import {
  ERROR_TYPE,
  FAULTLINE_FAILURE_POINT,
  FAULTLINE_OUTCOME,
  GEN_AI_OPERATION_NAME,
  GEN_AI_TOOL_TYPE,
  OPERATIONS,
  SENTRY_OP,
} from '../semconv.ts';

/** What is known of the attributes of one name. */
export interface AttributeFacts {
  /** The name as it was given. */
  readonly given: string;
  /** The name without a secret in it. */
  readonly name: string;
  readonly role: AttributeRole;
  /** The secret the name says its value is. */
  readonly secretKind: SecretKind | undefined;
  /** Values that are words of the conventions: nothing is to be found in them, and backends count by them. */
  readonly words: ReadonlySet<unknown> | undefined;
  /** Whether there is nothing to find in its numbers, which are counts, or are not looked into. */
  readonly numbersAreClean: boolean;
  /** The last text under the name in which there was nothing to redact: names come again with the next span. */
  clean: string | undefined;
  /** What came behind it the last time: attributes of one kind of span come in one order. */
  next: AttributeFacts | undefined;
}

/** Answers what is known of an attribute, by its name and by what is known of the one before it. */
export type FactsOf = (name: string, before: AttributeFacts | undefined) => AttributeFacts;

/** Names repeat on every span, but a name can hold an index, so what is remembered has a bound. */
const MAX_REMEMBERED = 5_000;

/** Creates what answers what is known of an attribute, by its name. */
export function createAttributeFacts(redactor: Redactor): FactsOf {
  const remembered = new Map<string, AttributeFacts>();
  const lookUp = (name: string): AttributeFacts => {
    const known = remembered.get(name);
    if (known !== undefined) return known;
    const secretKind = redactor.secretKind(name);
    const facts: AttributeFacts = {
      given: name,
      name: attributeName(name, redactor),
      role: attributeRole(name),
      secretKind,
      words: WORDS.get(name),
      numbersAreClean: secretKind === undefined && (isConventional(name) || !redactor.readsNumbers),
      clean: undefined,
      next: undefined,
    };
    if (remembered.size < MAX_REMEMBERED) remembered.set(name, facts);
    return facts;
  };
  return (name, before) => {
    if (before?.next?.given === name) return before.next;
    const facts = lookUp(name);
    if (before !== undefined) before.next = facts;
    return facts;
  };
}

const OPERATION_NAMES = Object.values(OPERATIONS);

const WORDS: ReadonlyMap<string, ReadonlySet<unknown>> = new Map<string, ReadonlySet<unknown>>([
  [GEN_AI_OPERATION_NAME, new Set(OPERATION_NAMES.map(({ operationName }) => operationName))],
  [SENTRY_OP, new Set(OPERATION_NAMES.map(({ sentryOp }) => sentryOp))],
  [GEN_AI_TOOL_TYPE, new Set(['function', 'extension', 'datastore'])],
  [FAULTLINE_FAILURE_POINT, new Set(FAILURE_POINTS)],
  [FAULTLINE_OUTCOME, new Set(['aborted'])],
  [ERROR_TYPE, new Set(['aborted'])],
]);
