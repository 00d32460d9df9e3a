import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { runScript } from '../support/run-script.ts';
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
    expect(JSON.parse(stdout)).toMatchObject({ spans: 3, issues: 1 });
  });

  it('says that there is nowhere to send it', async () => {
    const drained = await cli(['recorder', 'drain', '--dir', directory]);
    expect(drained).toMatchObject({ code: 1, stdout: '' });
    expect(drained.stderr).toMatch(/^faultline: there is nowhere to send it: .*\n$/);
  });
});
