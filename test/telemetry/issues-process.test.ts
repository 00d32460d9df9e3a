import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { ONLY_SHORT_WAITS } from '../support/only-short-waits.ts';
import { runScript, type Ended } from '../support/run-script.ts';
import { withoutFaultline } from '../support/without-faultline.ts';
import { receivedEvents } from './issues/sending.ts';

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

/** A run whose tool fails and recovers, and then whatever ends the program. */
function program(end: string, options = ''): string {
  return `
    import { setupTracing, traceAgent, traceTool } from 'DIST/index.js';
    setupTracing({ captureUncaught: true, ${options} });
    class BookingError extends Error {}
    const book = () => { throw new BookingError('no seat left'); };
    ${end}
  `;
}

/** What ended the process, where that is an Issue of its own. */
const FATAL = ['RangeError', 'fatal', 'onunhandledrejection', false];

const RECOVERS = `traceAgent({ name: 'helper' }, () => { try { traceTool({ name: 'book' }, book); } catch {} });`;
const DIES_IN_A_RUN = `traceAgent({ name: 'helper' }, async () => {
  try { traceTool({ name: 'book' }, book); } catch {}
  await new Promise((done) => setImmediate(done));
  setImmediate(() => { throw new RangeError('nobody caught this'); });
  await new Promise(() => setInterval(() => {}, 1000));
});`;

/** Class, level and mechanism of each Issue that arrived. */
function issues(): readonly unknown[] {
  return receivedEvents(sentry).map(({ level, exception }) => {
    const { type, mechanism } = exception!.values.at(-1)!;
    return [type, level, mechanism.type, mechanism.handled];
  });
}

async function endsAlike(end: string): Promise<Ended> {
  const [untouched, watched] = await Promise.all([
    runScript(withoutFaultline(program(end))),
    runScript(program(end), { env: { SENTRY_DSN: sentry.dsn } }),
  ]);
  /** Without the line of code that threw it last, and where it came from. */
  const said = ({ stderr }: Ended): string => stderr.replaceAll(/^\S+:\d+\n.*\n[ \t]*\^+\n|^\s+at .*\n/gm, '').trim();
  expect({ ...watched, stderr: said(watched) }).toEqual({ ...untouched, stderr: said(untouched) });
  return watched;
}

describe('Issues of a process', () => {
  it('that simply ends are delivered', async () => {
    const ended = await runScript(program(RECOVERS), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(issues()).toEqual([['BookingError', 'warning', 'faultline.tool.execution', true]]);
  });

  it('are delivered also where a polyfill has put less in place of the crypto of Node', async () => {
    const polyfilled = `Object.defineProperty(globalThis, 'crypto', { value: { getRandomValues: (list) => list } });`;
    const ended = await runScript(polyfilled + program(RECOVERS), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(issues()).toEqual([['BookingError', 'warning', 'faultline.tool.execution', true]]);
  });

  it('that dies of an uncaught exception are delivered, and it dies as it would have', async () => {
    const { code } = await endsAlike(DIES_IN_A_RUN);
    expect(code).toBe(1);
    expect(issues()).toHaveLength(2);
    expect(issues()).toEqual(
      expect.arrayContaining([
        ['BookingError', 'warning', 'faultline.tool.execution', true],
        ['RangeError', 'fatal', 'onuncaughtexception', false],
      ]),
    );
  });

  it('say of what ended it in which run, for whom and where in its trace that was', async () => {
    await endsAlike(`
      const { setTag, setUser } = await import('DIST/index.js');
      traceAgent({ name: 'helper', runId: 'aaaa0000' }, () => {
        setUser({ id: 'u-1' });
        setTag('tier', 'gold');
        try { traceTool({ name: 'book' }, book); } catch {}
        setImmediate(() => { throw new RangeError('nobody caught this'); });
        return new Promise(() => {});
      });
    `);
    const all = receivedEvents(sentry);
    const recovered = all.find(({ level }) => level === 'warning');
    const fatal = all.find(({ level }) => level === 'fatal');
    expect(fatal).toMatchObject({
      tags: { agent: 'helper', run_id: 'aaaa0000', tier: 'gold' },
      user: { id: 'u-1' },
      transaction: 'agent.invoke helper',
      contexts: {
        trace: {
          trace_id: recovered?.contexts['trace']?.['trace_id'],
          span_id: recovered?.contexts['trace']?.['parent_span_id'],
          status: 'internal_error',
        },
      },
    });
    expect(fatal?.breadcrumbs?.values.map(({ message }) => message)).toContain('execute_tool book: failed');
  });

  it('say of what ended it, outside of every run, what is known of the failure that a run had got over before', async () => {
    await endsAlike(`
      const { setContext, setTag, setUser } = await import('DIST/index.js');
      const survive = () => traceAgent({ name: 'helper' }, () => {
        setUser({ id: 'u-1' });
        setTag('tier', 'gold');
        setContext('order', { id: 7 });
        try { traceTool({ name: 'book' }, book); } catch (error) { return error; }
      });
      throw new RangeError('job failed', { cause: survive() });
    `);
    const all = receivedEvents(sentry);
    expect(all).toMatchObject([
      {
        level: 'fatal',
        exception: { values: [{ type: 'BookingError' }, { type: 'RangeError' }] },
        transaction: 'agent.invoke helper',
        tags: { agent: 'helper', tool: 'book', tier: 'gold' },
        user: { id: 'u-1' },
        contexts: { order: { id: 7 }, trace: { op: 'gen_ai.execute_tool', status: 'internal_error' } },
      },
    ]);
    expect(all[0]?.contexts['trace']?.['span_id']).toBe(
      sentry.spans.find(({ name }) => name === 'execute_tool book')?.spanId,
    );
  });

  it('say of what ended it, outside of every run, no more than the run it came of has decided to show', async () => {
    const source = `
      const { setContext } = await import('DIST/index.js');
      const survive = () => traceAgent({ name: 'helper', captureContent: false }, () => {
        setContext('last', { error: new Error('canary') });
        try { traceTool({ name: 'book' }, book); } catch (error) { return error; }
      });
      throw new RangeError('job failed', { cause: survive() });
    `;
    await runScript(program(source, 'captureContent: true'), { env: { SENTRY_DSN: sentry.dsn } });
    const all = receivedEvents(sentry);
    expect(all.map(({ level, contexts }) => [level, contexts['last']])).toEqual([
      ['fatal', { error: 'Error: [message withheld]' }],
    ]);
  });

  it.each([
    ['is wrapped before it ends the process', `throw new AggregateError([new Error('job failed', { cause: error })]);`],
    ['is all of a group that ends the process', 'throw new AggregateError([error]);'],
  ])('whose agent fails with an error that %s, are one', async (_name, end) => {
    await endsAlike(`
      const run = () => traceAgent({ name: 'helper' }, async () => book());
      run().catch((error) => { ${end} });
    `);
    expect(issues()).toEqual([['BookingError', 'error', 'faultline.conversation.unhandled', false]]);
  });

  it('whose agent fails with an error that is wrapped in one with a list of descriptions, are one', async () => {
    await endsAlike(`
      const wrap = (cause) => Object.assign(new RangeError('no trip', { cause }), { errors: [{ message: 'no seat' }] });
      traceAgent({ name: 'helper' }, async () => book()).catch((error) => { throw wrap(error); });
    `);
    expect(issues()).toEqual([['BookingError', 'error', 'faultline.conversation.unhandled', false]]);
  });

  it.each([
    [
      'a minute after it ended its run, are two',
      `const run = traceAgent({ name: 'helper' }, async () => book());
      run.catch((cause) => { later(); throw new RangeError('job failed', { cause }); });`,
      [['BookingError', 'error', 'faultline.conversation.unhandled', false], FATAL],
    ],
    [
      'as soon as it ended its run, a minute after it failed in it, are one',
      `const run = traceAgent({ name: 'helper' }, async () => {
        try { traceTool({ name: 'book' }, book); } catch (error) { later(); throw error; }
      });
      run.catch((cause) => { throw new RangeError('job failed', { cause }); });`,
      [['BookingError', 'error', 'faultline.tool.execution', false]],
    ],
  ])('whose error is the cause of what ends the process %s', async (_name, end, expected) => {
    const later = 'const now = performance.now.bind(performance); performance.now = () => now() + 60_000;';
    await endsAlike(`const later = () => { ${later} }; ${end}`);
    expect(new Set(issues())).toEqual(new Set(expected));
    expect(issues()).toHaveLength(expected.length);
  });

  it.each([
    ['is no Issue', `traceAgent({ name: 'helper' }, async () => { throw new SyntaxError('of no interest'); })`],
    [
      'was survived',
      `traceAgent({ name: 'helper' }, () => traceTool({ name: 'book' }, async () => book()).catch((error) => error))
        .then((error) => Promise.reject(error))`,
    ],
    ['was captured by the application', `Promise.reject(new URIError('captured'))`],
    [
      'is not alone',
      `traceAgent({ name: 'helper' }, async () => book())
        .catch((error) => Promise.reject(new AggregateError([error, new Error('of no run')])))`,
    ],
  ])('that end with an error whose cause %s tell of that one', async (_, work) => {
    const end = `
      const { captureException } = await import('DIST/index.js');
      const wrap = (error) => {
        if (error instanceof URIError) captureException(error);
        if (error instanceof AggregateError) throw Object.assign(error, { name: 'RangeError' });
        throw new RangeError('job failed', { cause: error });
      };
      ${work}.catch(wrap);
    `;
    await runScript(program(end, "ignoreErrors: ['SyntaxError']"), { env: { SENTRY_DSN: sentry.dsn } });
    expect(issues()).toContainEqual(['RangeError', 'fatal', 'onunhandledrejection', false]);
  });

  it.each(["'plain'", '42', 'null', 'undefined', "Symbol('plain')", '{ status: 503 }', 'new (class Refusal {})()'])(
    'whose agent rejects with %s, which nobody handles, are one',
    async (thrown) => {
      await endsAlike(`traceAgent({ name: 'helper' }, async () => { throw ${thrown}; });`);
      expect(issues()).toEqual([[expect.any(String), 'error', 'faultline.conversation.unhandled', false]]);
    },
  );

  it.each([
    ['a revoked proxy', `const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy;`],
    ['nothing', 'throw undefined;'],
  ])('that dies of %s are delivered, and it dies as it would have', async (_name, end) => {
    await endsAlike(`setImmediate(() => { ${end} });`);
    expect(issues()).toEqual([[expect.any(String), 'fatal', 'onuncaughtexception', false]]);
  });

  it('that dies of an unhandled rejection are delivered, and it dies as it would have', async () => {
    const { code } = await endsAlike(`Promise.reject(new RangeError('nobody caught this'));`);
    expect(code).toBe(1);
    expect(issues()).toEqual([['RangeError', 'fatal', 'onunhandledrejection', false]]);
  });

  it.each(["new BookingError('no seat left')", "'plain'", '{ status: 503 }'])(
    'whose tool rejects with %s outside of any run are one, of the failure that ended it',
    async (thrown) => {
      await endsAlike(`await traceTool({ name: 'book' }, async () => { throw ${thrown}; });`);
      expect(issues()).toEqual([[expect.any(String), 'fatal', expect.stringMatching(/^onun/), false]]);
    },
  );

  it('whose own handler keeps it alive are delivered, and it lives', async () => {
    const handler = `process.on('uncaughtException', ({ message }) => console.log('survived:', message));`;
    const { code, stdout } = await endsAlike(
      `${handler} setImmediate(() => { throw new RangeError('not the end'); });`,
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'survived: not the end\n' });
    expect(issues()).toEqual([['RangeError', 'fatal', 'onuncaughtexception', false]]);
  });

  it('of one kind are few, which is said when it ends', async () => {
    const fails = `for (let n = 0; n < 8; n += 1) { try { traceAgent({ name: 'helper' }, book); } catch {} }`;
    const ended = await runScript(program(`${fails} process.exit(3);`), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 3, stdout: '' });
    expect(ended.stderr).toMatch(/^faultline: 3 Issues were held back, .*\n$/);
    expect(issues()).toHaveLength(5);
  });

  it('whose error ended an agent run already are sent once', async () => {
    await endsAlike(`await traceAgent({ name: 'helper' }, async () => book());`);
    expect(issues()).toEqual([['BookingError', 'error', 'faultline.conversation.unhandled', false]]);
  });

  it('wait for a short pause Sentry asked for before the crash, and go out', async () => {
    const headers = { 'x-sentry-rate-limits': '2:error:organization' };
    sentry.answerNextEnvelope({ kind: 'status', status: 429, headers });
    const crash = `
      const { captureMessage } = await import('DIST/index.js');
      captureMessage('first');
      await setupTracing().flush(1_500);
      setImmediate(() => { throw new TypeError('boom'); });
    `;
    const { code } = await runScript(program(crash), { env: { SENTRY_DSN: sentry.dsn } });
    expect(code).toBe(1);
    expect(sentry.envelopes).toHaveLength(2);
  });

  it.each([
    ['a capture callback', 'process.setUncaughtExceptionCaptureCallback(survive); throwStray();'],
    ['a domain', `const d = (await import('node:domain')).create(); d.on('error', survive); d.run(throwStray);`],
    ['a listener', `process.on('uncaughtException', survive); throwStray();`],
  ])('are decided by their run although %s took a stray error meanwhile', async (_name, stray) => {
    await endsAlike(`
      let survive;
      const survived = new Promise((resolve) => (survive = resolve));
      const throwStray = () => setImmediate(() => { throw new RangeError('not the end'); });
      await traceAgent({ name: 'helper' }, async () => {
        let failure;
        try { traceTool({ name: 'book' }, book); } catch (error) { failure = error; }
        ${stray}
        await survived;
        throw failure;
      }).catch(() => {});
    `);
    expect(issues()).toContainEqual(['BookingError', 'error', 'faultline.tool.execution', false]);
    expect(issues()).toHaveLength(2);
  });

  it.each([
    [
      'in a branch nobody waits for',
      `await traceAgent({ name: 'helper' }, async () => {
        const booking = traceTool({ name: 'book' }, async () => book());
        booking.then(() => {});
        try { await booking; } catch {}
        await new Promise(() => setInterval(() => {}, 1000));
      });`,
      'onunhandledrejection',
    ],
    [
      'right after the run',
      `const error = new BookingError('no connection');
      traceAgent({ name: 'helper' }, () => { try { traceTool({ name: 'book' }, () => { throw error; }); } catch {} });
      setImmediate(() => { throw error; });`,
      'onuncaughtexception',
    ],
    [
      'of a tool that nobody waited for',
      `traceAgent({ name: 'helper' }, () => {
        void traceTool({ name: 'book' }, () => new Promise((_, fail) => setImmediate(() => fail(new BookingError('late')))));
      });`,
      'onunhandledrejection',
    ],
    ['of a tool outside of any run', `setImmediate(() => traceTool({ name: 'book' }, book));`, 'onuncaughtexception'],
    [
      'as the cause of another one',
      `setImmediate(() => {
        try { traceTool({ name: 'book' }, book); } catch (cause) { throw new RangeError('no trip', { cause }); }
      });`,
      'onuncaughtexception',
      'RangeError',
    ],
  ])(
    'whose error was survived and ended the process %s are one',
    async (_name, end, mechanism, type = 'BookingError') => {
      const { code } = await endsAlike(end);
      expect(code).toBe(1);
      expect(issues()).toEqual([[type, 'fatal', mechanism, false]]);
    },
  );

  it.each([
    ['causes', `new RangeError('no trip', { cause: new AggregateError(errors) })`, 'RangeError'],
    ['members', `new AggregateError(errors, 'no trip')`, 'AggregateError'],
  ])('that had survived errors as %s of what ended it say where those came from', async (_name, end, type) => {
    await endsAlike(`
      const { addBreadcrumb, setContext, setTag, setUser } = await import('DIST/index.js');
      setTag('region', 'eu');
      const errors = [];
      traceAgent({ name: 'helper', runId: 'aaaa0000' }, () => {
        setUser({ id: 'u7' });
        setContext('order', { id: 5 });
        addBreadcrumb({ category: 'booking', message: 'starts' });
        for (const name of ['search', 'book'])
          try { traceTool({ name }, book); } catch (error) { errors.push(error); }
      });
      addBreadcrumb({ category: 'booking', message: 'gives up' });
      throw ${end};
    `);
    expect(issues()).toEqual([[type, 'fatal', 'onunhandledrejection', false]]);
    const { breadcrumbs, ...event } = receivedEvents(sentry)[0]!;
    const span = sentry.spans.find(({ name }) => name === 'execute_tool book');
    expect(event).toMatchObject({
      transaction: 'agent.invoke helper',
      tags: { region: 'eu', agent: 'helper', run_id: 'aaaa0000', tool: 'book' },
      user: { id: 'u7' },
      contexts: { order: { id: 5 }, trace: { trace_id: span?.traceId, span_id: span?.spanId } },
    });
    expect(event.contexts['faultline']).not.toHaveProperty('failure_point');
    const said = breadcrumbs?.values.map(({ category }) => category);
    expect(said?.filter((category) => category === 'booking')).toHaveLength(2);
    expect(said).toContain('gen_ai.execute_tool');
  });

  it('whose error was survived and told, and that ended the process later, are two events of one Issue', async () => {
    await endsAlike(`
      const error = new BookingError('no connection');
      try { traceTool({ name: 'book' }, () => { throw error; }); } catch {}
      await setupTracing().flush();
      throw error;
    `);
    expect(issues()).toEqual([
      ['BookingError', 'warning', 'faultline.tool.execution', true],
      ['BookingError', 'fatal', 'onunhandledrejection', false],
    ]);
    const [told, again] = receivedEvents(sentry).map(({ fingerprint }) => fingerprint);
    expect(again).toEqual(told);
  });

  it.each([
    [`{ code: 'E_BUSY' }`, `{ entirely: 'different' }`, 'Object'],
    [`'timeout'`, `'timeout'`, 'string'],
  ])('whose run survived %s, and that ended by %s, are two', async (survived, rejected, type) => {
    await endsAlike(`
      traceAgent({ name: 'helper' }, () => { try { traceTool({ name: 'book' }, () => { throw ${survived}; }); } catch {} });
      Promise.reject(${rejected});
    `);
    expect(issues()).toHaveLength(2);
    expect(issues()).toContainEqual([type, 'warning', 'faultline.tool.execution', true]);
    expect(issues()).toContainEqual(['UnhandledPromiseRejection', 'fatal', 'onunhandledrejection', false]);
  });

  it('leave the program as it is when Sentry refuses or hangs', async () => {
    sentry.answerNextEnvelope({ kind: 'status', status: 403 }, 5);
    const refused = await runScript(program(`${RECOVERS} console.log('answer'); process.exitCode = 3;`), {
      env: { SENTRY_DSN: sentry.dsn },
    });
    expect(refused).toMatchObject({ code: 3, stdout: 'answer\n' });
    expect(refused.stderr.trim().split('\n')).toHaveLength(1);
    expect(refused.stderr).toContain('refused the key (403)');

    const quiet = await startFakeSentry();
    quiet.answerNextEnvelope({ kind: 'hang' }, 5);
    const hung = await runScript(
      ONLY_SHORT_WAITS + program(`${RECOVERS} console.log('answer');`, 'exitTimeoutMs: 300'),
      {
        env: { SENTRY_DSN: quiet.dsn },
      },
    );
    await quiet.close();
    expect(hung).toMatchObject({ code: 0, signal: null, stdout: 'answer\n' });
    expect(hung.stderr).toMatch(/^faultline: an Issue was not delivered: \S+ did not take it before the time .*\n$/);
  });
});
