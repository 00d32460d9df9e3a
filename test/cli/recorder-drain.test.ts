import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { runScript } from '../support/run-script.ts';
import type { Owner } from '../../src/telemetry/export/recorder/owner.ts';
import { formatSegmentName } from '../../src/telemetry/export/recorder/segment-name.ts';
import { deadOwner, record, type Recorded } from '../telemetry/export/recorder/recorded.ts';
import { cli } from './cli.ts';

let sentry: FakeSentry;
let directory: string;
beforeEach(async () => {
  sentry = await startFakeSentry();
  directory = await mkdtemp(join(tmpdir(), 'faultline-recorder-'));
});
afterEach(async () => {
  await sentry.close();
  await rm(directory, { recursive: true, force: true });
});

/** A killed program that leaves three spans, one of them open, and an Issue. */
async function leaveSomething(): Promise<void> {
  await runScript(
    `
    import { setupTracing } from 'DIST/index.js';
    import { traceAgent, traceTool } from 'DIST/telemetry/spans.js';
    setupTracing();
    await traceAgent({ name: 'helper' }, async () => {
      await traceTool({ name: 'works' }, async () => 21);
      await traceTool({ name: 'fails' }, async () => { throw new RangeError('no'); }).catch(() => {});
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => setInterval(() => {}, 1_000));
    });
  `,
    { env: { SENTRY_DSN: sentry.dsn, FAULTLINE_RECORDER_DIR: directory } },
  );
}

const env = (): Readonly<Record<string, string>> => ({ SENTRY_DSN: sentry.dsn, FAULTLINE_RECORDER_DIR: directory });

/** How the recorder calls what the environment names. */
const sentryKey = (): string => `sentry:${sentry.origin}/api/1/integration/otlp/v1/traces/`;
const leaveFor = (destinations: readonly string[], owner: Owner): Recorded =>
  record({ directory, owner, destinations });

describe('faultline recorder drain', () => {
  it('sends what a killed process left, says what, and leaves nothing', async () => {
    await leaveSomething();
    const drained = await cli(['recorder', 'drain', '--json'], env());
    expect(drained).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(drained.stdout)).toEqual({ directory, spans: 3, issues: 1, left: 0 });
    expect(sentry.spans).toHaveLength(3);
    expect(sentry.envelopes).toHaveLength(1);
    expect(await readdir(directory)).toEqual([]);
  });

  it('keeps what the backend does not take, says why, and ends with 1', async () => {
    await leaveSomething();
    sentry.answerNext({ kind: 'status', status: 503 }, 100);
    sentry.answerNextEnvelope({ kind: 'status', status: 503 }, 100);
    const drained = await cli(['recorder', 'drain', '--timeout-ms', '300', '--json'], env());
    expect(drained.code).toBe(1);
    expect(JSON.parse(drained.stdout)).toMatchObject({ spans: 0, issues: 0, left: 4, reason: expect.any(String) });
    const { stdout } = await cli(['recorder', 'status', '--json'], env());
    expect(JSON.parse(stdout)).toMatchObject({ spans: 2, open: 1, issues: 1 });
  });

  it('says what is left when its time was too short for all of it', async () => {
    leaveFor([sentryKey()], deadOwner()).trace(...Array.from({ length: 3_000 }, () => 'a'));
    const drained = await cli(['recorder', 'drain', '--timeout-ms', '1', '--json'], env());
    const result = JSON.parse(drained.stdout) as { readonly spans: number; readonly left: number };
    expect(drained.code).toBe(1);
    expect(result).toMatchObject({ left: expect.any(Number), reason: expect.stringContaining('within 1 ms') });
    expect(result.spans + result.left).toBeGreaterThanOrEqual(3_000);
    expect(result.left).toBeGreaterThan(0);
  });

  it.each([
    [
      'may be of a process elsewhere',
      () => leaveFor([sentryKey()], { ...deadOwner(), host: '0123456789ab' }).trace('a'),
      {
        left: 1,
        reason: '1 may be of a process on another machine or in another container; try again in five minutes',
      },
    ],
    [
      'is of a newer version',
      () =>
        writeFileSync(
          join(directory, formatSegmentName({ begunAt: 1, owner: deadOwner(), sequence: 1 })),
          '{"format":"faultline-recorder","version":2}\n',
        ),
      {
        left: 0,
        unreadableFiles: 1,
        reason: '1 file cannot be read: of a newer faultline, or of another user',
      },
    ],
    [
      'is for a destination that is not configured',
      () => {
        const dead = leaveFor(['otlp:http://gone/v1/traces', sentryKey()], deadOwner());
        dead.recorder.strike(sentryKey(), dead.trace('a'));
      },
      { left: 1, reason: '1 span for otlp:http://gone/v1/traces, which is not configured' },
    ],
  ])('says what %s, and ends with 1', async (_, leave, left) => {
    leave();
    const drained = await cli(['recorder', 'drain', '--json'], env());
    expect(drained.code).toBe(1);
    expect(JSON.parse(drained.stdout)).toEqual({ directory, spans: 0, issues: 0, ...left });
  });

  it('names one cause for spans whose destination has moved and does not answer', async () => {
    const gone = 'otlp:http://127.0.0.1:9/v1/traces';
    const application = createHash('sha256').update('mine').digest('hex').slice(0, 12);
    record({ directory, owner: deadOwner(), destinations: [gone], application }).trace('a');
    const moved = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9/moved', FAULTLINE_RECORDER_DIR: directory };
    const drain = ['recorder', 'drain', '--timeout-ms', '300', '--json'];

    const drained = await cli(drain, { ...moved, OTEL_SERVICE_NAME: 'mine' });
    const reason = 'not everything was sent within 300 ms';
    expect(JSON.parse(drained.stdout)).toEqual({ directory, spans: 0, issues: 0, left: 1, reason });

    const other = await cli(drain, { ...moved, OTEL_SERVICE_NAME: 'other' });
    expect(JSON.parse(other.stdout)).toMatchObject({
      left: 1,
      reason: expect.stringMatching(
        /^1 span for otlp:[^ ]+, which is not configured \(has it moved to 127\.0\.0\.1:9\? Then set OTEL_SERVICE_NAME[^)]+, and all [^)]+ goes to 127\.0\.0\.1:9; one [^)]+ when it is started again\)$/,
      ),
    });
  });

  it('says that Issues are left when Sentry is not configured', async () => {
    record({ directory, owner: deadOwner() }).recorder.keepIssue('i', '{}');
    const endpoint = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${sentry.origin}/v1/traces` };
    const drained = await cli(['recorder', 'drain'], { ...endpoint, FAULTLINE_RECORDER_DIR: directory });
    expect(drained).toMatchObject({
      code: 1,
      stdout: `${directory}: sent 0 spans and 0 Issues, 1 is left: 1 Issue for Sentry, and SENTRY_DSN is not set.\n`,
    });
  });

  it('says nothing of what a running process goes on with', async () => {
    record({ directory }).trace('a');
    expect(await cli(['recorder', 'drain'], env())).toEqual({
      code: 0,
      stdout: `${directory}: nothing waited.\n`,
      stderr: '',
    });
  });

  it('says that there is nowhere to send it', async () => {
    const drained = await cli(['recorder', 'drain', '--dir', directory]);
    expect(drained).toMatchObject({ code: 1, stdout: '' });
    expect(drained.stderr).toMatch(/^faultline: there is nowhere to send it: .*\n$/);
  });
});
