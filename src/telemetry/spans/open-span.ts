import {
  trace,
  type Attributes,
  type AttributeValue,
  type Context,
  type Span,
  type SpanContext,
  type SpanKind,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

import { VERSION } from '../config/version.ts';
import { plainAttributes } from '../content/plain-attribute.ts';
import type { ContentPolicy } from '../content/policy.ts';
import type { Redactor } from '../content/redactor.ts';
import { sealLabels } from '../content/seal.ts';
import { scopeOf } from '../current-scope.ts';
import type { Scope } from '../scope.ts';
import { OPERATIONS, SCOPE_NAME, type Operation } from '../semconv.ts';
import type { SpanOptions } from './handles.ts';
import { stepOf, type Opened, type Surroundings } from './operation-span.ts';

interface ChildSpan {
  readonly operation: Operation;
  /** What its name says besides the operation: as it was given, and as it may be written. */
  readonly subject: string | undefined;
  readonly safeSubject: AttributeValue | undefined;
  readonly kind: SpanKind;
  /** What the contract says of it; those of the scope and of the caller are added. */
  readonly attributes: Attributes;
  readonly policy: ContentPolicy;
  /** Parent to prefer over the active span. */
  readonly parent?: SpanContext | undefined;
}

/** @internal */
export function openChild(options: SpanOptions, { context, frame }: Surroundings, child: ChildSpan): Opened {
  const { operation, subject, safeSubject, kind, attributes, policy } = child;
  const { spanName: verb } = OPERATIONS[operation];
  const name = spanName(verb, subject);
  const safeName = safeSubject === subject ? name : spanName(verb, String(safeSubject));
  const parent = parentContext(context, options.parent ?? child.parent);
  addOwn(attributes, scopeOf(frame), options.attributes, policy.secretsRedactor);
  const span = tracer().startSpan(safeName, { kind, attributes }, parent);
  sealLabels(span, safeName, attributes, policy.secretsRedactor);
  return {
    span,
    name,
    around: context,
    parent,
    context: trace.setSpan(parent, span),
    frame,
    signal: options.signal ?? frame?.agent?.signal,
    policy,
    within: frame?.agent,
    step: stepOf(operation, name, span, frame),
  };
}

/** Adds what the application says, the secrets in it excepted. */
export function addOwn(attributes: Attributes, scope: Scope, own: Attributes | undefined, redactor: Redactor): void {
  addWhereFree(attributes, scope.attributes(redactor));
  if (own !== undefined) addWhereFree(attributes, plainAttributes(own, redactor));
}

/** Writes names and ids on a span that has started. */
export function writeLabels(span: Span, attributes: Attributes, { secretsRedactor }: ContentPolicy): void {
  sealLabels(span, '', attributes, secretsRedactor);
  span.setAttributes(attributes);
}

/** Adds attributes whose names are not taken, by the span contract or by someone who goes first. */
export function addWhereFree(attributes: Attributes, more: Attributes | undefined): void {
  if (more === undefined) return;
  for (const key of Object.keys(more)) if (!Object.hasOwn(attributes, key)) attributes[key] = more[key];
}

export function parentContext(context: Context, parent: SpanContext | undefined): Context {
  return parent === undefined ? context : trace.setSpanContext(context, parent);
}

export function spanName(operation: string, subject: string | undefined): string {
  return subject === undefined || subject === '' ? operation : `${operation} ${subject}`;
}

let cachedProvider: TracerProvider | undefined;
let cachedTracer: Tracer | undefined;

/** The tracer of the provider that is registered now; looked up again only when that one changes. */
export function tracer(): Tracer {
  const provider = trace.getTracerProvider();
  if (cachedTracer === undefined || provider !== cachedProvider) {
    cachedProvider = provider;
    cachedTracer = provider.getTracer(SCOPE_NAME, VERSION);
  }
  return cachedTracer;
}
