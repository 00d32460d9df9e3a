import { beforeAll, describe, expect, it } from 'vitest';

import { startCapture, type Capture } from '../support/capture.ts';
import { EXPECTED_ISSUES, runScenarios, type IssueRun } from './support/scenarios.ts';
import { startTestKit, type Report, type TestKit } from './support/testkit.ts';

/** A test server for Sentry's SDKs reads the demo's Issues. */
describe('sentry-testkit', () => {
  let kit: TestKit;
  let spans: Capture;
  let untroubled: IssueRun;
  let demo: IssueRun;
  beforeAll(async () => {
    kit = await startTestKit();
    return kit.stop;
  });
  beforeAll(async () => {
    spans = await startCapture();
    return spans.close;
  });
  beforeAll(async () => {
    const env = { SENTRY_DSN: kit.dsn, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: spans.tracesUrl };
    untroubled = await runScenarios('untroubled', env);
    demo = await runScenarios('failures', env);
  });

  it('has five reports of the five failures, and none of the runs before them', () => {
    expect(untroubled).toMatchObject({ code: 0, stderr: '', issues: [] });
    expect(demo).toMatchObject({ code: 0, stderr: '' });
    expect(kit.reports().map(summary)).toEqual(
      EXPECTED_ISSUES.map(({ type, transaction, level, point, handled, thrownIn }) => ({
        type,
        transaction,
        level,
        point,
        handled,
        place: expect.stringMatching(thrownIn) as string,
      })),
    );
    expect(kit.reports().map(({ originalReport }) => originalReport.event_id)).toEqual(
      demo.issues.map(({ eventId }) => eventId),
    );
  });

  it('sees each report linked to the span that failed', () => {
    const sent = new Map(
      demo.traces.flatMap(({ traceId, spans: own }) => own.map((span) => [`${traceId} ${span.spanId}`, span])),
    );
    const linked = kit.reports().map(({ originalReport: { contexts } }) => {
      const span = sent.get(`${contexts.trace?.trace_id} ${contexts.trace?.span_id}`);
      return { span: span?.name, status: span?.status, point: span?.attributes['faultline.failure.point'] };
    });
    expect(linked).toEqual(EXPECTED_ISSUES.map(({ span, point }) => ({ span, status: 'error', point })));
  });

  it('finds neither question nor answer nor tool arguments nor key in the reports', () => {
    expect(JSON.stringify(kit.reports())).not.toMatch(/Lisbon|pack|sk-proj|7Qd2|TQXjY/);
  });
});

function summary({ level, tags, originalReport: { transaction, exception } }: Report): object {
  const thrown = exception.values.at(-1);
  const frame = thrown?.stacktrace.frames.at(-1);
  return {
    type: thrown?.type,
    transaction,
    level,
    point: tags['failure.point'],
    handled: thrown?.mechanism.handled,
    place: `${frame?.function} in ${frame?.filename}`,
  };
}
