import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { startSentryFront, type SentryFront } from './support/apache.ts';
import { sentSpans } from './support/arrived.ts';
import { startAspire, type Aspire } from './support/aspire.ts';
import { startCapture, type Capture } from './support/capture.ts';
import { runDemo } from './support/demo.ts';
import { storedSpans } from './support/stored.ts';

/** Apache judges path, key and gzip as Sentry does; the Aspire dashboard behind it judges the spans. */
describe("Apache httpd with Sentry's paths, header and gzip", () => {
  let aspire: Aspire;
  let envelopes: Capture;
  let front: SentryFront;
  beforeAll(async () => {
    aspire = await startAspire();
    return aspire.stop;
  });
  beforeEach(async () => {
    envelopes = await startCapture();
    return envelopes.close;
  });
  beforeEach(async () => {
    front = await startSentryFront({ tracesUrl: aspire.otlpUrl, envelopesUrl: envelopes.url });
    return front.stop;
  });

  it.each(['http/json', 'http/protobuf'])('lets the demo pass that has nothing but a DSN, as %s', async (protocol) => {
    const demo = await runDemo({ SENTRY_DSN: front.dsn('abc'), OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol });

    expect(demo).toMatchObject({ code: 0, stderr: '', undelivered: 0 });
    expect(await storedSpans(aspire, demo.traces)).toEqual(sentSpans(demo.traces));
    expect(envelopes.bodies.map(eventId)).toEqual(demo.issues.map(({ eventId }) => eventId));
    expect(demo.issues).not.toEqual([]);
  });

  it('refuses another key: the demo fails with one line that does not show it', async () => {
    const demo = await runDemo({ SENTRY_DSN: front.dsn('stale') }, ['tool-failure']);

    expect(demo).toMatchObject({ code: 1, delivered: 0, undelivered: 4 + 1 });
    expect(demo.stderr).toMatch(/^faultline: [^\n]*refused the key \(403\)[^\n]*\n$/);
    expect(demo.stderr).not.toContain('stale');
    expect(await storedSpans(aspire, demo.traces)).toEqual([]);
    expect(envelopes.bodies).toEqual([]);
  });

  it('refuses what is not compressed, so the demo was', async () => {
    const demo = await runDemo({ SENTRY_DSN: front.dsn('abc'), OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'none' }, [
      'success',
    ]);

    expect(demo).toMatchObject({ code: 1, delivered: 0, undelivered: 5 });
  });
});

/** The id in the first line of an envelope. */
function eventId(envelope: Buffer): unknown {
  const [header = ''] = envelope.toString().split('\n');
  return (JSON.parse(header) as { readonly event_id?: unknown }).event_id;
}
