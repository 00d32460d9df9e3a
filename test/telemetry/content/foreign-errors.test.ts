import { SpanKind, SpanStatusCode, type Attributes, type Exception } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { describe, expect, it } from 'vitest';

import { createContentPolicy, type ContentOptions } from '../../../src/telemetry/content/policy.ts';
import { createContentGuard } from '../../../src/telemetry/export/content-policy.ts';

/** What leaves of a failure that another instrumentation wrote on its span. */
function saidOf(
  exception: Exception | undefined,
  message: string,
  attributes: Attributes = {},
  options: ContentOptions = { errorMessages: 'redacted' },
  kind?: SpanKind,
): { readonly status: string | undefined; readonly exception: unknown; readonly all: string } {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const span = provider.getTracer('somebody-else').startSpan('their span', { attributes, ...(kind && { kind }) });
  if (exception !== undefined) span.recordException(exception);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.end();
  const guard = createContentGuard(createContentPolicy(options));
  const left = guard.allow(exporter.getFinishedSpans()[0]!);
  return {
    status: left.status.message,
    exception: left.events[0]?.attributes?.['exception.message'],
    all: JSON.stringify([left.status, left.events]),
  };
}

const ANSWER = 'Invalid prompt: "{"messages":[{"role":"user","content":"canary"}]}"';

function apiCallError(message: string): Error {
  return Object.assign(new Error(message), { name: 'AI_APICallError' });
}

describe('the status of a span of another instrumentation, where error messages are sent without secrets', () => {
  it('says no more than the exception it repeats', () => {
    const said = saidOf(apiCallError(ANSWER), ANSWER, { 'ai.operationId': 'ai.generateText' });
    expect(said).toMatchObject({ status: 'the API call failed', exception: 'the API call failed' });
    expect(saidOf(apiCallError(ANSWER), `AI_APICallError: ${ANSWER}`).all).not.toContain('canary');
  });

  it('is known by the error type of the span where no exception was recorded', () => {
    expect(saidOf(undefined, ANSWER, { 'error.type': 'AI_APICallError' }).status).toBe('the API call failed');
    expect(saidOf(undefined, ANSWER, { 'error.type': 'SyntaxError' }).status).toBe('Syntax error');
  });

  it('stays where it quotes nothing', () => {
    const failure = Object.assign(new Error('no seat left'), { name: 'BookingError' });
    expect(saidOf(failure, 'no seat left')).toMatchObject({ status: 'no seat left', exception: 'no seat left' });
    expect(saidOf(undefined, '4001 seats are too many').status).toBe('4001 seats are too many');
    expect(saidOf(undefined, '429 Rate limit reached').status).toBe('429 Rate limit reached');
  });

  it('is trusted by the class of the exception it repeats, and only then', () => {
    const options = { errorMessages: ['BookingError'] };
    const failure = Object.assign(new Error('no seat left'), { name: 'BookingError' });
    expect(saidOf(failure, 'no seat left', {}, options).status).toBe('no seat left');
    expect(saidOf(failure, 'canary: no seat left', {}, options).status).toBe('[message withheld]');
  });
});

describe('the class of an exception on a span of another instrumentation', () => {
  it.each([
    ['RangeError', { name: 'RangeError' }],
    ['23505', { name: 'DatabaseError', code: '23505' }],
    ['auth/user-not-found', { name: 'FirebaseError', code: 'auth/user-not-found' }],
    // The OpenTelemetry SDK writes the code of an error there, or its name, whatever they hold.
    ['Error', { name: 'BookingError', code: 'no seat for canary' }],
    ['Error', { name: 'no seat for canary' }],
    ['Error', { name: `canary${'!'.repeat(120)}` }],
  ])('is %s where the error has %j', (type, fields) => {
    const { all } = saidOf(Object.assign(new Error('canary'), fields), 'canary', {}, {});
    expect(all).toContain(`"exception.type":"${type}"`);
    expect(all).not.toContain('canary');
  });
});

describe('what a provider answers about a request, on a span of another instrumentation', () => {
  it.each<[string, string, Attributes]>([
    ['as the SDKs of OpenAI and Anthropic begin it', `400 ${ANSWER}`, {}],
    ['behind the name of its class', `BadRequestError: 422 ${ANSWER}`, {}],
    [
      'with the stack behind it, as LangChain writes it',
      `413 ${ANSWER}\n\nError: 413 ${ANSWER}\n    at f (a.js:1:1)`,
      {},
    ],
    ['with the status on the span', ANSWER, { 'http.response.status_code': 400 }],
    ['with the status of older conventions', ANSWER, { 'http.status_code': 422 }],
    ['with the status as the type of the error', ANSWER, { 'error.type': '400' }],
  ])('is withheld: %s', (_name, message, attributes) => {
    // `recordException` of a text writes no class.
    const said = saidOf(message, message, attributes);
    expect(said.all).not.toContain('canary');
    expect(said.status).toMatch(/^(?:Bad Request|Unprocessable Content|Content Too Large)$/);
    expect(said.exception).toBe(said.status);
  });

  it('is sent without secrets where all content is recorded', () => {
    const options = { captureContent: true, errorMessages: 'redacted' } as const;
    expect(saidOf(`400 ${ANSWER}`, `400 ${ANSWER}`, {}, options).status).toBe(`400 ${ANSWER}`);
  });
});

describe('the message of an application about a request it refuses', () => {
  const failure = Object.assign(new Error('cart 17 is empty'), { name: 'OrderError' });
  const answered = { 'http.response.status_code': 422 };

  it.each<[string, ContentOptions]>([
    ['of a class that is named', { errorMessages: ['OrderError'] }],
    ['without secrets', { errorMessages: 'redacted' }],
  ])('is sent from the span of a server %s', (_name, options) => {
    const said = saidOf(failure, 'cart 17 is empty', answered, options, SpanKind.SERVER);
    expect(said).toMatchObject({ status: 'cart 17 is empty', exception: 'cart 17 is empty' });
  });

  it('is sent of a class that is named also where it begins with a number', () => {
    const seats = Object.assign(new Error('400 seats are taken'), { name: 'OrderError' });
    const named = saidOf(seats, '400 seats are taken', {}, { errorMessages: ['OrderError'] });
    expect(named).toMatchObject({ status: '400 seats are taken', exception: '400 seats are taken' });
    expect(saidOf(seats, '400 seats are taken').status).toBe('Bad Request');
  });

  it('stays in where the span asked a provider', () => {
    const said = saidOf(failure, 'canary', answered, { errorMessages: ['OrderError'] }, SpanKind.CLIENT);
    expect(said.status).toBe('Unprocessable Content');
    expect(said.all).not.toContain('canary');
  });
});
