import { context, propagation, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { setupTracing, traceTool, type Tracing } from '../../src/index.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';

const MEGABYTE = 2 ** 20;
const SECRET = 'Q7f3kP9xLm2vTz8R';
const KEY = ['sk-', 'proj-', SECRET].join('');

/** A megabyte with a secret at every place where one could be cut in two. */
const LONG = `with ${KEY}, `.repeat(MEGABYTE / 30);

let sentry: FakeSentry;
let tracing: Tracing;

beforeEach(async () => {
  sentry = await startFakeSentry();
  tracing = setupTracing({ env: {}, dsn: sentry.dsn, captureContent: true, onDiagnostic: () => {} });
});

afterEach(async () => {
  await tracing.shutdown(1000);
  trace.disable();
  context.disable();
  propagation.disable();
  await sentry.close();
});

async function sent(): Promise<FakeSentry['spans'][number]> {
  await tracing.flush();
  expect(Buffer.concat(sentry.requests.map(({ body }) => body)).toString()).not.toContain(SECRET.slice(0, 8));
  return sentry.spans[0]!;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(String(value));

describe('a text of a megabyte', () => {
  it('is cut where it is the name of a tool or of a span', async () => {
    traceTool({ name: LONG }, () => {});
    const { name, attributes } = await sent();
    expect(bytesOf(name)).toBeLessThan(1_100);
    expect(bytesOf(attributes['gen_ai.tool.name'])).toBeLessThan(8_300);
  });

  it.each(['app.note', 'url.full', 'db.query.text'])('is cut where it is the attribute %s', async (name) => {
    traceTool({ name: 'get_weather', attributes: { [name]: LONG } }, () => {});
    const { attributes } = await sent();
    expect(bytesOf(attributes[name])).toBeGreaterThan(0);
    expect(bytesOf(attributes[name])).toBeLessThanOrEqual(32_900);
  });

  it('says how long it was where it is content', async () => {
    traceTool({ name: 'get_weather', arguments: () => ({ query: LONG }) }, (tool) => {
      tool.record({ result: () => LONG });
    });
    const { attributes } = await sent();
    const cut = new RegExp(`\\[cut, ${LONG.length} characters in all\\]`);
    expect(attributes['gen_ai.tool.call.arguments']).toMatch(cut);
    expect(attributes['gen_ai.tool.call.result']).toMatch(cut);
    expect(bytesOf(attributes['gen_ai.tool.call.arguments'])).toBeLessThanOrEqual(65_536);
  });

  it('is cut where another instrumentation writes it, whatever it is', async () => {
    const span = trace.getTracer('other').startSpan(LONG, { attributes: { 'input.value': LONG, 'app.note': LONG } });
    span.end();
    const { name, attributes } = await sent();
    expect(bytesOf(name)).toBeLessThan(1_100);
    expect(bytesOf(attributes['input.value'])).toBeLessThanOrEqual(65_536);
    expect(bytesOf(attributes['app.note'])).toBeLessThanOrEqual(32_768);
  });

  it('is not read as JSON where it begins deeper than anything is kept', async () => {
    const span = trace.getTracer('other').startSpan('x', { attributes: { 'input.value': '{"a":'.repeat(200_000) } });
    span.end();
    const { attributes } = await sent();
    expect(attributes['input.value']).toMatch(/^(?:\{"a":)+.*\[cut, 1000000 characters in all\]$/s);
  });

  it('keeps what stands behind a file of a megabyte, and leaves out what stands behind thousands', async () => {
    const file = `data:image/png;base64,${'iVBORw0KGgo'.repeat(MEGABYTE / 8)}`;
    const files = 'data:image/png;base64,AAAA '.repeat(10_000);
    traceTool({ name: 'look', arguments: () => ({ page: `a ${file} and more` }) }, (tool) => {
      tool.record({ result: () => files });
    });
    const { attributes } = await sent();
    expect(attributes['gen_ai.tool.call.arguments']).toBe('{"page":"a [image/png, 1081344 bytes left out] and more"}');
    expect(attributes['gen_ai.tool.call.result']).toContain('image/png, 3 bytes left out');
    expect(bytesOf(attributes['gen_ai.tool.call.result'])).toBeLessThanOrEqual(65_536);
  });
});
