import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createSplittingExporter } from '../../../src/telemetry/export/splitting-exporter.ts';
import { startFakeSentry, type FakeAnswer, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { allAccepted, exported, exporterTo, someSpans, tracesUrlOf } from './exporting.ts';

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry({ maxBodyBytes: 20_000 });
});
afterEach(() => sentry.close());

const status = (code: number, headers: Readonly<Record<string, string>> = {}): FakeAnswer => ({
  kind: 'status',
  status: code,
  headers,
});

/** An answer beside which the backend asks for a pause. */
const paused = (code: number): FakeAnswer => status(code, { 'x-sentry-rate-limits': '9:span:key' });

const splitting = () => createSplittingExporter(exporterTo(tracesUrlOf(sentry)));

const statuses = (): number[] => sentry.requests.map(({ status: code }) => code);
const names = (): string[] => sentry.spans.map(({ name }) => name).toSorted();

describe('spans that are too many for one request', () => {
  it('are halved until the backend takes them', async () => {
    const result = await exported(splitting(), someSpans(10, 4_000));
    expect(result).toMatchObject(allAccepted(10));
    expect(names()).toHaveLength(10);
    expect(new Set(names()).size).toBe(10);
    expect(statuses()).toEqual([413, 413, 200, 200, 413, 200, 200]);
  });

  it('are refused one by one where a single span is too large, with its size', async () => {
    const spans = [...someSpans(2, 100), ...someSpans(1, 100_000), ...someSpans(1, 100)];
    const result = await exported(splitting(), spans);
    expect(result).toMatchObject({ accepted: 3, rejected: 1, undecided: [], refusal: { kind: 'refused' } });
    expect(result.refusal?.sentence).toMatch(
      /found the request too large \(413\), and that was a single span of about 99 KiB; record less content in it$/,
    );
  });

  it('stay undecided behind a failure that is not about them', async () => {
    for (const code of [413, 200, 503]) sentry.answerNext(status(code));
    const spans = someSpans(6, 100);
    const result = await exported(splitting(), spans);
    expect(result).toMatchObject({ accepted: 3, rejected: 0, failure: { kind: 'passing' } });
    expect(result.undecided).toEqual(spans.slice(3));
    expect(statuses()).toEqual([413, 200, 503]);
  });

  it.each([
    ['too large', [paused(413), status(200)], 2],
    ['less so in halves', [status(413), paused(200)], 2],
    ['no more so at last', [status(413), status(200), paused(200)], 4],
  ])('stay undecided behind a pause the backend asks for when it finds them %s', async (_, answers, accepted) => {
    for (const answer of answers) sentry.answerNext(answer);
    const spans = someSpans(4, 100);
    const result = await exported(splitting(), spans);
    const failure = accepted === 4 ? undefined : { kind: 'passing' };
    expect(result).toMatchObject({ accepted, pauseMs: 9_000, failure });
    expect(result.undecided).toEqual(spans.slice(accepted));
  });

  it('are sent on behind spans that are refused, and both reasons are known', async () => {
    for (const code of [413, 413, 400, 200, 401]) sentry.answerNext(status(code));
    const spans = someSpans(6, 100);
    const result = await exported(splitting(), spans);
    expect(result).toMatchObject({
      accepted: 1,
      rejected: 2,
      failure: { kind: 'misconfigured', cause: '401' },
      refusal: { kind: 'refused', cause: '400' },
    });
    expect(result.undecided).toEqual(spans.slice(3));
  });
});

it('a span that cannot be measured once it was sent is refused, and the exporter goes on', async () => {
  const [span] = someSpans(1);
  const changing = Object.create(span!, {
    links: {
      get() {
        if (sentry.requests.length > 0) throw new RangeError('boom');
        return [];
      },
    },
  }) as ReadableSpan;
  sentry.answerNext(status(413));
  const exporter = splitting();
  expect(await exported(exporter, [changing])).toMatchObject({
    rejected: 1,
    refusal: { cause: 'thrown RangeError' },
  });
  expect(await exported(exporter, someSpans(1))).toMatchObject(allAccepted(1));
});
