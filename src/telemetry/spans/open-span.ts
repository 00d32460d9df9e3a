import {
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type SpanKind,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

import { textOf } from '../attributes/text.ts';
import { VERSION } from '../config/version.ts';
import { plainAttributes } from '../content/plain-attribute.ts';
import type { ContentPolicy } from '../content/policy.ts';
import type { Redactor } from '../content/redactor.ts';
import { sealLabels } from '../content/seal.ts';
import { contentPolicyOf, runAttributes } from '../context.ts';
import { scopeOf } from '../current-scope.ts';
import type { Scope } from '../scope.ts';
import { OPERATIONS, SCOPE_NAME, type Operation } from '../semconv.ts';
import type { SpanOptions } from './handles.ts';
import { stepOf, type Opened, type Surroundings } from './operation-span.ts';

/**
 * What distinguishes one kind of span inside an agent from another, as data.
 *
 * @internal
 */
export interface ChildSpan<Options> {
  readonly operation: Operation;
  readonly kind: SpanKind;
  /** What its name says besides the operation, as it was given. */
  readonly subject: (options: Options) => unknown;
  /** The attribute that says the same as it may be written. */
  readonly safeSubject: string;
  /** Adds what the contract says of it to what is said of its run; those of the scope and of the caller come after. */
  readonly attributes: (options: Options, ofRun: Attributes, redactor: Redactor) => Attributes;
}

/**
 * @param preferred parent to prefer over the active span
 * @internal
 */
export function openChild<Options extends SpanOptions>(
  child: ChildSpan<Options>,
  options: Options,
  { context, frame }: Surroundings,
  preferred?: SpanContext,
): Opened {
  const { operation, kind } = child;
  const { secretsRedactor } = contentPolicyOf(frame);
  const attributes = child.attributes(options, runAttributes(frame?.said), secretsRedactor);
  const { spanName: verb } = OPERATIONS[operation];
  const subject = textOf(child.subject(options));
  const safeSubject = attributes[child.safeSubject];
  const name = spanName(verb, subject);
  const safeName = safeSubject === subject ? name : spanName(verb, String(safeSubject));
  const parent = parentContext(context, options.parent ?? preferred);
  addOwn(attributes, scopeOf(frame), options.attributes, secretsRedactor);
  const span = tracer().startSpan(safeName, { kind, attributes }, parent);
  sealLabels(span, safeName, attributes, secretsRedactor);
  return {
    span,
    name,
    around: context,
    parent,
    context: trace.setSpan(parent, span),
    frame,
    signal: options.signal ?? frame?.agent?.signal,
    within: frame?.agent,
    step: stepOf(operation, name, span, frame),
  };
}

/** Adds what the application says, the secrets in it excepted. One without types may say `null` here and below. */
export function addOwn(attributes: Attributes, scope: Scope, own: Attributes | undefined, redactor: Redactor): void {
  addWhereFree(attributes, scope.attributes(redactor));
  if (own) addWhereFree(attributes, plainAttributes(own, redactor));
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
  return parent ? trace.setSpanContext(context, parent) : context;
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
