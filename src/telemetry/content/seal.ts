import type { Attributes, AttributeValue } from '@opentelemetry/api';

import { acrossCopies } from '../across-copies.ts';
import type { Redactor } from './redactor.ts';

/** What Faultline has written on its own spans, made safe before. */
const sealed = acrossCopies('sealed', () => new WeakMap<object, Set<unknown>>());
const sealedLabels = acrossCopies('sealed-labels', () => new WeakMap<object, Set<unknown>>());

/**
 * Remembers that a text on a span went through the content policy, so that the policy is not applied to it a
 * second time on the way out. Spans that carry no such text cost nothing.
 */
export function seal(span: object, text: string): void {
  add(sealed, span, text);
}

/** The texts on a span that went through the content policy. Absent when there is none. */
export function sealedTexts(span: object): ReadonlySet<unknown> | undefined {
  return sealed.get(span);
}

/**
 * Remembers that names and ids on a span went through a redactor. Only where it matters: a function of the
 * application is not to see a text twice, and anything else answers the same the second time.
 */
export function sealLabels(span: object, name: string, attributes: Attributes, redactor: Redactor): void {
  if (redactor.isSteady) return;
  add(sealedLabels, span, name);
  for (const value of Object.values(attributes)) for (const text of textsOf(value)) add(sealedLabels, span, text);
}

/** The names and ids on a span that went through the function of the application. Absent when there is none. */
export function sealedLabelsOf(span: object): ReadonlySet<unknown> | undefined {
  return sealedLabels.get(span);
}

function textsOf(value: AttributeValue | undefined): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function add(seals: WeakMap<object, Set<unknown>>, span: object, text: unknown): void {
  const texts = seals.get(span);
  if (texts === undefined) seals.set(span, new Set([text]));
  else texts.add(text);
}
