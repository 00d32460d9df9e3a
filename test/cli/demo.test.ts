import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startReceiver, type Receiver } from '../../src/receiver/server.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { closedPort } from '../support/loopback.ts';
import { cli, type Finished } from './cli.ts';

const SCENARIOS = [
  'success',
  'streaming',
  'parallel-tools',
  'sub-agent',
  'fallback',
  'tool-failure',
  'memory-failure',
  'models-exhausted',
  'agent-error',
  'transport-crash',
  'abort',
];

/** What the demo's agents are asked, what they answer, and what its tools take and return. */
const CONTENT = ['Lisbon', 'Oslo', 'Sintra', 'sunglasses', '19 °C', 'market hall', 'Likes to pack light'];

/** Parts of the demo's key, as the 401 of models-exhausted echoes them. */
const KEY_FRAGMENTS = ['sk-proj', '7Qd2x', 'QXjY'];

interface Issue {
  readonly scenario: string;
  readonly eventId: string;
  readonly level: string;
  readonly handled: boolean;
  readonly failurePoint: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly culprit: string;
}

interface Report {
  readonly traces: readonly {
    readonly scenario: string;
    readonly traceId: string;
    readonly spans: readonly {
      readonly name: string;
      readonly spanId: string;
      readonly parentSpanId: string | null;
      readonly kind: string;
      readonly status: string;
      readonly durationMs: number;
      readonly attributes: Readonly<Record<string, unknown>>;
    }[];
  }[];
  readonly issues: readonly Issue[];
  readonly delivered: number;
  readonly undelivered: number;
}

let sentry: FakeSentry | undefined;
let receiver: Receiver | undefined;

afterEach(async () => {
  await sentry?.close();
  await receiver?.close();
  sentry = undefined;
  receiver = undefined;
});

/** Output without what differs from run to run: ids, durations, the port, and where in the code. */
function stable(output: string): string {
  return output
    .replaceAll(/\b[0-9a-f]{32}\b/g, '<trace>')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:<port>')
    .replaceAll(/\([^()]*\/(dist\/[^():]+):\d+\)/g, '($1)')
    .replaceAll(/(?<=\(AI_APICallError, )\w+/g, '<code>')
    .replaceAll(/ *(?:<1 ms|\d+ ms|\d+\.\d\d s)(?= {2}|$)/gm, ' ~');
}

describe('faultline demo without a destination', () => {
  test('shows every scenario as a tree, delivers every span and exits with 0', async () => {
    const { code, stdout, stderr } = await cli(['demo', '--once', '--port', '0']);

    expect(stable(stdout)).toMatchInlineSnapshot(`
      "A travel agent in 11 scenarios, against a model provider on this machine.
      Spans go to a receiver started here, http://127.0.0.1:<port>.
      No destination is configured: set SENTRY_DSN, or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT for another backend.

      success  the agent remembers, looks something up and answers
        trace <trace>
        agent.invoke trip-helper ~   698 → 62 tok   $0.00024
        ├─ search_memory traveller-notes ~
        ├─ chat gpt-5-mini ~   286 → 24 tok   $0.00012
        │  └─ execute_tool get_weather ~
        └─ chat gpt-5-mini ~   412 → 38 tok   $0.00012
        → the agent answered: Light clothes and sunglasses: Lisbon gets 19 °C and sun tomorrow.

      streaming  the answer is streamed
        … Take the train: it leaves at 09:14 and needs 55 minutes to Sintra.
        trace <trace>
        agent.invoke trip-helper ~   412 → 38 tok   $0.00012
        └─ chat gpt-5-mini ~   412 → 38 tok   $0.00012
        → the answer appeared as it was written

      parallel-tools  one turn asks for three tools, which run side by side
        trace <trace>
        agent.invoke trip-helper ~  698 → 110 tok   $0.00034
        ├─ chat gpt-5-mini ~   286 → 72 tok   $0.00022
        │  ├─ execute_tool get_weather ~
        │  ├─ execute_tool get_weather ~
        │  └─ execute_tool get_weather ~
        └─ chat gpt-5-mini ~   412 → 38 tok   $0.00012
        → the agent answered: Lisbon and Barcelona are warmest; pack for 19 °C.

      sub-agent  the agent asks another agent
        trace <trace>
        agent.invoke trip-helper ~   698 → 69 tok   $0.00025
        ├─ chat gpt-5-mini ~   286 → 31 tok   $0.00013
        │  └─ execute_tool ask_local_guide ~
        │     └─ agent.invoke local-guide ~   412 → 38 tok   $0.00037
        │        └─ chat claude-haiku-4-5 ~   412 → 38 tok   $0.00037
        └─ chat gpt-5-mini ~   412 → 38 tok   $0.00012
        → the agent answered: Eat at the market hall.

      fallback  the first model is rate limited, the second one takes over
        trace <trace>
        agent.invoke trip-helper ~   698 → 62 tok   $0.00078
        ├─ chat gpt-5 ~
        │     ✗ 429: Too Many Requests (rate_limit_exceeded)
        ├─ chat claude-haiku-4-5 ~   286 → 24 tok   $0.00041
        │  │  ↪ instead of gpt-5: 429
        │  └─ execute_tool get_weather ~
        └─ chat claude-haiku-4-5 ~   412 → 38 tok   $0.00037
        → the agent answered: Light clothes and sunglasses: Lisbon gets 19 °C and sun tomorrow.

      tool-failure  a tool throws; the model is told and answers without it
        trace <trace>
        agent.invoke trip-helper ~   698 → 62 tok   $0.00024
        ├─ chat gpt-5-mini ~   286 → 24 tok   $0.00012
        │  └─ execute_tool get_weather ~
        │        ✗ WeatherServiceError (tool.execution): the weather service answered 503
        └─ chat gpt-5-mini ~   412 → 38 tok   $0.00012
        ⚑ Issue: WeatherServiceError (warning, handled) in Object.execute (dist/cli/demo.js)
        → the agent answered: I cannot see the forecast right now; pack a light jacket to be safe.

      memory-failure  the memory store is broken; the agent answers without its notes
        trace <trace>
        agent.invoke trip-helper ~   412 → 38 tok   $0.00012
        ├─ search_memory traveller-notes ~
        │     ✗ SqliteError (memory.search): database disk image is malformed
        └─ chat gpt-5-mini ~   412 → 38 tok   $0.00012
        ⚑ Issue: SqliteError (warning, handled) in Object.search (dist/cli/demo.js)
        → the agent answered: Pack light clothes and a jacket.

      models-exhausted  every model of the chain fails: a wrong key, a rate limit, a dropped connection
        trace <trace>
        agent.invoke trip-helper ~
        │  ✗ AllModelsFailedError (model.fallback_exhausted): no model answered: gpt-5 (401),
        │    claude-haiku-4-5 (429), mistral-large-latest (AI_APICallError, <code>)
        ├─ chat gpt-5 ~
        │     ✗ 401: Unauthorized (invalid_api_key)
        ├─ chat claude-haiku-4-5 ~
        │     ✗ 429: Too Many Requests (rate_limit_exceeded)
        └─ chat mistral-large-latest ~
              ✗ AI_APICallError: the API call failed (ECONNRESET)
        ⚑ Issue: AllModelsFailedError (error, unhandled) in endsWith (dist/cli/demo.js)
        → the run failed as intended: AllModelsFailedError

      agent-error  the model keeps asking for tools until the agent gives up
        trace <trace>
        agent.invoke trip-helper ~   572 → 48 tok   $0.00024
        │  ✗ MaxTurnsError (conversation.unhandled): no final answer within 2 turns
        ├─ chat gpt-5-mini ~   286 → 24 tok   $0.00012
        │  └─ execute_tool get_weather ~
        └─ chat gpt-5-mini ~   286 → 24 tok   $0.00012
        ⚑ Issue: MaxTurnsError (error, unhandled) in endsWith (dist/cli/demo.js)
        → the run failed as intended: MaxTurnsError

      transport-crash  the chat connection drops while the agent is working
        trace <trace>
        agent.invoke trip-helper ~
        │  ■ aborted
        └─ chat gpt-5-mini ~
              ■ aborted
        trace <trace>
        transport.crash chat-socket ~
           ✗ SocketClosedError (transport.crash): the connection was closed (1006)
           ↔ a run in flight: trace <trace>
        ⚑ Issue: SocketClosedError (error, unhandled) in Object.start (dist/cli/demo.js)
        → the transport crashed as intended: SocketClosedError

      abort  the user presses stop in the middle of the answer
        trace <trace>
        agent.invoke trip-helper ~
        │  ■ aborted
        └─ chat gpt-5-mini ~
              ■ aborted
        → the run was stopped as intended: StoppedByUser

      12 traces, 44 spans, 5 Issues delivered.
      "
    `);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('runs only the scenarios it is given, in their order, and ends by itself where nobody is at a terminal', async () => {
    const { code, stdout } = await cli(['demo', '--port', '0', '--scenario', 'abort', '--scenario', 'streaming']);

    expect(code).toBe(0);
    expect(stdout.match(/^(?:abort|streaming) {2}/gm)).toEqual(['abort  ', 'streaming  ']);
    expect(stdout).toMatch(/^2 traces, \d+ spans delivered\.$/m);
  });

  test('takes another port when 4318 is taken, and says so', async () => {
    // Whoever holds the port: what matters is that somebody does.
    receiver = await startReceiver({ port: 4318 }).catch(() => undefined);

    const { code, stdout } = await cli(['demo', '--once', '--scenario', 'streaming']);

    expect(code).toBe(0);
    expect(stdout).toContain('Port 4318 is not free.');
  });

  test('says so and exits with 1 when the port that was asked for is taken', async () => {
    receiver = await startReceiver();
    const { port } = new URL(receiver.url);

    expect(await cli(['demo', '--once', '--port', port])).toEqual({
      code: 1,
      stdout: '',
      stderr: `faultline: Port ${port} on 127.0.0.1 is already in use: stop the program that has it, or choose another port.\n`,
    });
  });

  test('ignores settings meant for another destination', async () => {
    const { code, stdout } = await cli(['demo', '--once', '--port', '0', '--scenario', 'streaming'], {
      OTEL_SDK_DISABLED: 'true',
      OTEL_TRACES_SAMPLER: 'always_off',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret',
    });

    expect(code).toBe(0);
    expect(stdout).toContain('OTEL_SDK_DISABLED is true.');
    expect(stdout).toMatch(/^1 trace, \d+ spans delivered\.$/m);
  });

  test('is coloured when FORCE_COLOR says so', async () => {
    const { stdout } = await cli(['demo', '--once', '--port', '0', '--scenario', 'models-exhausted'], {
      FORCE_COLOR: '1',
    });

    expect(stdout).toContain('\u001b[31m✗ AllModelsFailedError');
  });
});

/** Scenario, level, handled and failure point of every Issue of the demo. */
const FIVE_ISSUES = [
  ['tool-failure', 'warning', true, 'tool.execution'],
  ['memory-failure', 'warning', true, 'memory.search'],
  ['models-exhausted', 'error', false, 'model.fallback_exhausted'],
  ['agent-error', 'error', false, 'conversation.unhandled'],
  ['transport-crash', 'error', false, 'transport.crash'],
];

describe('faultline demo --json', () => {
  test('describes a span by name, ids, kind, status, duration and attributes', async () => {
    const { code, stdout } = await cli(['demo', '--json', '--port', '0', '--scenario', 'fallback']);
    const { traces, ...counted } = JSON.parse(stdout) as Report;
    const spans = traces[0]!.spans.toSorted((a, b) => a.name.localeCompare(b.name));

    expect({ code, ...counted }).toEqual({ code: 0, issues: [], delivered: spans.length, undelivered: 0 });
    expect(spans.map(({ name, kind, status }) => ({ name, kind, status }))).toEqual([
      { name: 'agent.invoke trip-helper', kind: 'internal', status: 'unset' },
      { name: 'chat claude-haiku-4-5', kind: 'client', status: 'unset' },
      { name: 'chat claude-haiku-4-5', kind: 'client', status: 'unset' },
      { name: 'chat gpt-5', kind: 'client', status: 'error' },
      { name: 'execute_tool get_weather', kind: 'internal', status: 'unset' },
    ]);
    expect(Object.keys(spans[0]!)).toEqual([
      'name',
      'spanId',
      'parentSpanId',
      'kind',
      'status',
      'durationMs',
      'attributes',
    ]);
    expect(spans[3]).toMatchObject({
      parentSpanId: spans[0]!.spanId,
      durationMs: expect.any(Number) as number,
      attributes: { 'error.type': '429', 'gen_ai.request.model': 'gpt-5' },
    });
  });
});

describe('faultline demo of every scenario with a destination', () => {
  let sentry: FakeSentry;
  let finished: Finished;
  beforeAll(async () => {
    sentry = await startFakeSentry();
    finished = await cli(['demo', '--json'], { SENTRY_DSN: sentry.dsn });
  });
  afterAll(() => sentry.close());

  test('brings every scenario to Sentry, prints one object with every span of them, and nothing else', () => {
    const { code, stdout, stderr } = finished;
    const report = JSON.parse(stdout) as Report;

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const sent = report.traces.flatMap(({ traceId, spans }) => spans.map(({ spanId }) => `${traceId}:${spanId}`));
    const arrived = sentry.spans.map(({ traceId, spanId }) => `${traceId}:${spanId}`);
    expect(Object.keys(report)).toEqual(['traces', 'issues', 'delivered', 'undelivered']);
    expect([...new Set(report.traces.map(({ scenario }) => scenario))]).toEqual(SCENARIOS);
    for (const { traceId, spans } of report.traces) {
      expect(traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(spans.filter(({ parentSpanId }) => parentSpanId === null)).toHaveLength(1);
    }
    expect(arrived.toSorted()).toEqual(sent.toSorted());
    expect(sentry.discarded).toEqual([]);
    expect(report).toMatchObject({ delivered: sent.length, undelivered: 0 });
    // What Sentry counts as an agent, a model call or a tool, and that it counts nothing else.
    const counted = sentry.stored.map(({ name, operationType }) => `${name.split(' ', 1)[0]} ${operationType}`);
    expect(new Set(counted)).toEqual(
      new Set([
        'agent.invoke agent',
        'chat ai_client',
        'execute_tool tool',
        'search_memory undefined',
        'transport.crash undefined',
      ]),
    );
  });

  test('makes five Issues, each linked to the span of its failure and pointing at code', () => {
    const { issues } = JSON.parse(finished.stdout) as Report;

    expect(
      issues.map(({ scenario, level, handled, failurePoint }) => [scenario, level, handled, failurePoint]),
    ).toEqual(FIVE_ISSUES);
    expect(sentry.envelopes.map(({ headers }) => headers['event_id'])).toEqual(issues.map(({ eventId }) => eventId));
    for (const { traceId, spanId, failurePoint, culprit } of issues) {
      const failed = sentry.spans.find((span) => span.traceId === traceId && span.spanId === spanId);
      expect(failed?.status.code).toBe(2);
      expect(failed?.attributes['faultline.failure.point']).toBe(failurePoint);
      expect(culprit).toMatch(/cli\/demo\.js:\d+\)$/);
    }
  });

  test('sends no prompt, no answer, no tool argument and no part of a key', () => {
    const bodies = [...sentry.requests].map(({ body }) => Buffer.from(body).toString('utf8')).join('\n');
    expect(bodies).toContain('trip-helper');
    expect([...CONTENT, ...KEY_FRAGMENTS].filter((canary) => bodies.includes(canary))).toEqual([]);
  });
});

describe('faultline demo with a destination', () => {
  test('names the host it sends to, and never the key', async () => {
    sentry = await startFakeSentry();
    const { stdout } = await cli(['demo', '--scenario', 'streaming'], { SENTRY_DSN: sentry.dsn });

    const { host, username } = new URL(sentry.dsn);
    expect(stdout).toContain(`Spans go to ${host} (sentry).`);
    expect(stdout).not.toContain(username);
  });

  test('sends to any OTLP endpoint', async () => {
    receiver = await startReceiver();
    const { code, stdout } = await cli(['demo', '--scenario', 'success'], {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: receiver.tracesUrl,
    });

    expect(code).toBe(0);
    expect(stdout).toContain(`Spans go to ${new URL(receiver.url).host} (otlp).`);
    expect(receiver.spans.map(({ name }) => name).toSorted()).toEqual([
      'agent.invoke trip-helper',
      'chat gpt-5-mini',
      'chat gpt-5-mini',
      'execute_tool get_weather',
      'search_memory traveller-notes',
    ]);
    expect(receiver.spans[0]?.resource['service.name']).toBe('faultline-demo');
  });

  test('exits with 1 and one line that says why when nobody listens there', async () => {
    const port = await closedPort();
    const env = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/v1/traces`,
      FAULTLINE_EXIT_TIMEOUT: '500',
    };

    const human = await cli(['demo', '--once', '--scenario', 'streaming'], env);
    const json = await cli(['demo', '--once', '--json', '--scenario', 'streaming'], env);

    expect({ code: human.code, stderr: human.stderr }).toEqual({ code: 1, stderr: '' });
    expect(human.stdout.trimEnd().split('\n').at(-1)).toMatch(
      new RegExp(`^1 trace, 0 of 2 spans delivered, 2 not: .*127\\.0\\.0\\.1:${port}`),
    );
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ delivered: 0, undelivered: 2 });
    expect(json.stderr).toMatch(/^faultline: 0 of 2 spans delivered, 2 not: .+\n$/);
  });

  test('refuses a DSN that makes no sense instead of looking elsewhere, and does not repeat it', async () => {
    const { code, stdout, stderr } = await cli(['demo', '--once'], { SENTRY_DSN: 'https://topsecretkey@sentry/' });

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^faultline: SENTRY_DSN .+\n$/);
    expect(stderr).not.toContain('topsecretkey');
  });
});
