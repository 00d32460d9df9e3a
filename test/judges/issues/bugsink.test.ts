import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, it } from 'vitest';

import { startCapture, type Capture } from '../support/capture.ts';
import { startBugsink, type Bugsink, type StoredIssue } from './support/bugsink.ts';
import { EXPECTED_ISSUES, runScenarios } from './support/scenarios.ts';

/** An error tracker like Sentry takes the demo's Issues in, and decides which of them belong together. */
describe('Bugsink', () => {
  let bugsink: Bugsink;
  let spans: Capture;
  beforeAll(async () => {
    bugsink = await startBugsink();
    return bugsink.stop;
  });
  beforeAll(async () => {
    spans = await startCapture();
    return spans.close;
  });

  /** It takes no spans, so they go elsewhere. */
  function sendingTo(dsn: string): Record<string, string> {
    return { SENTRY_DSN: dsn, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: spans.tracesUrl };
  }

  it('makes one issue of each of the five failures, and none in addition when they happen again', async () => {
    const project = await bugsink.createProject('demo');

    const first = await runScenarios('failures', sendingTo(project.dsn));
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect((await project.issues()).map(summary)).toEqual(expected(1));

    const second = await runScenarios('failures', sendingTo(project.dsn));
    expect(second).toMatchObject({ code: 0, stderr: '' });
    const issues = await project.issues();
    expect(issues.map(summary)).toEqual(expected(2));
    expect(eventIds(issues)).toEqual([...first.issues, ...second.issues].map(({ eventId }) => eventId).toSorted());
  });

  it('hears nothing of runs that end well or are stopped', async () => {
    const project = await bugsink.createProject('untroubled');

    expect(await runScenarios('untroubled', sendingTo(project.dsn))).toMatchObject({ code: 0, stderr: '', issues: [] });
    expect(await project.issues()).toEqual([]);
  });

  it('makes one issue of failures that differ by the ids in their messages', async () => {
    const project = await bugsink.createProject('shop');
    const program = fileURLToPath(new URL('support/orders.mjs', import.meta.url));

    const env = { PATH: process.env['PATH'], ...sendingTo(project.dsn) };
    const { stdout } = await promisify(execFile)(process.execPath, [program], { env });
    expect(JSON.parse(stdout)).toEqual({ status: 'delivered', issues: 3 });

    const issues = await project.issues();
    expect(issues.map(({ type, place, events }) => ({ type, place, events: events.length }))).toEqual([
      { type: 'OrderNotFoundError', place: expect.stringMatching(/^findOrder in .*orders\.mjs$/) as string, events: 3 },
    ]);
  });
});

function summary({ type, transaction, place, events }: StoredIssue): object {
  return {
    type,
    transaction,
    place,
    levels: events.map(({ level }) => level),
    points: events.map(({ data }) => data.tags['failure.point']),
  };
}

/** The summaries of the issues of the five failures, when each has happened so often. */
function expected(times: number): readonly object[] {
  return EXPECTED_ISSUES.map(({ type, transaction, ownCode, level, point }) => ({
    type,
    transaction,
    place: expect.stringMatching(ownCode) as string,
    levels: Array(times).fill(level),
    points: Array(times).fill(point),
  }));
}

function eventIds(issues: readonly StoredIssue[]): readonly string[] {
  return issues.flatMap(({ events }) => events.map(({ id }) => id)).toSorted();
}
