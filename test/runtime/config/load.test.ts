import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { loadConfig } from '../../../src/runtime/config.ts';
import { resolveConfig } from '../../../src/telemetry/config/resolve.ts';
import { load, loading, problemsOf, writeFiles } from './files.ts';

const DSN = 'https://0123456789abcdef0123456789abcdef@o1.ingest.us.sentry.io/42';
const AGENTS = 'agents: { helper: { models: [openai/gpt-5-mini] } }';

describe('a configuration file', () => {
  test('is read into a complete configuration, with every path absolute', async () => {
    const { config, directory } = await load(
      `
runtime:
  sentry: { environment: staging, release: helper@1, sample_rate: 0.5, traces_sample_rate: 0.25, send_default_pii: true, debug: false }
  telemetry: { service_name: helper, capture_content: true, recorder_directory: ./spool }
  http: { host: 0.0.0.0, port: 0, token_env: HELPER_TOKEN, cors_origins: ['https://app.example.com'], event_source: true, base_path: /api, allowed_hosts: [agents.example.com], max_body_bytes: 1000, body_timeout_ms: 2000, heartbeat_ms: 3000 }
  on_crash: restart
  max_active: 4
providers:
  gateway: { base_url: http://127.0.0.1:1/v1, api_key_env: GATEWAY_KEY }
agents:
  helper:
    description: Helps.
    instructions: Be brief.
    models:
      - openai/gpt-5-mini
      - { model: gateway/m-1, max_retries: 0, timeout_ms: 500, settings: { top_k: 3 } }
    settings: { temperature: 0, stop_sequences: [END], provider_options: { openai: { reasoningEffort: low } } }
    tools: [./tools/weather.js#getWeather, ./tools/all.js]
    agents: [writer]
    handoffs: [writer]
    memory: { sqlite: ./memory.db, limit: 3, timeout_ms: 100, scope: user, tools: true }
    transport: cli
    max_turns: 3
    max_retries: 2
    model_timeout_ms: 1000
    timeout_ms: 2000
    tool_concurrency: 1
    tool_timeout_ms: 3000
    max_depth: 2
    max_total_tokens: 50000
    max_cost_usd: 0.25
  writer:
    models: [openai/gpt-5]
    instructions_file: ./prompts/writer.md
    memory: in_process
    transport: { slack: {} }
`,
      { 'tools/weather.js': '', 'tools/all.js': '', 'prompts/writer.md': 'Write well.\n' },
    );

    expect(config).toEqual({
      file: join(directory, 'faultline.yaml'),
      tracing: {
        envFile: false,
        environment: 'staging',
        release: 'helper@1',
        sampleRate: 0.5,
        tracesSampleRate: 0.25,
        sendDefaultPii: true,
        debug: false,
        serviceName: 'helper',
        captureContent: true,
        recorder: { directory: join(directory, 'spool') },
      },
      runtime: { onCrash: 'restart', maxActive: 4 },
      shutdownTimeoutMs: 10_000,
      http: {
        host: '0.0.0.0',
        port: 0,
        token: { env: 'HELPER_TOKEN', position: { line: 5, column: 46 } },
        basePath: '/api',
        allowedHosts: ['agents.example.com'],
        corsOrigins: ['https://app.example.com'],
        eventSource: true,
        maxBodyBytes: 1_000,
        bodyTimeoutMs: 2_000,
        heartbeatMs: 3_000,
      },
      providers: { gateway: { baseUrl: 'http://127.0.0.1:1/v1', apiKeyEnv: 'GATEWAY_KEY' } },
      agents: [
        {
          name: 'helper',
          position: { line: 11, column: 3 },
          description: 'Helps.',
          instructions: 'Be brief.',
          models: [
            { ref: 'openai/gpt-5-mini', position: { line: 15, column: 9 } },
            {
              ref: 'gateway/m-1',
              maxRetries: 0,
              timeoutMs: 500,
              settings: { topK: 3 },
              position: { line: 16, column: 9 },
            },
          ],
          settings: {
            temperature: 0,
            stopSequences: ['END'],
            providerOptions: { openai: { reasoningEffort: 'low' } },
          },
          tools: [
            {
              written: './tools/weather.js#getWeather',
              module: join(directory, 'tools/weather.js'),
              name: 'getWeather',
              position: { line: 18, column: 13 },
            },
            { written: './tools/all.js', module: join(directory, 'tools/all.js'), position: { line: 18, column: 44 } },
          ],
          agents: ['writer'],
          handoffs: ['writer'],
          memory: {
            sqlite: join(directory, 'memory.db'),
            limit: 3,
            timeoutMs: 100,
            scope: 'user',
            tools: true,
            position: { line: 21, column: 13 },
          },
          transport: { type: 'cli' },
          maxTurns: 3,
          maxRetries: 2,
          modelTimeoutMs: 1000,
          timeoutMs: 2000,
          toolConcurrency: 1,
          toolTimeoutMs: 3000,
          maxDepth: 2,
          maxTotalTokens: 50_000,
          maxCostUsd: 0.25,
        },
        {
          name: 'writer',
          position: { line: 32, column: 3 },
          instructions: 'Write well.\n',
          models: [{ ref: 'openai/gpt-5', position: { line: 33, column: 14 } }],
          settings: {},
          tools: [],
          agents: [],
          handoffs: [],
          memory: { tools: false, position: { line: 35, column: 13 } },
          transport: {
            type: 'slack',
            botTokenEnv: 'SLACK_BOT_TOKEN',
            appTokenEnv: 'SLACK_APP_TOKEN',
            position: { line: 36, column: 16 },
          },
        },
      ],
    });
  });

  test('has every default in place when it says next to nothing', async () => {
    const { config, notices } = await load(AGENTS);

    expect(config).toMatchObject({
      tracing: { envFile: false },
      runtime: { onCrash: 'stop', maxActive: 256 },
      shutdownTimeoutMs: 10_000,
      http: { host: '127.0.0.1', port: 8080, basePath: '', allowedHosts: [], corsOrigins: [], eventSource: false },
      providers: {},
      agents: [{ name: 'helper', settings: {}, tools: [], agents: [], transport: { type: 'http' } }],
    });
    expect(notices).toEqual([]);
  });

  test('lets an agent override the defaults: limits and settings one by one, the chain of models as a whole', async () => {
    const { config } = await load(`
defaults:
  models: [openai/gpt-5-mini, anthropic/claude-haiku-4-5]
  settings: { temperature: 0.5, top_p: 0.9 }
  max_turns: 5
  max_retries: 3
agents:
  one: { settings: { temperature: 0 }, max_turns: 7 }
  two: { models: [ollama/llama3.2] }
`);

    expect(config.agents).toMatchObject([
      {
        models: [{ ref: 'openai/gpt-5-mini' }, { ref: 'anthropic/claude-haiku-4-5' }],
        settings: { temperature: 0, topP: 0.9 },
        maxTurns: 7,
        maxRetries: 3,
      },
      { models: [{ ref: 'ollama/llama3.2' }], settings: { temperature: 0.5, topP: 0.9 }, maxTurns: 5, maxRetries: 3 },
    ]);
  });

  test('is frozen to its leaves', async () => {
    const { config } = await load(AGENTS);

    expect(() => Object.assign(config.agents[0]!.settings, { temperature: 1 })).toThrow(TypeError);
    expect(() => Object.assign(config.agents[0]!.models[0]!.position, { line: 2 })).toThrow(TypeError);
  });

  test('reads instructions without the byte order mark of their file', async () => {
    const text = 'agents: { helper: { models: [openai/gpt-5], instructions_file: ./helper.md } }';
    const { config } = await load(text, { 'helper.md': '\ufeffBe brief.' });

    expect(config.agents[0]?.instructions).toBe('Be brief.');
  });

  test('is looked for as faultline.yaml when no path is given', async () => {
    const error = await loadConfig(undefined, loading().options).catch((error: unknown) => error);

    expect(error).toMatchObject({ name: 'ConfigError', message: 'faultline.yaml:1:1: cannot be read (ENOENT)' });
  });
});

describe('env_file', () => {
  const text = `runtime: { env_file: ./settings.env }\n${AGENTS}`;

  test('sets variables, but none that is set already, not even an empty one', async () => {
    const { environment } = await load(
      text,
      { 'settings.env': 'ONE=file\nTWO=file\n# THREE=file\nFOUR="a b" # c\n' },
      { TWO: 'process', FIVE: '' },
    );

    expect(environment).toEqual({ ONE: 'file', TWO: 'process', FOUR: 'a b', FIVE: '' });
    expect((await load(text, { 'settings.env': 'FIVE=file' }, { FIVE: '' })).environment).toEqual({ FIVE: '' });
  });

  test('is read as `.env` is without a configuration file: behind a byte order mark, and beside lines that set nothing', async () => {
    const { environment } = await load(text, { 'settings.env': '\ufeffONE=file\r\nnothing\r\nTWO=file\r\n' });

    expect(environment).toEqual({ ONE: 'file', TWO: 'file' });
  });

  test('says so when it is in UTF-16, as Windows PowerShell writes it', async () => {
    const { environment, notices } = await load(text, { 'settings.env': Buffer.from('\ufeffONE=file', 'utf16le') });

    expect(environment).toEqual({});
    expect(notices).toEqual([expect.stringMatching(/settings\.env must be UTF-8 text, but is not: save it as UTF-8$/)]);
  });

  test('says so when a part of it is in UTF-16, as Windows PowerShell appends it, and takes the rest', async () => {
    const file = Buffer.concat([Buffer.from('ONE=file\n'), Buffer.from('TWO=file\r\n', 'utf16le')]);
    const { environment, notices } = await load(text, { 'settings.env': file });

    expect(environment).toEqual({ ONE: 'file' });
    expect(notices).toEqual([expect.stringMatching(/settings\.env must be UTF-8 text, but is not: save it as UTF-8$/)]);
  });

  test('is read also when it has a letter in Latin-1, as in a comment', async () => {
    const file = Buffer.from('# Schl\u00fcssel\nONE=file\n', 'latin1');
    const { environment, notices } = await load(text, { 'settings.env': file });

    expect(environment).toEqual({ ONE: 'file' });
    expect(notices).toEqual([]);
  });

  test('is .env beside the file when there is one and none is named', async () => {
    expect((await load(AGENTS, { '.env': 'ONE=file' })).environment).toEqual({ ONE: 'file' });
  });

  test('leaves the environment alone when the file is wrong', async () => {
    const directory = writeFiles({ 'faultline.yaml': `${AGENTS}\nx: 1`, '.env': 'ONE=file' });
    const { environment, options } = loading();

    await expect(loadConfig(join(directory, 'faultline.yaml'), options)).rejects.toThrow('has no key');
    expect(environment).toEqual({});
  });

  test('that is named and is not there is a problem', async () => {
    expect(await problemsOf(text)).toEqual(['1:22: runtime.env_file names a file that cannot be read']);
  });
});

describe('dsn_env', () => {
  const text = `runtime: { env_file: ./settings.env, sentry: { dsn_env: HELPER_DSN } }\n${AGENTS}`;

  test('is looked up after env_file is loaded', async () => {
    const { config, notices } = await load(text, { 'settings.env': `HELPER_DSN=${DSN}` });

    expect(config.tracing.dsn).toBe(DSN);
    expect(notices).toEqual([]);
  });

  test('that holds no DSN is said without a part of it, and tracing stays off', async () => {
    const { config, notices } = await load(text, { 'settings.env': 'HELPER_DSN=0123456789abcdef:secret@host/1' });

    expect(config.tracing.dsn).toBeUndefined();
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(/HELPER_DSN is not a URL: it must be https:/);
    expect(notices[0]).not.toMatch(/0123456789abcdef|secret/);
  });

  test('without a value means that nothing is sent', async () => {
    const { config, notices } = await load(text, { 'settings.env': 'HELPER_DSN=' });

    expect(config.tracing.dsn).toBeUndefined();
    expect(notices).toEqual([]);
  });

  test('of its own variable gives way to SENTRY_DSN, and says so when they differ', async () => {
    const { config, notices } = await load(text, { 'settings.env': `HELPER_DSN=${DSN}` }, { SENTRY_DSN: `${DSN}3` });

    expect(config.tracing.dsn).toBeUndefined();
    expect(notices[0]).toMatch(/SENTRY_DSN is set too and wins over HELPER_DSN: unset one of the two$/);
  });

  test('left out leaves SENTRY_DSN to telemetry, which says what is wrong with it', async () => {
    const { config, notices, environment } = await load(AGENTS, { '.env': 'SENTRY_DSN=nonsense' });

    expect(config.tracing.dsn).toBeUndefined();
    expect(notices).toEqual([]);
    expect(environment['SENTRY_DSN']).toBe('nonsense');
  });
});

test('what the file says about tracing is the weakest source telemetry has', async () => {
  const { config, environment } = await load(
    `runtime: { sentry: { dsn_env: HELPER_DSN, environment: staging, traces_sample_rate: 0.25, sample_rate: 0.5 } }\n${AGENTS}`,
    { '.env': `HELPER_DSN=${DSN}\nSENTRY_SAMPLE_RATE=0.75` },
    { SENTRY_ENVIRONMENT: 'production' },
  );

  const problems: unknown[] = [];
  const telemetry = resolveConfig({ defaults: config.tracing }, environment, (problem) => problems.push(problem));

  expect(problems).toEqual([]);
  expect(telemetry).toMatchObject({
    dsn: { projectId: '42' },
    environment: 'production',
    sampleRate: 0.75,
    clientSampleRate: 0.25,
  });
});
