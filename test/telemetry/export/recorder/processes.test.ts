import { mkdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { PERMISSION } from '../../../support/permission.ts';
import { runScript } from '../../../support/run-script.ts';
import { filesIn, namesOf, record, temporaryDirectory } from './recorded.ts';

/** Starts a script in a process of its own, with a recorder and a tracer over `directory`. */
function withRecorder(directory: string, body: string): string {
  return `
    import { BasicTracerProvider } from '${import.meta.resolve('@opentelemetry/sdk-trace-node')}';
    import { createRecorder } from 'DIST/telemetry/export/recorder/recorder.js';
    const recorder = createRecorder({
      directory: ${JSON.stringify(directory)},
      destinations: ['one'],
      report: ({ message }) => console.error(message),
    });
    const tickets = [];
    const tracer = new BasicTracerProvider({
      spanProcessors: [{
        onStart: (span) => recorder.started(span),
        onEnd: (span) => tickets.push(recorder.ended(span)),
        forceFlush: async () => {},
        shutdown: async () => {},
      }],
    }).getTracer('faultline');
    ${body}
  `;
}

async function recoverNames(directory: string): Promise<readonly (string | undefined)[]> {
  const { recorder } = record({ directory });
  const { spans } = await recorder.recover();
  return namesOf(recorder, spans.get('one'));
}

describe('spans of a process', () => {
  test('that was killed in the next instruction are recovered, the open ones as interrupted', async () => {
    const directory = temporaryDirectory();
    const { signal, stderr } = await runScript(
      withRecorder(
        directory,
        `tracer.startSpan('agent', { attributes: { run: 'r-1' } });
         tracer.startSpan('sent').end();
         recorder.strike('one', tickets);
         tracer.startSpan('ended').end();
         recorder.keepIssue('i', '{"event_id":"i"}');
         process.kill(process.pid, 'SIGKILL');`,
      ),
    );
    const { recorder } = record({ directory });
    const { spans, issues } = await recorder.recover();

    expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
    const found = (spans.get('one') ?? []).map((ticket) => recorder.read(ticket));
    expect(found.map((span) => [span?.name, span?.attributes])).toEqual([
      ['ended', {}],
      ['agent', { run: 'r-1', 'error.type': 'interrupted', 'faultline.interrupted': true }],
    ]);
    expect(issues.map((id) => recorder.readIssue(id))).toEqual(['{"event_id":"i"}']);
    expect(recorder.status.interrupted).toBe(1);
  });

  test('that was killed while it wrote are recovered up to the last', async () => {
    const directory = temporaryDirectory();
    await runScript(
      withRecorder(
        directory,
        `const { Worker } = await import('node:worker_threads');
         // Nothing but another thread can strike in the middle of a loop that never gives way.
         const written = new Int32Array(new SharedArrayBuffer(4));
         new Worker(
           "const { workerData: written } = require('node:worker_threads');" +
             "while (Atomics.load(written, 0) < 100); process.kill(process.pid, 'SIGKILL');",
           { eval: true, workerData: written },
         );
         for (let count = 0; ; count += 1) {
           tracer.startSpan('span ' + count).end();
           Atomics.store(written, 0, count + 1);
         }`,
      ),
    );
    const names = await recoverNames(directory);

    expect(names.length).toBeGreaterThanOrEqual(100);
    expect(names).toEqual(names.map((_, index) => `span ${index}`));
  });

  test('that ends with process.exit() are recovered', async () => {
    const directory = temporaryDirectory();
    await runScript(
      withRecorder(
        directory,
        `process.on('exit', () => recorder.close()); tracer.startSpan('a').end(); process.exit(3);`,
      ),
    );

    expect(await recoverNames(directory)).toEqual(['a']);
  });

  test('that lives are not taken from it, and it is not kept alive by them', async () => {
    const directory = temporaryDirectory();
    const { stdout, code } = await runScript(
      withRecorder(
        directory,
        `tracer.startSpan('a').end();
         const other = createRecorder({ directory: ${JSON.stringify(directory)}, destinations: ['one'], report() {} });
         console.log((await other.recover()).spans.size);`,
      ),
    );

    expect({ stdout, code }).toEqual({ stdout: '0\n', code: 0 });
    expect(await recoverNames(directory)).toEqual(['a']);
  });

  test('are recovered by exactly one of several that start at once', async () => {
    const directory = temporaryDirectory();
    for (let count = 0; count < 20; count += 1) {
      const { recorder, trace } = record({ directory, wallClock: () => Date.now() + count });
      trace(`span ${count}`);
      recorder.close();
    }
    const gate = temporaryDirectory();
    const recoverAndPrint = withRecorder(
      directory,
      `import { readdirSync, writeFileSync } from 'node:fs';
       writeFileSync(${JSON.stringify(gate)} + '/' + process.pid, '');
       while (readdirSync(${JSON.stringify(gate)}).length < 3);
       const { spans } = await recorder.recover();
       for (const ticket of spans.get('one') ?? []) console.log(recorder.read(ticket).name);
       recorder.strike('one', spans.get('one') ?? []);
       recorder.close();`,
    );
    const ended = await Promise.all([
      runScript(recoverAndPrint),
      runScript(recoverAndPrint),
      runScript(recoverAndPrint),
    ]);

    const names = ended.flatMap(({ stdout }) => stdout.split('\n').filter((line) => line !== ''));
    expect(ended.map(({ stderr }) => stderr)).toEqual(['', '', '']);
    expect(names.toSorted()).toEqual(Array.from({ length: 20 }, (_, count) => `span ${count}`).toSorted());
    expect(filesIn(directory)).toEqual([]);
  });

  test('in worker threads are kept apart', async () => {
    const directory = temporaryDirectory();
    const { stderr } = await runScript(
      withRecorder(
        directory,
        `const { isMainThread, Worker } = await import('node:worker_threads');
         tracer.startSpan(isMainThread ? 'main' : 'worker').end();
         if (isMainThread) new Worker(new URL(import.meta.url));`,
      ),
    );

    expect(stderr).toBe('');
    expect(filesIn(directory)).toHaveLength(2);
    expect(new Set(await recoverNames(directory))).toEqual(new Set(['main', 'worker']));
  });
});

describe('a directory that cannot be made', () => {
  test.runIf(process.platform === 'linux')('is said once, and the program goes on', async () => {
    const { stdout, stderr, code } = await runScript(
      withRecorder('/proc/faultline/nope', `tracer.startSpan('a').end(); console.log(recorder.status.unwritten);`),
    );

    expect({ stdout, code }).toEqual({ stdout: '1\n', code: 0 });
    expect(stderr).toContain('/proc/faultline cannot be made (ENOENT)');
  });
});

describe('a directory that is all Node was given', () => {
  test.each([
    ['is written to', 'there', [], { unwritten: 0, said: /^$/ }],
    ['is made', 'made', [], { unwritten: 0, said: /^$/ }],
    [
      'is said with the flag that is missing when it is for writing alone',
      'there',
      ['no-read'],
      { unwritten: 1, said: /--allow-fs-read,/ },
    ],
  ])('%s', async (_, path, [noRead], { unwritten, said }) => {
    const parent = temporaryDirectory();
    mkdirSync(join(parent, 'there'));
    const repository = fileURLToPath(new URL('../../../../', import.meta.url));
    const modules = realpathSync(join(repository, 'node_modules'));
    const readable = [repository, modules, join(tmpdir(), 'faultline-script-*')];
    const own = join(parent, path);
    // Of a directory that is there, its name stands for what is in it.
    const reachable = path === 'made' ? [own, join(own, '*')] : [own];
    if (noRead === undefined) readable.push(...reachable);
    const { stdout, stderr, code } = await runScript(
      withRecorder(own, `tracer.startSpan('a').end(); console.log(recorder.status.unwritten);`),
      {
        env: {
          NODE_OPTIONS: [
            PERMISSION,
            ...readable.map((folder) => `--allow-fs-read=${folder}`),
            ...reachable.map((folder) => `--allow-fs-write=${folder}`),
            '--no-warnings',
          ].join(' '),
        },
      },
    );

    expect({ stdout, code }).toEqual({ stdout: `${unwritten}\n`, code: 0 });
    expect(stderr).toMatch(said);
  });
});

describe('a directory this user may not write to', () => {
  test('because Node was not allowed to is said with what to do', async () => {
    const directory = temporaryDirectory();
    const { stdout, stderr, code } = await runScript(
      withRecorder(directory, `tracer.startSpan('a').end(); console.log(recorder.status.unwritten);`),
      { env: { NODE_OPTIONS: `${PERMISSION} --allow-fs-read=* --no-warnings` } },
    );

    expect({ stdout, code }).toEqual({ stdout: '1\n', code: 0 });
    expect(stderr).toContain('this process may not write to');
    expect(stderr).toContain('(ERR_ACCESS_DENIED)');
    expect(stderr).toContain('--allow-fs-write');
    expect(stderr).not.toContain('no form');
  });

  test('is said once, with what to do, and the program goes on', async () => {
    const directory = join(temporaryDirectory(), 'theirs');
    mkdirSync(directory, { mode: 0o555 });
    const { stdout, stderr, code } = await runScript(
      `const NOBODY = 65534;
       if (process.getuid?.() === 0) process.setuid(NOBODY);
       ${withRecorder(
         directory,
         `tracer.startSpan('a').end(); tracer.startSpan('b').end(); console.log(tickets.length, recorder.status.unwritten);`,
       )}`,
    );

    expect({ stdout, code }).toEqual({ stdout: '2 2\n', code: 0 });
    expect(stderr).toContain('this user may not write to');
    expect(stderr).toContain('(EACCES)');
    expect(stderr).toContain('FAULTLINE_RECORDER_DIR');
  });
});
