import { beforeEach, describe, expect, it } from 'vitest';

import { startCapture, type Capture } from './support/capture.ts';
import { runDemo, type DemoRun } from './support/demo.ts';
import { decodeWithProtoc, unknownFields } from './support/protoc.ts';

let capture: Capture;
beforeEach(async () => {
  capture = await startCapture();
  return capture.close;
});

function runAsProtobuf(scenarios?: readonly string[]): Promise<DemoRun> {
  const env = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: capture.tracesUrl,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
  };
  return runDemo(env, scenarios);
}

describe('protoc with the official proto files', () => {
  it('decodes every request of the demo, and knows every field', async () => {
    const demo = await runAsProtobuf();
    expect(demo).toMatchObject({ code: 0, stderr: '', undelivered: 0 });

    const decoded = capture.bodies.map(decodeWithProtoc);

    expect(decoded.map(({ code, stderr }) => ({ code, stderr }))).toEqual(decoded.map(() => ({ code: 0, stderr: '' })));
    expect(decoded.flatMap(({ text }) => unknownFields(text))).toEqual([]);
    const names = decoded.flatMap(({ text }) => spanNames(text));
    expect(names.toSorted()).toEqual(demo.traces.flatMap(({ spans }) => spans.map(({ name }) => name)).toSorted());
  });

  it('would refuse a body cut short, and show a field it does not know', async () => {
    await runAsProtobuf(['success']);
    const [body] = capture.bodies;

    expect(decodeWithProtoc(body!.subarray(0, -1)).code).toBe(1);
    expect(unknownFields(decodeWithProtoc(Buffer.concat([body!, FIELD_15])).text)).toEqual(['15: 1']);
  });
});

/** Field 15 as a number: 1. A trace request has no such field. */
const FIELD_15 = Uint8Array.of(0x78, 0x01);

function spanNames(text: string): readonly string[] {
  const [, ...spans] = text.split('    spans {\n');
  return spans.map((span) => /^ {6}name: "(.+)"$/m.exec(span)?.[1] ?? '');
}
