import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { decodeTraceRequest } from '../../../src/receiver/otlp.ts';
import { listening } from '../../support/loopback.ts';
import { runScript, type Ended } from '../../support/run-script.ts';
import { TURNED_TIME } from '../../support/turned-time.ts';
import { NOTHING } from '../../support/nothing.ts';

// What sends is blocked meanwhile, so every application here is a process of its own.

/** What becomes of a request: an answer, or none. */
type Reply =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | 'silence';

const ACCEPTED: Reply = { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' };
const LOGIN_PAGE: Reply = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Please log in</html>' };

let url: string;
/** What the server answers, one after the other; then it takes everything. */
let replies: Reply[];
/** The name of a span on which the server fails whenever it comes. */
let bad: string | undefined;
/** The names of the spans of every request. */
let requests: string[][];

beforeEach(async () => {
  replies = [];
  bad = undefined;
  requests = [];
  let hasOne = (): void => {};
  const one = new Promise<void>((resolve) => (hasOne = resolve));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const names = decodeTraceRequest(body, 'json').map(({ name }) => name);
    requests.push(names);
    hasOne();
    const reply = names.some((name) => name === bad) ? { status: 500 } : (replies.shift() ?? ACCEPTED);
    if (reply !== 'silence') response.writeHead(reply.status, reply.headers).end(reply.body);
  };
  const server = createServer((request, response) => {
    // Whoever reads waits until something was sent.
    if (request.method === 'GET') void one.then(() => response.end());
    else void answer(request, response);
  });
  url = `http://${await listening(server)}/v1/traces`;
});

interface Told extends Ended {
  readonly destination: {
    readonly exported: number;
    readonly rejected: number;
    readonly dropped: Readonly<Record<string, number>>;
    readonly pending: number;
    readonly leftOnDisk: number;
    readonly retried: number;
    readonly possibleDuplicates: number;
    readonly lastError?: string;
  };
  /** How long each wait of the process was in its end, for a pause or for answers that never came. */
  readonly waits: readonly number[];
}

const always = (reply: Reply): Reply[] => Array.from({ length: 50 }, () => reply);

/**
 * Runs an application that ends abruptly, and tells what it knew in the end. By default it has far more time for that
 * than it may take: when it waits for the end of that, it is killed.
 */
async function run(body: string, recorder?: string, exitTimeoutMs = 600_000): Promise<Told> {
  const source = `
    ${TURNED_TIME}
    import { setupTracing, traceTool } from 'DIST/index.js';
    const tracing = setupTracing({ exitTimeoutMs: ${exitTimeoutMs}, compression: 'none' });
    const step = (name) => traceTool({ name }, async () => 1);
    process.on('exit', () => console.log(JSON.stringify({ destination: tracing.status.destinations[0], waits })));
    ${body}
  `;
  const env = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url,
    ...(recorder === undefined ? undefined : { FAULTLINE_RECORDER_DIR: recorder }),
  };
  const ended = await runScript(source, { env });
  return { ...ended, ...(JSON.parse(ended.stdout) as Pick<Told, 'destination' | 'waits'>) };
}

async function directory(): Promise<string> {
  const created = await mkdtemp(join(tmpdir(), 'faultline-last-words-'));
  onTestFinished(() => rm(created, { recursive: true, force: true }));
  return created;
}

const withoutHost = (text: string): string => text.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST');

describe('the last requests of a process', () => {
  it('that a login page answers are not taken for accepted: the next start sends them', async () => {
    const recorder = await directory();
    replies = always(LOGIN_PAGE);
    const { code, destination, stderr } = await run(`await step('a'); process.exit(0);`, recorder);
    expect(code).toBe(0);
    expect(destination).toMatchObject({ exported: 0, rejected: 0, dropped: NOTHING, leftOnDisk: 1, pending: 0 });
    expect(withoutHost(stderr)).toMatch(
      /^faultline: 1 span was left on disk for the next start: HOST answered with a web page \(200\)/,
    );

    replies = [];
    requests = [];
    const next = await run(`await tracing.flush(); process.exit(0);`, recorder);
    expect(next).toMatchObject({ stderr: '', destination: { exported: 1 } });
    expect(requests).toEqual([['execute_tool a']]);
  });

  it('that are taken in part are counted in part, and the reason of the backend is said', async () => {
    const partialSuccess = { rejectedSpans: '1', errorMessage: 'too old' };
    replies = [
      { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ partialSuccess }) },
    ];
    const { destination, stderr } = await run(`await step('a'); await step('b'); process.exit(0);`);
    expect(destination).toMatchObject({ exported: 1, rejected: 1, dropped: NOTHING, pending: 0 });
    expect(withoutHost(stderr)).toBe(
      'faultline: 1 span was not delivered: HOST took the request without them: too old\n',
    );
  });

  // One of each kind: which status is of which kind is in otlp-exporter.test.ts.
  it.each<[string, Reply, string, 'lost' | 'left on disk']>([
    ['400', { status: 400 }, 'HOST could not read the request (400)', 'lost'],
    ['413 for a single span', { status: 413 }, 'HOST found the request too large (413), and that was a single', 'lost'],
    ['401', { status: 401 }, 'HOST refused the credentials (401);', 'left on disk'],
    [
      '302',
      { status: 302, headers: { location: 'https://login.test/?key=x' } },
      'HOST redirects to https://login.test/ (302);',
      'left on disk',
    ],
  ])('that are refused with %s are not repeated, and the reason is said', async (_, reply, reason, fate) => {
    replies = always(reply);
    const { destination, stderr } = await run(`await step('a'); process.exit(0);`, await directory());
    expect(requests).toHaveLength(1);
    const leftOnDisk = fate === 'lost' ? 0 : 1;
    expect(destination).toMatchObject({
      exported: 0,
      rejected: 1 - leftOnDisk,
      dropped: NOTHING,
      leftOnDisk,
      pending: 0,
    });
    const what = fate === 'lost' ? 'not delivered' : 'left on disk for the next start';
    expect(withoutHost(stderr).startsWith(`faultline: 1 span was ${what}: ${reason}`)).toBe(true);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(withoutHost(destination.lastError ?? '').startsWith(reason)).toBe(true);
  });

  it('that are refused are said in one line for all of them', async () => {
    replies = always({ status: 400 });
    const { destination, stderr } = await run(
      `for (let index = 0; index < 1_200; index += 1) void step('a'); await step('b'); process.exit(0);`,
    );
    expect(requests.length).toBeGreaterThan(2);
    expect(destination).toMatchObject({ exported: 0, rejected: 1_201, pending: 0 });
    expect(withoutHost(stderr)).toMatch(/^faultline: 1201 spans were not delivered: HOST could not read .*\n$/);
  });

  it('do not wait for a backend that asks for a longer pause than there is time', async () => {
    replies = always({ status: 429, headers: { 'retry-after': '3600' } });
    const { destination, waits, stderr } = await run(`await step('a'); process.exit(0);`);
    expect(requests).toHaveLength(1);
    expect(waits).toEqual([]);
    expect(destination).toMatchObject({ exported: 0, rejected: 0, dropped: { closed: 1 } });
    expect(withoutHost(stderr)).toBe('faultline: 1 span was not delivered: HOST kept limiting the rate (429)\n');
  });

  it('come again after a pause the backend asks for', async () => {
    replies = [{ status: 503, headers: { 'retry-after': '1' } }];
    const { destination, waits, stderr } = await run(`await step('a'); process.exit(0);`);
    expect(requests).toHaveLength(2);
    expect(waits).toEqual([1_000]);
    expect(destination).toMatchObject({ exported: 1, retried: 1, possibleDuplicates: 0 });
    expect(stderr).toBe('');
  });

  it('say what the trouble was when they get no answer', async () => {
    replies = always('silence');
    const { destination, stderr } = await run(`await step('a'); process.exit(0);`, undefined, 1_000);
    expect(destination).toMatchObject({ exported: 0, dropped: { closed: 1 } });
    expect(withoutHost(stderr)).toBe(
      'faultline: 1 span was not delivered: HOST did not take them before the time for it was over\n',
    );
  });

  it('say nothing of what was the trouble with others, which were accepted since', async () => {
    replies = [{ status: 503 }, ACCEPTED, ...always('silence')];
    const program = `
      await step('a');
      void tracing.flush(60_000);
      while (tracing.status.destinations[0].lastError === undefined) await new Promise(setImmediate);
      turn(5_000);
      while (tracing.status.destinations[0].exported === 0) await new Promise(setImmediate);
      await step('b');
      process.exit(0);
    `;
    const { destination, stderr } = await run(program, undefined, 1_000);
    expect(destination).toMatchObject({ exported: 1, dropped: { closed: 1 } });
    expect(withoutHost(stderr)).toBe(
      'faultline: 1 span was not delivered: HOST did not take them before the time for it was over\n',
    );
  });

  it('that repeat one under way are counted as possible duplicates', async () => {
    replies = ['silence'];
    const { destination, stderr } = await run(`
      await step('a');
      void tracing.flush();
      await fetch('${url}');
      process.exit(0);
    `);
    expect(requests).toEqual([['execute_tool a'], ['execute_tool a']]);
    expect(destination).toMatchObject({ exported: 1, retried: 1, possibleDuplicates: 1 });
    expect(destination.lastError).toBeUndefined();
    expect(stderr).toBe('');
  });

  it('wait out a short pause the backend asked for before, and are not written when it is too long', async () => {
    replies = [{ status: 429, headers: { 'retry-after': '4' } }];
    const ended = `await step('a'); await tracing.flush(3_500); process.exit(0);`;
    const { destination, stderr } = await run(ended);
    expect(requests).toEqual([['execute_tool a'], ['execute_tool a']]);
    expect(destination).toMatchObject({ exported: 1, retried: 1, possibleDuplicates: 0 });
    expect(stderr).toBe('');

    replies = always({ status: 429, headers: { 'retry-after': '3600' } });
    const late = await run(ended);
    expect(requests).toHaveLength(3);
    expect(late.destination).toMatchObject({ exported: 0, dropped: { closed: 1 } });
    expect(late.waits).toEqual([]);
  });

  it('lose no others with a span the backend has failed on before', async () => {
    bad = 'execute_tool bad';
    const { destination, stderr } = await run(
      `
        await step('bad');
        void tracing.flush();
        while (tracing.status.destinations[0].lastError === undefined) await new Promise(setImmediate);
        await step('a');
        await step('b');
        process.exit(0);
      `,
      undefined,
      1_000,
    );
    expect(requests).toContainEqual(['execute_tool a', 'execute_tool b']);
    expect(destination).toMatchObject({ exported: 2, dropped: { closed: 1 } });
    expect(withoutHost(stderr)).toMatch(/^faultline: 1 span was not delivered: HOST kept answering .* \(500\)\n$/);
  });

  it('have what is not over when nothing is left to do but a span the backend fails on for certain', async () => {
    bad = 'execute_tool bad';
    const { code, destination, stderr } = await run(`
      await step('bad');
      do await step('good');
      while ((await tracing.flush(200)).status === 'timeout');
      await traceTool({ name: 'open' }, () => new Promise(() => {}));
    `);
    expect(code).toBe(13);
    expect(requests.at(-1)).toEqual(['execute_tool open']);
    expect(destination).toMatchObject({ dropped: { closed: 1 }, pending: 0 });
    expect(stderr).toMatch(/faultline: 1 span was not delivered: .* \(500\)\n$/);
  });

  it('have what is left of the time when nothing is left to do, and not all of it again', async () => {
    replies = [ACCEPTED, 'silence'];
    const { code, destination, waits } = await run(
      `
        import { pbkdf2 } from 'node:crypto';
        await step('a');
        void traceTool({ name: 'open' }, () => new Promise(() => {}));
        process.once('beforeExit', () => {
          turn(7_600);
          // Comes again once all that can be is sent.
          process.once('beforeExit', () => pbkdf2('work', 'of its own', 50_000, 32, 'sha256', () => {}));
        });
      `,
      undefined,
      10_000,
    );
    expect(code).toBe(0);
    expect(requests).toEqual([['execute_tool a'], ['execute_tool open']]);
    expect(destination).toMatchObject({ exported: 1, dropped: { closed: 1 }, pending: 0 });
    expect(waits).toEqual([2_400]);
  });

  it('that there is no time for are counted and said, also of what is not over', async () => {
    replies = always('silence');
    const { destination, stderr } = await run(
      `
        await step('a');
        void traceTool({ name: 'open' }, () => new Promise(() => {}));
      `,
      undefined,
      200,
    );
    expect(destination).toMatchObject({ dropped: { closed: 2 }, pending: 0 });
    expect(stderr).toMatch(/^faultline: 2 spans were not delivered: .*\n$/);
  });

  it('have all of the time again when the process has gone on', async () => {
    replies = [ACCEPTED, 'silence'];
    const { code, waits } = await run(
      `
        await step('a');
        process.once('beforeExit', () => {
          turn(3_600);
          process.once('beforeExit', async () => {
            turn(1_000);
            await step('b');
            process.exit(3);
          });
        });
      `,
      undefined,
      4_000,
    );
    expect(code).toBe(3);
    expect(requests).toEqual([['execute_tool a'], ['execute_tool b']]);
    expect(waits).toEqual([4_000]);
  });

  it('are made when the process has gone on after it could deliver nothing for a while', async () => {
    replies = [{ status: 429, headers: { 'retry-after': '60' } }];
    const { code, destination, stderr } = await run(
      `
      await step('a');
      process.once('beforeExit', () => {
        process.once('beforeExit', async () => {
          turn(120_000);
          await step('b');
          process.exit(3);
        });
      });
    `,
      undefined,
      4_000,
    );
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    expect(destination).toMatchObject({ exported: 2, dropped: NOTHING, pending: 0 });
  });

  it('that repeat one which was refused for a while are no possible duplicates', async () => {
    replies = [{ status: 503 }];
    const { destination } = await run(`
      await step('a');
      void tracing.flush();
      while (tracing.status.destinations[0].lastError === undefined) await new Promise(setImmediate);
      process.exit(0);
    `);
    expect(destination).toMatchObject({ exported: 1, retried: 1, possibleDuplicates: 0 });
  });
});
