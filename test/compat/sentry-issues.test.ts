import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { SentryEvent } from '../../src/telemetry/issues/sentry-event.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { runNode, type Ended } from '../support/run-node.ts';
import { installApp, type App } from './support/app.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/beside-sentry', import.meta.url));

describe.each([
  {
    version: '10.78.0',
    options: { skipOpenTelemetrySetup: true },
    // What keeps the SDK's scopes apart, and is left out together with its tracing.
    instrument: 'instrument-v10.mjs',
    afterInit: `(await import('@opentelemetry/api')).context.setGlobalContextManager(new Sentry.SentryContextManager());`,
  },
  { version: '11.12.0', options: {}, instrument: 'instrument.mjs', afterInit: '' },
])('beside @sentry/node $version', ({ version, options, instrument, afterInit }) => {
  let app: App;
  let sentry: FakeSentry;
  beforeAll(async () => {
    // A command line tool for bundlers that 11.12.0 depends on, in a version that is not on npm.
    const overrides = { sentry: '0.45.0' };
    app = await installApp({ '@opentelemetry/api': '1.9.1', '@sentry/node': version }, { overrides });
    return app.remove;
  });
  beforeEach(async () => {
    sentry = await startFakeSentry();
  });
  afterEach(() => sentry.close());

  /**
   * Runs a program in which `Sentry` can be initialised with `INIT`, `failure(error)` makes a failure, and `clock.laterMs`
   * turns the clock forward.
   */
  function run(program: string): Promise<Ended> {
    const source = `${TURNED_FORWARD}const INIT = ${JSON.stringify(options)};${PRELUDE}${program}`;
    return runIn(app.directory, ['--input-type=module', '--eval', source]);
  }

  /** Runs Node in a directory, with a DSN in the environment, and error messages that can be told apart. */
  function runIn(cwd: string, args: readonly string[]): Promise<Ended> {
    const env = { SENTRY_DSN: sentry.dsn, FAULTLINE_ERROR_MESSAGES: 'redacted' };
    return runNode(args, { cwd, env });
  }

  function events(): readonly SdkEvent[] {
    const items = sentry.envelopes.flatMap(({ items }) => items);
    return items.filter(({ type }) => type === 'event').map(({ payload }) => payload as SdkEvent);
  }

  function everythingSent(): string {
    return sentry.requests.map(({ body }) => Buffer.from(body).toString()).join('\n');
  }

  it('every failure of concurrent runs is one Issue, linked to its span, with the scope of its request', async () => {
    const { stdout, stderr } = await run(`
      Sentry.init(INIT);
      ${afterInit}
      const tracing = setupTracing();
      const request = (region) => Sentry.withIsolationScope(async () => {
        Sentry.setTag('region', region);
        await withRunContext({ conversationId: region }, () => traceAgent({ name: 'helper' }, async () => {
          await new Promise(setImmediate);
          await traceTool({ name: 'get_weather' }, () => Promise.reject(new Error('no weather in ' + region))).catch(() => {});
          throw new Error('no answer in ' + region);
        })).catch((error) => Sentry.captureException(error));
      });
      await Promise.all([request('eu'), request('us')]);
      const { status, exported } = await tracing.shutdown();
      console.log(JSON.stringify({ status, exported }));
    `);
    expect({ stdout, stderr }).toEqual({ stdout: '{"status":"delivered","exported":4}\n', stderr: '' });
    const spans = new Map(sentry.spans.map((span) => [span.spanId, span]));
    const issues = events().map(({ level, tags, contexts, exception }) => {
      const span = spans.get(String(contexts['trace']?.['span_id']));
      return {
        value: exception?.values.at(-1)?.value,
        level,
        tags: [tags['region'], tags['conversation_id'], tags['failure.point']],
        linked: [span?.name, span?.traceId === contexts['trace']?.['trace_id']],
      };
    });
    expect(issues.toSorted((one, other) => (String(one.value) < String(other.value) ? -1 : 1))).toEqual(
      [
        ['no answer in eu', 'error', 'eu', 'conversation.unhandled', 'agent.invoke helper'],
        ['no answer in us', 'error', 'us', 'conversation.unhandled', 'agent.invoke helper'],
        ['no weather in eu', 'warning', 'eu', 'tool.execution', 'execute_tool get_weather'],
        ['no weather in us', 'warning', 'us', 'tool.execution', 'execute_tool get_weather'],
      ].map(([value, level, region, point, span]) => ({
        value,
        level,
        tags: [region, region, point],
        linked: [span, true],
      })),
    );
    // The SDK sends no spans of its own.
    const items = sentry.envelopes.flatMap((envelope) => envelope.items.map(({ type }) => type));
    expect(items.filter((type) => type === 'transaction' || type === 'span')).toEqual([]);
  });

  it('an SDK that is initialised after Faultline gets the failures from then on, and none twice', async () => {
    await run(`
      const tracing = setupTracing();
      Sentry.init(INIT);
      ${afterInit}
      try { traceAgent({ name: 'helper' }, () => { throw new Error('after both'); }); }
      catch (error) { Sentry.captureException(error); }
      await tracing.shutdown();
      await Sentry.close(2000);
    `);
    expect(events().map(({ exception }) => exception?.values.at(-1)?.value)).toEqual(['after both']);
  });

  it('the SDK is found from the moment it is initialised until it is closed', async () => {
    const { stdout } = await run(`
      const isFound = () => findSentrySdk() !== undefined;
      const found = [isFound()];
      Sentry.init({ ...INIT, dsn: '' });
      found.push(isFound());
      Sentry.init({ ...INIT, enabled: false });
      found.push(isFound());
      Sentry.init(INIT);
      found.push(isFound());
      await Sentry.close(1000);
      found.push(isFound());
      console.log(JSON.stringify(found));
    `);
    expect(JSON.parse(stdout)).toEqual([false, false, false, true, false]);
  });

  it('a failure becomes one Issue that says what ours would have said', async () => {
    const { stderr } = await run(`
      Sentry.init({ ...INIT, release: 'shop@4.2.0', environment: 'staging' });
      Sentry.setTag('region', 'eu');
      const failing = () => new TypeError('the backend is down', { cause: new RangeError('port 0') });
      findSentrySdk().capture(failure(failing()));
      console.error(await findSentrySdk().flush(2000));
    `);
    expect(stderr).toBe('true\n');
    expect(events()).toEqual([
      expect.objectContaining({
        level: 'warning',
        logger: 'faultline',
        timestamp: 1_700_000_000.5,
        transaction: 'agent.invoke helper',
        release: 'shop@4.2.0',
        environment: 'staging',
        tags: { region: 'eu', agent: 'helper', tool: 'get_weather', 'failure.point': 'tool.execution' },
        user: expect.objectContaining({ id: 'u1' }),
        fingerprint: expect.arrayContaining(['tool.execution', 'TypeError', 'tool:get_weather']),
        contexts: expect.objectContaining({
          trace: {
            trace_id: 'a'.repeat(32),
            span_id: 'b'.repeat(16),
            parent_span_id: 'c'.repeat(16),
            op: 'gen_ai.execute_tool',
            status: 'internal_error',
          },
          order: { id: 7 },
          runtime: { name: 'node', version: process.version },
        }),
      }),
    ]);
    const [{ exception, breadcrumbs } = {}] = events();
    expect(exception?.values.map(({ type, value, mechanism }) => ({ type, value, mechanism }))).toEqual([
      {
        type: 'RangeError',
        value: 'port 0',
        mechanism: { type: 'chained', handled: true, source: 'cause', exception_id: 1, parent_id: 0 },
      },
      {
        type: 'TypeError',
        value: 'the backend is down',
        mechanism: { type: 'faultline.tool.execution', handled: true, exception_id: 0 },
      },
    ]);
    expect(exception?.values.at(-1)?.stacktrace?.frames.at(-1)).toMatchObject({ function: 'failing' });
    expect(breadcrumbs?.map(({ category, message }) => [category, message])).toEqual([['tool', 'get_weather']]);
  });

  it('the user of the SDK stays where nothing may be said of ours', async () => {
    await run(`
      Sentry.init(INIT);
      Sentry.setUser({ id: 'u9', segment: 'gold' });
      findSentrySdk().capture({ ...failure(new Error('down')), user: {} });
    `);
    expect(events()[0]?.user).toEqual({ id: 'u9', segment: 'gold' });
  });

  it('what the SDK knows of the user is added to what we know of the same one, and not told of another', async () => {
    await run(`
      Sentry.init(INIT);
      for (const [id, segment] of [['u1', 'gold'], [undefined, 'silver'], ['u9', 'bronze']]) {
        Sentry.setUser({ id, segment });
        findSentrySdk().capture({ ...failure(new Error(segment)), user: { id: 'u1', username: 'ada' } });
      }
    `);
    expect(new Map(events().map((event) => [values([event])[0], event.user]))).toEqual(
      new Map([
        ['gold', { id: 'u1', username: 'ada', segment: 'gold' }],
        ['silver', { id: 'u1', username: 'ada', segment: 'silver' }],
        ['bronze', { id: 'u1', username: 'ada' }],
      ]),
    );
  });

  it('the breadcrumbs of the SDK and ours are told in the order of their times', async () => {
    await run(`
      Sentry.init(INIT);
      for (const [seconds, message] of [[1, 'theirs first'], [3, 'theirs later']]) {
        Sentry.addBreadcrumb({ timestamp: 1_700_000_000 + seconds, category: 'app', message });
      }
      const breadcrumbs = [
        { category: 'gen_ai.chat', message: 'chat' },
        { timestampMs: 1_700_000_002_000, category: 'gen_ai.chat', message: 'chat: failed' },
        { category: 'gen_ai.execute_tool', message: 'tool' },
      ];
      findSentrySdk().capture({ ...failure(new Error('down')), breadcrumbs });
    `);
    expect(events()[0]?.breadcrumbs?.map(({ message }) => message)).toEqual([
      'theirs first',
      'chat',
      'chat: failed',
      'theirs later',
      'tool',
    ]);
  });

  it('of the breadcrumbs of both together the newest hundred are told', async () => {
    await run(`
      Sentry.init(INIT);
      const at = (count) => 1_700_000_000 + count;
      for (let count = 0; count < 80; count += 1) {
        Sentry.addBreadcrumb({ timestamp: at(count), category: 'app', message: 'theirs ' + count });
      }
      const breadcrumbs = Array.from({ length: 30 }, (_, count) => (
        { timestampMs: at(100 + count) * 1000, category: 'gen_ai.chat', message: 'ours ' + count }
      ));
      findSentrySdk().capture({ ...failure(new Error('down')), breadcrumbs });
    `);
    const told = events()[0]?.breadcrumbs ?? [];
    expect([told.length, told[0]?.message, told.at(-1)?.message]).toEqual([100, 'theirs 10', 'ours 29']);
  });

  it('the Issue is linked to our span also inside a span of the SDK', async () => {
    await run(`
      Sentry.init({ ...INIT, tracesSampleRate: 1, skipOpenTelemetrySetup: false });
      await Sentry.startSpan({ name: 'of the SDK' }, async () => findSentrySdk().capture(failure(new Error('down'))));
      await Sentry.flush(2000);
    `);
    const [{ contexts } = {}] = events();
    expect(contexts?.['trace']).toMatchObject({ trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) });
    const envelope = sentry.envelopes.find(({ items }) => items.some(({ type }) => type === 'event'));
    expect(envelope?.headers).not.toHaveProperty('trace');
  });

  it('nothing of an error leaves but class, safe message and stack, whatever the SDK reads', async () => {
    await run(`
      Sentry.init({ ...INIT, integrations: [Sentry.extraErrorDataIntegration(), Sentry.localVariablesIntegration()] });
      const key = ['sk-', 'canary', 'canary'].join('');
      class ApiCallError extends Error {
        name = 'AI_APICallError';
        requestBodyValues = { prompt: key };
        toJSON() { return { prompt: key }; }
      }
      const system = Object.assign(new Error('refused for ' + key), { errno: -111, code: 'ECONNREFUSED', body: key });
      const quoting = new Error('exited with 1\\n    at ' + key + ' (/x.js:1:1)\\nof ' + key);
      const sdk = findSentrySdk();
      sdk.capture(failure(new ApiCallError('wrong key ' + key, { cause: new SyntaxError(key) })));
      sdk.capture(failure(new AggregateError([new Error('key ' + key)], 'all failed')));
      for (const error of [system, quoting, { message: 'plain', prompt: key }, 'thrown ' + key]) sdk.capture(failure(error));
      sdk.capture({ ...FAILURE, message: 'said ' + key });
      await sdk.flush(2000);
    `);
    expect(
      events()
        .map(({ exception }) => exception?.values.at(-1)?.type ?? 'a message')
        .toSorted(),
    ).toEqual(['AI_APICallError', 'AggregateError', 'Error', 'Error', 'Object', 'a message', 'string']);
    expect(everythingSent()).not.toContain('canary');
  });

  it('no text leaves with a frame: no name of a function, query of a module or module that is its own URL', async () => {
    const { stderr } = await run(`
      Sentry.init({ ...INIT, defaultIntegrations: false });
      const stacks = [];
      Sentry.addEventProcessor((event, { originalException }) => {
        stacks.push(originalException.stack.split('\\n'));
        return event;
      });
      const source = 'export const answers = { "say my canary"() { throw new Error("boom"); } };';
      const { answers } = await import('data:text/javascript,' + encodeURIComponent(source));
      const error = await Promise.resolve().then(() => answers['say my canary']()).catch((thrown) => thrown);
      error.stack = error.stack.replace('\\n', '\\n    at run (file:///app/module.js?prompt=my-canary:3:4)\\n');
      findSentrySdk().capture(failure(error));
      await findSentrySdk().flush(2000);
      console.error(JSON.stringify(stacks.map((lines) => lines.slice(0, 3))));
    `);
    expect(JSON.parse(stderr)).toEqual([
      [
        'Error: boom',
        '    at run (file:///app/module.js:3:4)',
        expect.stringMatching(/^ {4}at <anonymous> \(data:text\/javascript:1:\d+\)$/),
      ],
    ]);
    expect(everythingSent()).not.toContain('canary');
  });

  it('an error is sent once, whoever of the two captures it first', async () => {
    await run(`
      Sentry.init(INIT);
      const ours = new Error('ours first');
      findSentrySdk().capture(failure(ours));
      Sentry.captureException(ours);
      const theirs = new Error('theirs first');
      Sentry.captureException(theirs);
      findSentrySdk().capture(failure(theirs));
      await Sentry.flush(2000);
    `);
    expect(values(events())).toEqual(['ours first', 'theirs first']);
  });

  it('what the SDK captures later says nothing of a failure of ours', async () => {
    await run(`
      Sentry.init(INIT);
      findSentrySdk().capture(failure(new Error('ours')));
      Sentry.captureException(new RangeError('theirs'));
      await Sentry.flush(2000);
    `);
    const theirs = events().find((event) => values([event])[0] === 'theirs');
    expect(theirs).toMatchObject({ level: 'error' });
    for (const name of ['logger', 'tags', 'user', 'fingerprint', 'contexts.order']) {
      expect(theirs).not.toHaveProperty(name);
    }
  });

  it('a tool failure the application gives to the SDK before its run has ended is one Issue, and it is ours', async () => {
    await run(`
      Sentry.init(INIT);
      ${afterInit}
      const tracing = setupTracing();
      await traceAgent({ name: 'helper' }, async () => {
        try { traceTool({ name: 'get_weather' }, () => { throw new Error('no weather'); }); }
        catch (error) { Sentry.captureException(error); }
        await new Promise(setImmediate);
        const theirs = new Error('theirs first');
        Sentry.captureException(theirs);
        try { traceTool({ name: 'get_time' }, () => { throw theirs; }); } catch {}
      });
      await tracing.shutdown();
      await Sentry.flush(2000);
    `);
    expect(new Set(values(events()))).toEqual(new Set(['no weather', 'theirs first']));
    expect(events()).toHaveLength(2);
    const span = sentry.spans.find(({ name }) => name === 'execute_tool get_weather');
    expect(events().find(({ logger }) => logger === 'faultline')).toMatchObject({
      tags: { tool: 'get_weather', 'failure.point': 'tool.execution' },
      contexts: { trace: { span_id: span?.spanId } },
    });
  });

  it.each([
    ['its run ends', `await request('bob', () => { later(); return alice; });`],
    ['another request shuts tracing down', `await request('bob', () => tracing.shutdown());`],
    [
      'another request ends the process',
      `process.on('uncaughtException', () => {});
      await request('bob', () => new Promise((resolve) => setTimeout(() => { setTimeout(resolve); throw new Error('crash'); })));
      later();`,
    ],
  ])('a failure is told with the user, tags and steps of its own request when %s', async (_, then) => {
    await run(`
      Sentry.init(INIT);
      ${afterInit}
      const tracing = setupTracing({ captureUncaught: true });
      const request = (name, work) => Sentry.withIsolationScope((scope) => {
        scope.setUser({ id: name, email: name + '@example.com' });
        scope.setTag('request', name);
        Sentry.addBreadcrumb({ category: 'app', message: 'step of ' + name });
        return work();
      });
      let later;
      const alice = request('alice', () => traceAgent({ name: 'helper' }, async () => {
        await Sentry.withScope(async (scope) => {
          scope.setTag('order', 'o1');
          await traceTool({ name: 'get_weather' }, () => Promise.reject(new Error('no weather'))).catch(() => {});
          scope.setTag('order', 'o2');
        });
        await new Promise((resolve) => (later = resolve));
      }));
      await new Promise(setImmediate);
      ${then}
      await Sentry.flush(2000);
    `);
    const issue = events().find(({ tags }) => tags['tool'] === 'get_weather');
    expect(issue).toMatchObject({
      user: { id: 'alice', email: 'alice@example.com' },
      tags: { request: 'alice', order: 'o1' },
    });
    expect(issue?.breadcrumbs?.map(({ message }) => message)).toContain('step of alice');
    expect(issue?.breadcrumbs?.map(({ message }) => message)).not.toContain('step of bob');
  });

  it('what is told in an Issue as a cause or a member is no Issue of its own', async () => {
    await run(`
      Sentry.init(INIT);
      ${afterInit}
      const tracing = setupTracing();
      const cause = new Error('the cause');
      const member = new Error('a member');
      try {
        traceAgent({ name: 'helper' }, () => {
          try { traceTool({ name: 'get_weather' }, () => { throw cause; }); }
          catch { throw new AggregateError([member], 'all failed', { cause }); }
        });
      } catch (error) { Sentry.captureException(error); }
      Sentry.captureException(cause);
      Sentry.captureException(member);
      await tracing.shutdown();
      await Sentry.flush(2000);
    `);
    expect(values(events())).toEqual(['all failed']);
  });

  it('what a run holds when process.exit() is called is sent by Faultline, because the SDK no longer can', async () => {
    const { code } = await run(`
      Sentry.init(INIT);
      ${afterInit}
      setupTracing();
      traceAgent({ name: 'helper' }, () => {
        try { traceTool({ name: 'get_weather' }, () => { throw new Error('no weather'); }); } catch {}
        process.exit(3);
      });
    `);
    expect(code).toBe(3);
    expect(values(events())).toEqual(['no weather']);
    expect(events()[0]).toMatchObject({ logger: 'faultline', tags: { tool: 'get_weather' } });
  });

  it('the same error of two tools is two Issues', async () => {
    await run(`
      Sentry.init(INIT);
      for (const tool of ['get_time', 'get_weather']) {
        findSentrySdk().capture({ ...failure(new Error('down')), tags: { tool } });
      }
      await Sentry.flush(2000);
    `);
    expect(
      events()
        .map(({ tags }) => tags['tool'] ?? '')
        .toSorted(),
    ).toEqual(['get_time', 'get_weather']);
  });

  it('a failure that repeats is held back from it as well, counted, said, and told of later', async () => {
    const { stdout, stderr } = await run(`
      Sentry.init(INIT);
      ${afterInit}
      const tracing = setupTracing();
      let count = 0;
      const fail = () => {
        count += 1;
        try { traceAgent({ name: 'helper' }, () => { throw new Error('failure ' + count); }); } catch {}
      };
      for (let times = 0; times < 8; times += 1) fail();
      await tracing.flush();
      console.log(JSON.stringify(tracing.status.issues.dropped));
      clock.laterMs = 61_000;
      fail();
      await tracing.shutdown();
    `);
    expect(stdout).toBe('{"held_back":3}\n');
    expect(stderr).toMatch(/^faultline: 3 Issues were held back, .*\n$/);
    const told = events().map(({ contexts }) => contexts['faultline']?.['held_back']);
    expect(told).toEqual([...Array.from({ length: 5 }, () => undefined), 3]);
  });

  it('a failure that waits for the end of its run keeps the request as it was, whatever is said of that later', async () => {
    await run(`
      Sentry.init(INIT);
      ${afterInit}
      setupTracing();
      await Sentry.withIsolationScope((scope) => {
        scope.setUser({ id: 'ada' });
        scope.setTag('step', 'first');
        return traceAgent({ name: 'helper' }, async () => {
          await traceTool({ name: 'get_weather' }, () => Promise.reject(new Error('no weather'))).catch(() => {});
          scope.setUser({ id: 'grace' });
          scope.setTag('step', 'second');
        });
      });
      await Sentry.flush(2000);
    `);
    expect(events()).toMatchObject([{ user: { id: 'ada' }, tags: { step: 'first' } }]);
  });

  it('of a failure that is held back nothing is kept of its scope, also while its run goes on', async () => {
    const { stdout } = await run(`
      const { setFlagsFromString } = await import('node:v8');
      setFlagsFromString('--expose-gc');
      const collectGarbage = (await import('node:vm')).runInNewContext('gc');
      Sentry.init(INIT);
      ${afterInit}
      setupTracing();
      const facts = [];
      const fail = (scope) => {
        const fact = { about: 'this one' };
        facts.push(new WeakRef(fact));
        scope.setContext('fact', fact);
        return traceTool({ name: 'get_weather' }, () => Promise.reject(new Error('no weather'))).catch(() => {});
      };
      await Sentry.withScope((scope) =>
        traceAgent({ name: 'helper' }, async () => {
          for (let count = 0; count < 250; count += 1) await fail(scope);
          await Sentry.flush(2000);
          await new Promise(setImmediate);
          collectGarbage();
          console.log(facts.filter((fact) => fact.deref() !== undefined).length < 110);
        }),
      );
    `);
    expect(stdout).toBe('true\n');
  });

  it.each([
    ['', ''],
    [
      ', also where a processor of the application joins its fingerprint',
      `Sentry.addEventProcessor((event) => ({ ...event, fingerprint: [event.fingerprint.join('/')] }));`,
    ],
  ])('a failure that was survived and crashes a transport later is one Issue%s', async (_, processor) => {
    await run(`
      Sentry.init(INIT);
      ${afterInit}
      ${processor}
      setupTracing();
      const error = new Error('no weather');
      const failing = () => Promise.reject(error);
      await traceTransport({ name: 'queue' }, async () => {
        await traceAgent({ name: 'helper' }, () => traceTool({ name: 'get_weather' }, failing).catch(() => {}));
        await Sentry.flush(2000);
        throw error;
      }).catch(() => {});
      await Sentry.flush(2000);
    `);
    expect(events().map(({ level }) => level)).toEqual(['warning', 'error']);
    expect(new Set(events().map(({ fingerprint }) => fingerprint?.join())).size).toBe(1);
  });

  it('a failure is an Issue also where a processor of the application leaves no list as its fingerprint', async () => {
    await run(`
      Sentry.init(INIT);
      Sentry.addEventProcessor((event) => ({ ...event, fingerprint: 'checkout' }));
      findSentrySdk().capture(failure(new Error('no weather')));
      await Sentry.flush(2000);
    `);
    expect(events().map(({ logger, fingerprint }) => [logger, fingerprint])).toEqual([['faultline', 'checkout']]);
  });

  it('the SDK decides by its own rate on the traces it traces itself, also those that are continued by Faultline', async () => {
    const { stdout } = await run(`
      const tracing = { skipOpenTelemetrySetup: false, enableOpenTelemetrySetup: true, tracesSampleRate: 0 };
      Sentry.init({ ...INIT, ...tracing });
      ${CONTINUED}
      for (const headers of [UNDECIDED, { ...UNDECIDED, ...NOT_SAMPLED }, SAMPLED]) {
        continueTrace(headers, () => console.log(...Sentry.startSpan({ name: 'x' }, of)));
      }
    `);
    expect(stdout).toBe('a false\na false\na true\n');
  });

  it('Faultline decides by its own rate where the SDK only reads the headers', async () => {
    const { stdout } = await run(`
      Sentry.init({ ...INIT, skipOpenTelemetrySetup: true });
      const { propagation, trace } = await import('@opentelemetry/api');
      const { SentryPropagator } = await import('@sentry/opentelemetry');
      propagation.setGlobalPropagator(new SentryPropagator());
      setupTracing({ tracesSampleRate: 1 });
      ${CONTINUED}
      const asked = () => traceAgent({ name: 'helper' }, () => console.log(...of(trace.getActiveSpan())));
      for (const headers of [UNDECIDED, { ...UNDECIDED, ...NOT_SAMPLED }, SAMPLED]) continueTrace(headers, asked);
    `);
    expect(stdout).toBe('a true\na true\na true\n');
  });

  it('the agents of a request are traced unless its caller has decided against it', async () => {
    const { stdout } = await run(`
      Sentry.init(INIT);
      ${afterInit}
      setupTracing();
      const { createServer } = await import('node:http');
      const { trace } = await import('@opentelemetry/api');
      const server = createServer((incoming, answer) => {
        traceAgent({ name: 'helper' }, () => answer.end(String(trace.getActiveSpan().isRecording())));
      });
      await new Promise((resolve) => server.listen(0, resolve));
      ${CONTINUED}
      const BAGGAGE = 'sentry-environment=production,sentry-trace_id=' + 'a'.repeat(32);
      const answerTo = async (headers) => (await fetch('http://127.0.0.1:' + server.address().port, { headers })).text();
      for (const headers of [UNDECIDED, { ...UNDECIDED, baggage: BAGGAGE }, SAMPLED]) {
        console.log(await answerTo(headers));
      }
      const AGAINST = { ...NOT_SAMPLED, 'sentry-trace': header + '-0' };
      for (const headers of [AGAINST, { ...AGAINST, tracestate: 'congo=1' }]) {
        console.log(await answerTo(headers));
      }
      server.close();
    `);
    expect(stdout).toBe('true\ntrue\ntrue\nfalse\nfalse\n');
  });

  it('an uncaught error is one Issue, and the process ends as it does with the SDK alone', async () => {
    // On the same line in both programs, because its number is printed.
    const crash = `setImmediate(() => { throw new Error('nobody caught this'); }); Sentry.init(INIT);`;
    const alone = await run(crash);
    expect(alone).toMatchObject({ code: 1, stdout: '' });
    expect(values(events())).toEqual(['nobody caught this']);

    const together = await run(`${crash} setupTracing({ captureUncaught: true });`);
    expect(together).toEqual(alone);
    expect(values(events())).toEqual(['nobody caught this', 'nobody caught this']);
  });

  it('the example in examples/beside-sentry ends with two Issues, each linked to its span', async () => {
    const example = join(app.directory, 'example');
    await cp(EXAMPLE, example, {
      recursive: true,
      filter: (source) => !source.includes('node_modules', EXAMPLE.length),
    });
    const ended = await runIn(example, ['--import', `./${instrument}`, 'app.mjs']);

    expect(ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('pack a light jacket') as string,
      stderr: '',
    });
    const told = events().map(({ tags, contexts }) => {
      const span = sentry.spans.find(({ spanId }) => spanId === contexts['trace']?.['span_id']);
      return `${tags['failure.point']} in ${tags['region']}: ${span?.name}`;
    });
    expect(told.toSorted()).toEqual([
      'conversation.unhandled in eu: agent.invoke broken-helper',
      'tool.execution in eu: execute_tool get_weather',
    ]);
  });

  it.each([
    ['an error outside of runs', 'RangeError', `setTimeout(() => { throw new RangeError('the end'); });`],
    [
      'the end of a run',
      'RangeError',
      `traceAgent({ name: 'planner' }, async () => { throw new RangeError('the end'); });`,
    ],
    ['a thrown text', 'string', `traceAgent({ name: 'planner' }, async () => { throw 'the end'; });`],
  ])('%s that ends the process is one Issue although the SDK has no handler for it', async (_, type, end) => {
    const without = `(all) => all.filter(({ name }) => !['OnUncaughtException', 'OnUnhandledRejection'].includes(name))`;
    const { code } = await run(`
      Sentry.init({ ...INIT, integrations: ${without} });
      ${afterInit}
      setupTracing({ captureUncaught: true });
      traceAgent({ name: 'helper' }, async () => {
        await traceTool({ name: 'get_weather' }, () => Promise.reject(new Error('no weather'))).catch(() => {});
        await new Promise(() => {});
      });
      await new Promise(setImmediate);
      ${end}
    `);
    expect(code).toBe(1);
    const types = new Map(events().map(({ event_id: id, exception }) => [id, exception?.values.at(-1)?.type]));
    expect(types.size).toBe(2);
    expect(new Set(types.values())).toEqual(new Set(['Error', type]));
  });

  it('what was survived just before the process ends is told although the SDK has no handler for that', async () => {
    const without = `(all) => all.filter(({ name }) => !['OnUncaughtException', 'OnUnhandledRejection'].includes(name))`;
    await run(`
      Sentry.init({ ...INIT, integrations: ${without} });
      ${afterInit}
      setupTracing({ captureUncaught: true });
      const fail = (name) =>
        traceAgent({ name: 'helper' }, () => traceTool({ name }, () => Promise.reject(new Error(name))).catch(() => {}));
      await fail('get_weather');
      await fail('get_time');
      throw new RangeError('the end');
    `);
    const told = new Map(events().map((event) => [event.event_id, values([event])[0]]));
    expect(new Set(told.values())).toEqual(new Set(['get_weather', 'get_time', 'the end']));
  });

  it('an error of an agent that nobody catches is one Issue, and it is ours', async () => {
    await run(`
      Sentry.init(INIT);
      setupTracing({ captureUncaught: true });
      traceAgent({ name: 'helper' }, () => Promise.reject(new Error('nobody caught this')));
    `);
    expect(values(events())).toEqual(['nobody caught this']);
    expect(events()[0]).toMatchObject({
      logger: 'faultline',
      contexts: { trace: { span_id: sentry.spans[0]?.spanId } },
      exception: { values: [{ mechanism: { type: 'faultline.conversation.unhandled', handled: false } }] },
    });
  });
});

/** An event as the SDK sends it: breadcrumbs as a plain list. */
type SdkEvent = Omit<SentryEvent, 'breadcrumbs'> & {
  readonly breadcrumbs?: readonly { category: string; message?: string }[];
};

function values(events: readonly SdkEvent[]): readonly (string | undefined)[] {
  return events.map(({ exception }) => exception?.values.at(-1)?.value);
}

/** Headers of callers, and what is told of a span. */
const CONTINUED = `
  const header = 'a'.repeat(32) + '-' + 'b'.repeat(16);
  const UNDECIDED = { 'sentry-trace': header };
  const NOT_SAMPLED = { traceparent: '00-' + header + '-00' };
  const SAMPLED = { 'sentry-trace': header + '-1' };
  const of = (span) => [span.spanContext().traceId[0], span.isRecording()];
`;

const DIST = new URL('../../dist/', import.meta.url).href;

/** The first import of a script: Faultline takes the clock when it loads. */
const TURNED_FORWARD = `import { clock } from 'data:text/javascript;base64,${btoa(`
  export const clock = { laterMs: 0 };
  const now = performance.now.bind(performance);
  performance.now = () => now() + clock.laterMs;
`)}';`;

const PRELUDE = `
  import * as Sentry from '@sentry/node';
  import { continueTrace, setupTracing, traceAgent, traceTool, traceTransport, withRunContext } from 'faultline';
  import { activate } from '${DIST}telemetry/active.js';
  import { createContentPolicy } from '${DIST}telemetry/content/policy.js';
  import { findSentrySdk } from '${DIST}telemetry/issues/sentry-sdk.js';
  activate({ content: createContentPolicy({ errorMessages: 'redacted' }) });
  const FAILURE = {
    occurredAtMs: 1_700_000_000_500,
    level: 'warning',
    trace: {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      parentSpanId: 'c'.repeat(16),
      op: 'gen_ai.execute_tool',
      status: 'internal_error',
    },
    transaction: 'agent.invoke helper',
    tags: { agent: 'helper', tool: 'get_weather', 'failure.point': 'tool.execution' },
    user: { id: 'u1' },
    contexts: { order: { id: 7 } },
    breadcrumbs: [{ timestampMs: 1_700_000_000_000, category: 'tool', message: 'get_weather' }],
  };
  function failure(error) {
    return { ...FAILURE, error, point: 'tool.execution', handled: true, mechanism: 'faultline.tool.execution' };
  }
`;
