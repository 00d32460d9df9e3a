import { beforeAll, describe, expect, it } from 'vitest';

import { sentSpans } from './support/arrived.ts';
import { runDemo } from './support/demo.ts';
import { startAspire, type Aspire } from './support/aspire.ts';
import { exceptionsOf, storedSpans } from './support/stored.ts';

/** Every exception of the demo, at the innermost span that saw it and at no other. */
const EXCEPTIONS = {
  success: [],
  streaming: [],
  'parallel-tools': [],
  'sub-agent': [],
  fallback: ['chat gpt-5: AI_APICallError'],
  'tool-failure': ['execute_tool get_weather: WeatherServiceError'],
  'memory-failure': ['search_memory traveller-notes: SqliteError'],
  'models-exhausted': [
    'chat gpt-5: AI_APICallError',
    'chat claude-haiku-4-5: AI_APICallError',
    'chat mistral-large-latest: AI_APICallError',
    'agent.invoke trip-helper: AllModelsFailedError',
  ],
  'agent-error': ['agent.invoke trip-helper: MaxTurnsError'],
  'transport-crash': ['transport.crash chat-socket: SocketClosedError'],
  abort: [],
};

describe('the Aspire dashboard', () => {
  let aspire: Aspire;
  beforeAll(async () => {
    aspire = await startAspire();
    return aspire.stop;
  });

  it.each(['http/json', 'http/protobuf'])('stores every span of the demo sent as %s, each once', async (protocol) => {
    const demo = await runDemo({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: aspire.tracesUrl,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol,
    });

    expect(demo).toMatchObject({ code: 0, stderr: '', undelivered: 0 });
    expect(demo.delivered).toBe(demo.traces.flatMap(({ spans }) => spans).length);
    expect(await storedSpans(aspire, demo.traces)).toEqual(sentSpans(demo.traces));
    expect(await exceptionsOf(aspire, demo.traces)).toEqual(EXCEPTIONS);
  });

  it('shows which run a crashed transport was carrying', async () => {
    const demo = await runDemo({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: aspire.tracesUrl }, ['transport-crash']);

    const [run, crash] = await Promise.all(demo.traces.map(({ traceId }) => aspire.trace(traceId)));
    const agent = run?.find(({ name }) => name === 'agent.invoke trip-helper');
    expect(crash?.map(({ links }) => links)).toEqual([
      [expect.objectContaining({ traceId: agent?.traceId, spanId: agent?.spanId })],
    ]);
  });

  it('refuses gzip, and the demo says what to change', async () => {
    const demo = await runDemo(
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: aspire.tracesUrl, OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'gzip' },
      ['success'],
    );

    expect(demo).toMatchObject({ code: 1, delivered: 0, undelivered: 5 });
    expect(demo.stderr).toMatch(/^faultline: [^\n]*\(400\)[^\n]*OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none\n$/);
  });
});

describe('the Aspire dashboard with a key', () => {
  let aspire: Aspire;
  beforeAll(async () => {
    aspire = await startAspire({ apiKey: 's3cret' });
    return aspire.stop;
  });

  it('refuses another key: the demo fails with one line, and nothing is stored', async () => {
    const demo = await runDemo(
      {
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: aspire.tracesUrl,
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-otlp-api-key=guess',
      },
      ['success'],
    );

    expect(demo).toMatchObject({ code: 1, delivered: 0, undelivered: 5 });
    expect(demo.stderr).toMatch(/^faultline: [^\n]*\(401\)[^\n]*OTEL_EXPORTER_OTLP_TRACES_HEADERS\n$/);
    expect(demo.stderr).not.toContain('guess');
    expect(await storedSpans(aspire, demo.traces)).toEqual([]);
  });

  it('stores everything sent with that key', async () => {
    const demo = await runDemo({
      OTEL_EXPORTER_OTLP_ENDPOINT: aspire.otlpUrl,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-otlp-api-key=s3cret',
    });

    expect(demo).toMatchObject({ code: 0, stderr: '', undelivered: 0 });
    expect(await storedSpans(aspire, demo.traces)).toEqual(sentSpans(demo.traces));
  });
});
