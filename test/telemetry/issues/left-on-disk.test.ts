import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { cli } from '../../cli/cli.ts';
import { runScript, type Ended } from '../../support/run-script.ts';
import { receivedEvents } from './sending.ts';

// More than wait in memory, and each of a kind of its own.
const COUNT = 120;

let sentry: FakeSentry;
let directory: string;
let env: Readonly<Record<string, string>>;
beforeEach(async () => {
  sentry = await startFakeSentry();
  directory = await mkdtemp(join(tmpdir(), 'faultline-issues-'));
  env = { SENTRY_DSN: sentry.dsn, FAULTLINE_RECORDER_DIR: directory };
});
afterEach(async () => {
  await sentry.close();
  await rm(directory, { recursive: true, force: true });
});

const run = (source: string): Promise<Ended> => runScript(source, { env });
const restart = (): Promise<Ended> => run("import { setupTracing } from 'DIST/index.js'; setupTracing();");

const CAPTURE = `
  import { captureMessage, setupTracing } from 'DIST/index.js';
  const letters = (number) => String(number).replaceAll(/\\d/g, (digit) => 'abcdefghij'[digit]);
  const tracing = setupTracing();
  for (let number = 0; number < ${COUNT}; number += 1) captureMessage('kind ' + letters(number), 'error', { tags: { number } });
`;
const DIES = "process.kill(process.pid, 'SIGKILL');";

const arrived = (): number[] => receivedEvents(sentry).map(({ tags }) => Number(tags['number']));
const all = Array.from({ length: COUNT }, (_, number) => number);

describe('Issues left on disk', () => {
  it('are all sent by the next start, oldest first', async () => {
    expect(await run(`${CAPTURE} ${DIES}`)).toMatchObject({ signal: 'SIGKILL', stderr: '' });
    expect(arrived()).toEqual([]);
    expect(await restart()).toMatchObject({ code: 0, stderr: '' });
    expect(arrived()).toEqual(all);
  });

  it('are all sent by one drain, oldest first', async () => {
    await run(`${CAPTURE} ${DIES}`);
    expect(await cli(['recorder', 'drain'], env)).toMatchObject({ code: 0 });
    expect(arrived()).toEqual(all);
  });

  it('are all sent by the process that lives, once Sentry is back', async () => {
    sentry.answerNextEnvelope({ kind: 'status', status: 503 }, 2);
    const ended = await run(`${CAPTURE}
      const { status } = await tracing.flush();
      const { sent, pending, leftOnDisk } = tracing.status.issues;
      console.log(JSON.stringify({ status, sent, pending, leftOnDisk, kept: tracing.status.recorder.issues }));
    `);
    expect(JSON.parse(ended.stdout)).toEqual({ status: 'delivered', sent: COUNT, pending: 0, leftOnDisk: 0, kept: 0 });
    expect(arrived().toSorted((one, other) => one - other)).toEqual(all);
  });
});

describe('a storm of one failure', () => {
  const storm = (end: string): Promise<Ended> =>
    run(`
      import { setupTracing } from 'DIST/index.js';
      import { traceAgent, traceTool } from 'DIST/telemetry/spans.js';
      const tracing = setupTracing({ exitTimeoutMs: 5_000 });
      const fails = async () => { throw new RangeError('again'); };
      await traceAgent({ name: 'helper' }, async () => {
        for (let count = 0; count < 500; count += 1) await traceTool({ name: 'get' }, fails).catch(() => {});
        process.stdout.write(String(tracing.status.recorder.issues));
        ${end}
      });
    `);

  it('takes no more room on disk than Issues are sent of it, and so it is after the process was killed', async () => {
    const killed = await storm(`${DIES} await new Promise(() => {});`);
    expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: expect.stringMatching(/^[1-5]$/) });
    await restart();
    expect(sentry.envelopes).toHaveLength(5);
  });

  it('is counted whole', async () => {
    const ended = await storm('');
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[1-5]$/) });
    expect(ended.stderr).toMatch(/^faultline: 495 Issues were held back/);
    expect(sentry.envelopes).toHaveLength(5);
  });
});

describe('a failure that a hook is asked about when it ends the process', () => {
  it('is sent once, and not again by the next start', async () => {
    const ended = await run(`
      import { setupTracing, traceAgent, traceTool } from 'DIST/index.js';
      setupTracing({
        beforeSend(event) {
          if (event.level === 'error') process.exit(3);
          return event;
        },
      });
      traceAgent({ name: 'helper' }, () => traceTool({ name: 'get' }, () => { throw new RangeError('the end'); }));
    `);
    expect(ended).toMatchObject({ code: 3 });
    expect(receivedEvents(sentry)).toMatchObject([{ level: 'error' }]);
    expect(await restart()).toMatchObject({ code: 0, stderr: '' });
    expect(receivedEvents(sentry)).toHaveLength(1);
  });
});
