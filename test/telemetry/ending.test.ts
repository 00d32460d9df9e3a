import { spawnSync } from 'node:child_process';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FAKE_PUBLIC_KEY, rateLimited, startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { ONLY_SHORT_WAITS } from '../support/only-short-waits.ts';
import { PERMISSION } from '../support/permission.ts';
import { runScript } from '../support/run-script.ts';
import { TURNED_TIME } from '../support/turned-time.ts';
import { withoutFaultline } from '../support/without-faultline.ts';

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

const names = (): readonly string[] => sentry.stored.map(({ name }) => name).toSorted();

/** A run that is not over when the process ends, with one tool call that is. */
const program = (end: string, options = ''): string => `
  import { setupTracing } from 'DIST/index.js';
  import { traceAgent, traceTool } from 'DIST/telemetry/spans.js';
  setupTracing({ ${options} });
  await traceAgent({ name: 'helper' }, async () => {
    await traceTool({ name: 'get_weather' }, async () => 21);
    ${end}
    await new Promise(() => setInterval(() => {}, 1_000));
  });
`;

const BOTH = ['agent.invoke helper', 'execute_tool get_weather'];

describe('a process that ends in the middle of a run has its spans delivered', () => {
  it.each([
    ['by process.exit()', 'process.exit(7);', { code: 7, signal: null }],
    ['by an uncaught exception', "setImmediate(() => { throw new Error('broken'); });", { code: 1, signal: null }],
    ['by an unhandled rejection', "void Promise.reject(new Error('broken'));", { code: 1, signal: null }],
    ['by SIGTERM', "process.kill(process.pid, 'SIGTERM');", { code: null, signal: 'SIGTERM' }],
    ['by SIGINT', "process.kill(process.pid, 'SIGINT');", { code: null, signal: 'SIGINT' }],
    ['by SIGHUP', "process.kill(process.pid, 'SIGHUP');", { code: null, signal: 'SIGHUP' }],
  ])('%s, and ends as it would have', async (_, end, outcome) => {
    const ended = await runScript(program(end), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject(outcome);
    expect(names()).toEqual(BOTH);
    const run = sentry.stored.find(({ name }) => name === 'agent.invoke helper');
    expect(run).toMatchObject({ status: 'error' });
    expect(run?.attributes).toMatchObject({ 'faultline.interrupted': true, 'error.type': 'interrupted' });
  });

  it('also when nothing is left to do although the run is not over', async () => {
    const ended = await runScript(program('await new Promise(() => {});').replace('setInterval', 'void'), {
      env: { SENTRY_DSN: sentry.dsn },
    });
    expect(ended).toMatchObject({ code: 13 });
    expect(names()).toEqual(BOTH);
  });
});

describe('a process whose file system is instrumented', () => {
  it.each([
    ['by process.exit()', 'process.exit(7);', { code: 7, signal: null }],
    ['by SIGTERM', "process.kill(process.pid, 'SIGTERM');", { code: null, signal: 'SIGTERM' }],
  ])('ends %s without a span of what its end does with files', async (_, end, outcome) => {
    const instrumented = `
      import { createRequire } from 'node:module';
      const require = createRequire('DIST/');
      const { context, trace } = require('@opentelemetry/api');
      const { isTracingSuppressed } = require('@opentelemetry/core');
      const { realpathSync } = require('node:fs');
      // As @opentelemetry/instrumentation-fs does it.
      const original = realpathSync.native;
      realpathSync.native = (...given) => {
        if (isTracingSuppressed(context.active())) return original(...given);
        return trace.getTracer('instrumentation-fs').startActiveSpan('fs realpathSync', (span) => {
          try { return original(...given); } finally { span.end(); }
        });
      };
      ${program(end)}
    `;
    const ended = await runScript(instrumented, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ ...outcome, stderr: '' });
    expect(names()).toEqual(BOTH);
  });
});

describe('a process whose own tracer provider sends to the same place', () => {
  it('has the run delivered that is not over when it ends, which that provider never sends, and nothing twice', async () => {
    const ended = await runScript(
      `
        import { createRequire } from 'node:module';
        import { setupTracing, traceAgent, traceTool } from 'DIST/index.js';
        const require = createRequire('DIST/');
        const { NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
        const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
        const url = '${sentry.origin}/api/1/integration/otlp/v1/traces/';
        const exporter = new OTLPTraceExporter({ url, headers: { 'x-sentry-auth': 'sentry sentry_key=${FAKE_PUBLIC_KEY}' } });
        const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
        provider.register();
        setupTracing();
        await traceAgent({ name: 'helper' }, async () => {
          await traceTool({ name: 'get_weather' }, async () => 21);
          await provider.forceFlush();
          process.exit(7);
        });
      `,
      { env: { SENTRY_DSN: sentry.dsn } },
    );
    expect(ended).toMatchObject({ code: 7 });
    expect(names()).toEqual(BOTH);
    const run = sentry.stored.find(({ name }) => name === 'agent.invoke helper');
    expect(run?.attributes).toMatchObject({ 'faultline.interrupted': true });
  });
});

describe('a process whose own exit listener throws before ours is called', () => {
  const listener = (end: string): string =>
    program(end).replace(
      'setupTracing({',
      "process.on('exit', () => { throw new Error('my listener'); });\n  setupTracing({",
    );

  it.each([
    ['at once', 'process.exit(7);', 7],
    ['later', 'setImmediate(() => process.exit(7));', 7],
    [
      'which it takes',
      "process.on('uncaughtException', () => process.exit(8)); setImmediate(() => process.exit(7));",
      8,
    ],
  ])('has its spans delivered after process.exit() all the same: %s', async (_, end, code) => {
    const bare = await runScript(withoutFaultline(listener(end)));
    const ended = await runScript(listener(end), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code, signal: null, stdout: '' });
    expect(bare).toMatchObject({ code });
    expect(ended.stderr).not.toContain('faultline:');
    expect(names()).toEqual(BOTH);
  });

  it.each([
    ['after process.exit()', 'process.exit(7);', 7],
    ['when nothing is left to do', '', 1],
  ])('has its spans delivered, also where it put it before ours: %s', async (_, end, code) => {
    const source = `
      import { setupTracing, traceAgent, traceTool } from 'DIST/index.js';
      setupTracing();
      process.prependListener('exit', () => { throw new Error('my listener'); });
      traceAgent({ name: 'helper' }, () => traceTool({ name: 'get_weather' }, () => 21));
      ${end}
    `;
    const bare = await runScript(withoutFaultline(source));
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code, signal: null, stdout: '' });
    expect(bare).toMatchObject({ code });
    expect(ended.stderr).not.toContain('faultline:');
    expect(names()).toEqual(BOTH);
  });
});

describe('a process that waits for a processor to flush', () => {
  it.each([
    ['for as long as its end may take', 400],
    ['not at all where its end may take no time', 0],
  ])('goes on when the backend is down: %s', async (_, exitTimeoutMs) => {
    await sentry.close();
    const ended = await runScript(
      `
        import { setupTracing } from 'DIST/index.js';
        import { traceTool } from 'DIST/telemetry/spans.js';
        const { spanProcessor } = setupTracing({ exitTimeoutMs: ${exitTimeoutMs} });
        traceTool({ name: 'get_weather' }, () => 21);
        await spanProcessor.forceFlush();
        console.log('went on');
      `,
      { env: { SENTRY_DSN: sentry.dsn } },
    );
    expect(ended).toMatchObject({ code: 0, stdout: 'went on\n' });
    expect(ended.stderr).toMatch(/^faultline: 1 span was not delivered: [^\n]+\n$/);
  });
});

describe('a process with a span processor of its own that has nothing left to do', () => {
  const withProcessor = (send: string): string => `
    import { setTimeout } from 'node:timers/promises';
    import { setupTracing, traceTool } from 'DIST/index.js';
    const held = [];
    const processor = {
      onStart() {},
      onEnd: ({ name }) => held.push(name),
      forceFlush: async () => { ${send} },
      shutdown: async () => {},
    };
    setupTracing({ spanProcessors: [processor] });
    traceTool({ name: 'get_weather' }, () => 21);
  `;

  it('has that send what it holds, without the spans of the sending, which would never come to an end', async () => {
    const send = "await setTimeout(1); traceTool({ name: 'send' }, () => console.log(held.splice(0)));";
    const ended = await runScript(withProcessor(send), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: "[ 'execute_tool get_weather' ]\n", stderr: '' });
    expect(names()).toEqual(['execute_tool get_weather']);
  });

  it.each([
    ['throws', "throw new Error('mine');", '10000'],
    ['rejects', "await setTimeout(1); throw new Error('mine');", '10000'],
    ['never ends', 'await new Promise(() => {});', '200'],
  ])('ends as it would have when that %s', async (_, send, FAULTLINE_EXIT_TIMEOUT) => {
    const ended = await runScript(withProcessor(send), { env: { SENTRY_DSN: sentry.dsn, FAULTLINE_EXIT_TIMEOUT } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(names()).toEqual(['execute_tool get_weather']);
  });
});

describe('a process that ends in the very turn in which tracing was set up has its spans delivered', () => {
  it.each([
    ['by process.exit(), as JSON', 'process.exit(7);', { code: 7 }, 'http/json'],
    ['by process.exit(), as protobuf', 'process.exit(7);', { code: 7 }, 'http/protobuf'],
    ['by an uncaught exception', "throw new Error('broken');", { code: 1 }, 'http/json'],
  ])('%s', async (_, end, outcome, protocol) => {
    const source = `
      import { setupTracing, traceAgent, traceTool } from 'DIST/index.js';
      setupTracing();
      traceAgent({ name: 'helper' }, () => traceTool({ name: 'get_weather' }, () => 21));
      ${end}
    `;
    const env = { SENTRY_DSN: sentry.dsn, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol };
    expect(await runScript(source, { env })).toMatchObject(outcome);
    expect(names()).toEqual(BOTH);
  });
});

describe('a listener of the application decides what a signal does', () => {
  it('and the process goes on when that goes on', async () => {
    const source = program(
      "process.kill(process.pid, 'SIGTERM'); await new Promise((resolve) => setImmediate(resolve));",
    ).replace(
      'setupTracing({',
      "process.on('SIGTERM', () => { console.log('heard'); setTimeout(() => process.exit(5), 50); });\n  setupTracing({",
    );
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 5, stdout: 'heard\n', stderr: '' });
    expect(names()).toEqual(BOTH);
  });
});

/** The same, but that its listeners are there when the signal comes and it has long enough to answer it. */
const signalled = (before: string, after: string): string => `
  import { setupTracing, traceTool } from 'DIST/index.js';
  const graceful = () => { console.log('heard'); setTimeout(() => { console.log('done'); process.exit(0); }, 50); };
  ${before}
  setupTracing();
  ${after}
  await traceTool({ name: 'get_weather' }, async () => 21);
  setInterval(() => {}, 1_000);
  process.kill(process.pid, 'SIGTERM');
`;

describe('a listener of the application that hears a signal once decides what it does', () => {
  const once = "process.once('SIGTERM', graceful);";
  it.each([
    ['before', signalled(once, '')],
    ['after', signalled('', once)],
  ])('when it came %s tracing was set up', async (_, source) => {
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: 'heard\ndone\n', stderr: '' });
    expect(names()).toEqual(['execute_tool get_weather']);
  });
});

describe('a library that leaves a signal to every other listener, and is left it by us', () => {
  /** What `signal-exit` does, in the words of each of its versions that are in use. */
  const leaving = (emitter: string, name: string): string => `
    ${emitter} ??= { count: 0 };
    ${emitter}.count += 1;
    process.on('SIGTERM', function leave() {
      const { count } = ${emitter};
      const elder = process.__signal_exit_emitter__?.count ?? 0;
      if (process.listeners('SIGTERM').length !== (${emitter} === process.__signal_exit_emitter__ ? count : count + elder)) return;
      process.off('SIGTERM', leave);
      ${emitter}.count -= 1;
      console.log('cleaned up by ${name}');
      process.kill(process.pid, 'SIGTERM');
    });
  `;
  const newer = leaving("globalThis[Symbol.for('signal-exit emitter')]", 'the newer');
  const elder = leaving('process.__signal_exit_emitter__', 'the elder');

  it.each([
    ['loaded before tracing was set up', signalled(newer, ''), 'cleaned up by the newer\n'],
    ['loaded after it', signalled('', newer), 'cleaned up by the newer\n'],
    ['of an elder version', signalled(elder, ''), 'cleaned up by the elder\n'],
  ])('%s: it cleans up, the spans are delivered, and the process ends', async (_, source, stdout) => {
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: null, signal: 'SIGTERM', stdout, stderr: '' });
    expect(names()).toEqual(['execute_tool get_weather']);
  });

  it('still leaves it to a listener that is no such library', async () => {
    const source = signalled(newer, "process.on('SIGTERM', graceful);");
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: 'heard\ndone\n', stderr: '' });
  });
});

describe('a listener that nobody is to see', () => {
  it('hears a signal before the spans are sent, which holds the process: who waits for it may kill the process', async () => {
    /** What `tsx` does, whose own process asks for an answer within 30 milliseconds. */
    const hiding = `
      const { listenerCount } = process;
      process.listenerCount = (name) => listenerCount.call(process, name) - (name === 'SIGTERM' ? 1 : 0);
      process.prependListener('SIGTERM', () => {
        console.log('waiting spans:', setupTracing().status.destinations[0].pending);
        if (process.listenerCount('SIGTERM') === 0) process.exit(143);
      });
    `;
    const ended = await runScript(signalled(hiding, ''), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 143, signal: null, stdout: 'waiting spans: 1\nwaiting spans: 0\n', stderr: '' });
    expect(names()).toEqual(['execute_tool get_weather']);
  });
});

/** Makes a process the first one of its own, where the machine has the command and allows it. */
const AS_FIRST = 'unshare --pid --fork --kill-child';

/** Runs the source as the first process of its own, with tracing set up. */
const asFirst = (source: string): string => `
  import { spawnSync } from 'node:child_process';
  import { setupTracing, traceAgent, traceTool } from 'DIST/index.js';
  if (process.argv[2] === undefined) {
    const command = ['${AS_FIRST}', process.execPath, process.argv[1], 'inside'].join(' ');
    process.exitCode = spawnSync(command, { shell: true, stdio: 'inherit' }).status;
  } else {
    const tracing = setupTracing();
    const working = setInterval(() => {}, 1_000);
    /** It listens anew when it has heard a signal. */
    const signalled = async () => {
      const heard = new Promise((resolve) => {
        process.on('newListener', (name) => name === 'SIGTERM' && resolve());
      });
      process.kill(process.pid, 'SIGTERM');
      await heard;
    };
    ${source}
    clearInterval(working);
    console.log('process', process.pid);
  }
`;

describe.skipIf(spawnSync(`${AS_FIRST} true`, { shell: true }).status !== 0)('the first process of a container', () => {
  it('lives on after a signal that the kernel keeps from it, and its later spans are delivered', async () => {
    const source = asFirst(`
      traceTool({ name: 'before' }, () => 21);
      for (const time of ['once', 'twice']) {
        await signalled();
        traceTool({ name: time }, () => 21);
      }
    `);
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: 'process 1\n', stderr: '' });
    expect(names()).toEqual(['execute_tool before', 'execute_tool once', 'execute_tool twice']);
  });

  it('has a run that goes on after such a signal delivered once, as what became of it', async () => {
    const source = asFirst(`
      await traceAgent({ name: 'helper' }, async () => {
        traceTool({ name: 'get_weather' }, () => 21);
        await signalled();
      });
    `);
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: 'process 1\n', stderr: '' });
    expect(names()).toEqual(BOTH);
    expect(sentry.stored.find(({ name }) => name === 'agent.invoke helper')).toMatchObject({ status: 'ok' });
  });

  it('is not held up by such a signal while the backend does not answer', async () => {
    sentry.answerNext({ kind: 'hang' });
    const source = asFirst(`
      traceTool({ name: 'before' }, () => 21);
      await signalled();
      console.log('waiting spans:', tracing.status.destinations[0].pending);
      await tracing.shutdown(0);
    `);
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: 'waiting spans: 1\nprocess 1\n' });
  });
});

describe('a process that seemed to be over and was not', () => {
  it('has what it does afterwards delivered, also when the backend refused what came before', async () => {
    sentry.answerNext({ kind: 'status', status: 400 });
    const source = `
      import { setupTracing, traceTool } from 'DIST/index.js';
      setupTracing();
      traceTool({ name: 'first' }, () => 21);
      let turn = 0;
      process.on('beforeExit', () => {
        turn += 1;
        if (turn <= 2) setTimeout(() => traceTool({ name: 'later_' + turn }, () => 21), 100);
      });
    `;
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 0, stdout: '' });
    expect(ended.stderr).toMatch(/^faultline: 1 span was not delivered: .*\n$/);
    expect(names()).toEqual(['execute_tool later_1', 'execute_tool later_2']);
  });

  it('has all of its time for each of the times it seemed to be over', async () => {
    const source = `
      ${TURNED_TIME}
      import { setupTracing, traceTool } from 'DIST/index.js';
      setupTracing({ exitTimeoutMs: 4_000 });
      let turns = 0;
      process.on('exit', () => console.log(waits));
      process.prependListener('beforeExit', () => {
        turns += 1;
        if (turns > 3) return;
        traceTool({ name: 'step_' + turns }, () => 21);
        if (turns < 3) setImmediate(() => turn(3_900));
      });
    `;
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '[]\n', stderr: '' });
    expect(names()).toEqual(['execute_tool step_1', 'execute_tool step_2', 'execute_tool step_3']);
  });

  it('ends all the same when the backend asks for a longer pause than it has time', async () => {
    sentry.answerNext(rateLimited(60), 100);
    const source = `
      import { setupTracing, traceTool } from 'DIST/index.js';
      setupTracing();
      traceTool({ name: 'first' }, () => 21);
    `;
    const ended = await runScript(ONLY_SHORT_WAITS + source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.stderr).toMatch(/^faultline: 1 span was not delivered: .*\n$/);
  });

  it('ends in its time also when the backend takes one thing after the other, each at a third attempt', async () => {
    const kinds = Array.from('abcdefghijkl', (letter) => `Error_${letter}`);
    for (const _ of kinds) {
      sentry.answerNextEnvelope({ kind: 'status', status: 503 }, 2);
      sentry.answerNextEnvelope({ kind: 'status', status: 200 });
    }
    const source = `
      import { captureException, setupTracing } from 'DIST/index.js';
      setupTracing({ exitTimeoutMs: 1_000 });
      for (const kind of ${JSON.stringify(kinds)}) captureException(new ({ [kind]: class extends Error {} })[kind]());
    `;
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.stderr).toMatch(/^faultline: \d+ Issues were not delivered: .*\n$/);
    // Each waits for a quarter of a second at least.
    expect(sentry.requests.length).toBeLessThan(24);
  });
});

describe('a span that ends when all was sent', () => {
  it.each([
    [
      'after shutdown()',
      `let finish;
       const finished = new Promise((resolve) => (finish = resolve));
       const late = [1, 2, 3].map(() => traceTool({ name: 'late' }, () => finished));
       await tracing.shutdown();
       finish();
       await Promise.all(late);`,
    ],
    [
      'in a listener of the end that came after ours',
      "process.on('exit', () => [1, 2, 3].map(() => traceTool({ name: 'late' }, () => 21)));",
    ],
  ])('%s is counted, and said in one line', async (_, late) => {
    const source = `
      import { setupTracing, traceTool } from 'DIST/index.js';
      const tracing = setupTracing();
      ${late}
      process.on('exit', () => console.log(tracing.status.destinations[0].dropped));
    `;
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 0, stdout: '{ closed: 3 }\n' });
    expect(ended.stderr).toMatch(/^faultline: a span ended after [^\n]*\n$/);
  });
});

describe('a backend that does not answer holds the end no longer than the deadline', () => {
  it.each([
    ['process.exit()', 'process.exit(7);'],
    ['SIGTERM', "process.kill(process.pid, 'SIGTERM');"],
  ])('at %s, and the loss is said in one line', async (_, end) => {
    sentry.answerNext({ kind: 'hang' }, 100);
    const ended = await runScript(ONLY_SHORT_WAITS + program(end, 'exitTimeoutMs: 300'), {
      env: { SENTRY_DSN: sentry.dsn },
    });
    expect(ended.signal).not.toBe('SIGKILL');
    expect(ended.stderr).toMatch(/^faultline: 2 spans were not delivered: 127\.0\.0\.1:\d+ .*\n$/);
  });

  it('at a Ctrl-C no longer than two seconds, whatever it may take otherwise', async () => {
    // A pause that would fit into the ten seconds of any other end.
    sentry.answerNext(rateLimited(3));
    const ended = await runScript(program("process.kill(process.pid, 'SIGINT');"), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: null, signal: 'SIGINT' });
    expect(ended.stderr).toMatch(/^faultline: 2 spans were not delivered: [^\n]+ limiting the rate \(429\)[^\n]*\n$/);
    expect(sentry.stored).toEqual([]);
  });
});

describe('a process that has nothing to send', () => {
  it('ends as it would without Faultline, and starts nothing for it', async () => {
    const ended = await runScript(
      `
      import { setupTracing } from 'DIST/index.js';
      setupTracing();
      process.on('exit', () => console.log(process.getActiveResourcesInfo().filter((resource) => /Worker|TCP/.test(resource)).length));
      process.exit(4);
    `,
      { env: { SENTRY_DSN: sentry.dsn } },
    );
    expect(ended).toEqual({ code: 4, signal: null, stdout: '0\n', stderr: '' });
    expect(sentry.requests).toEqual([]);
  });
});

describe('a process that has stopped its clock', () => {
  it('ends in its time all the same, where nobody takes its spans', async () => {
    const source = `
      import { setupTracing, traceTool } from 'DIST/index.js';
      setupTracing({ exitTimeoutMs: 400 });
      performance.now = () => 1_000;
      await traceTool({ name: 'get_weather' }, async () => 21);
      process.exit(3);
    `;
    const { origin } = sentry;
    await sentry.close();
    const ended = await runScript(source, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: origin } });
    expect(ended).toMatchObject({ code: 3, signal: null, stdout: '' });
    expect(ended.stderr).toMatch(/^faultline: 1 span was not delivered: .*\n$/);
  });
});

describe('a process that has stopped its timers and its ticks', () => {
  it('sends at its end all the same, and waits for no answer that cannot be heard', async () => {
    const source = `
      import { setupTracing, traceTool } from 'DIST/index.js';
      setupTracing({ exitTimeoutMs: 600_000 });
      await traceTool({ name: 'get_weather' }, async () => 21);
      process.nextTick = () => {};
      globalThis.setTimeout = globalThis.setImmediate = () => ({ unref() {} });
    `;
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(sentry.stored).toMatchObject([{ name: 'execute_tool get_weather' }]);
  });
});

describe('a process that may start neither a thread nor a process', () => {
  it('ends at once, and is told which flag of Node lets it send', async () => {
    const source = `
      ${TURNED_TIME}
      import { captureException, setupTracing, traceTool } from 'DIST/index.js';
      setupTracing();
      await traceTool({ name: 'a' }, async () => 1);
      captureException(new Error('b'));
      process.on('exit', () => console.log(waits.length));
      process.exit(3);
    `;
    const ended = await runScript(source, {
      env: { SENTRY_DSN: sentry.dsn, NODE_OPTIONS: `${PERMISSION} --allow-fs-read=* --no-warnings` },
    });
    expect(ended).toMatchObject({ code: 3, stdout: '0\n' });
    expect(ended.stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^faultline: 1 span was not delivered: .*--allow-worker/),
      expect.stringMatching(/^faultline: an Issue was not delivered: .*--allow-worker/),
    ]);
  });
});

describe('a worker thread', () => {
  it.each([
    ['that simply ends', ''],
    ['that calls process.exit()', 'process.exit(3);'],
  ])('%s has its spans delivered', async (_, end) => {
    const ended = await runScript(
      `
      import { Worker } from 'node:worker_threads';
      const source = ${JSON.stringify(`
        import { setupTracing } from 'DIST/index.js';
        import { traceTool } from 'DIST/telemetry/spans.js';
        setupTracing();
        await traceTool({ name: 'in_a_thread' }, async () => 21);
        ${end}
      `)};
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
      worker.on('exit', (code) => console.log('ended', code));
    `,
      { env: { SENTRY_DSN: sentry.dsn } },
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(names()).toEqual(['execute_tool in_a_thread']);
  });
});

describe('a process of a cluster', () => {
  it('has its spans delivered, each process its own', async () => {
    const ended = await runScript(
      `
      import cluster from 'node:cluster';
      import { setupTracing } from 'DIST/index.js';
      import { traceTool } from 'DIST/telemetry/spans.js';
      setupTracing();
      if (cluster.isPrimary) {
        cluster.fork();
        cluster.fork();
        await traceTool({ name: 'in_the_primary' }, async () => 21);
      } else {
        await traceTool({ name: 'in_worker_' + cluster.worker.id }, async () => 21);
        if (cluster.worker.id === 1) process.exit(0);
        cluster.worker.disconnect();
      }
    `,
      { env: { SENTRY_DSN: sentry.dsn } },
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(names()).toEqual(['execute_tool in_the_primary', 'execute_tool in_worker_1', 'execute_tool in_worker_2']);
  });
});
