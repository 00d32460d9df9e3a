import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { createRuntimeFromConfig, type ConfiguredRuntime } from '../../../src/runtime/config.ts';
import { connectSlack } from '../../../src/runtime/config/slack-app.ts';
import { startStubProvider, type StubProvider } from '../../../src/testing/stub-provider.ts';
import { load, loading } from './files.ts';

let provider: StubProvider;
let runtime: ConfiguredRuntime | undefined;

beforeEach(async () => {
  provider = await startStubProvider({
    'm-1': () => ({ type: 'text', text: 'From one.' }),
    'm-2': () => ({ type: 'text', text: 'From two.' }),
    slow: () => ({ type: 'text', text: 'At last.', latencyMs: 100 }),
  });
});

afterEach(async () => {
  await runtime?.stop();
  runtime = undefined;
  await provider.close();
});

type Fetch = (request: Request) => Promise<Response>;

/** Starts the runtime of a file and gives its HTTP side, without a server. */
async function start(
  text: string,
  environment: Record<string, string | undefined> = {},
): Promise<{ readonly fetch: Fetch; readonly ended: Promise<void> }> {
  const providers = `providers: { gateway: { base_url: '${provider.baseUrl}' } }\n`;
  const known = { GATEWAY_API_KEY: 'k-1', ...environment };
  const { config } = await load(providers + text, {}, known);
  let listening!: (fetch: Fetch) => void;
  const listened = new Promise<Fetch>((resolve) => {
    listening = resolve;
  });
  runtime = await createRuntimeFromConfig(config, {
    ...loading(known).options,
    listen: (fetch, signal) => {
      listening(fetch);
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve());
      });
    },
  });
  const ended = runtime.start();
  return { fetch: await listened, ended };
}

function ask(agent: string, headers: Readonly<Record<string, string>> = {}): Request {
  return new Request(`http://127.0.0.1/agents/${agent}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ input: 'hi' }),
  });
}

describe('the runtime of a configuration file', () => {
  test('has every agent answer over HTTP under its own name, whatever its transport is', async () => {
    const { fetch, ended } = await start(
      'agents: { one: { models: [gateway/m-1] }, two: { models: [gateway/m-2], transport: cli } }',
    );

    expect(await (await fetch(ask('one'))).json()).toMatchObject({ text: 'From one.' });
    expect(await (await fetch(ask('two'))).json()).toMatchObject({ text: 'From two.' });
    expect((await fetch(ask('three'))).status).toBe(404);
    await runtime!.stop();
    await ended;
  });

  test.each([
    ['when event_source is on', 'runtime: { http: { event_source: true } }', 200],
    ['and not otherwise', 'runtime: {}', 405],
  ])('answers an EventSource %s', async (_when, text, status) => {
    const { fetch } = await start(`${text}\nagents: { one: { models: [gateway/m-1] } }`);
    const headers = { accept: 'text/event-stream' };
    const response = await fetch(new Request('http://127.0.0.1/agents/one/run?input=hi', { headers }));

    expect(response.status).toBe(status);
    await response.text();
  });

  test('has its routes, its patience and its heartbeat where the file says', async () => {
    const limits = 'max_body_bytes: 20, body_timeout_ms: 20, heartbeat_ms: 10';
    const { fetch } = await start(
      `runtime: { http: { base_path: /api, ${limits} } }\nagents: { one: { models: [gateway/slow] } }`,
    );
    const post = (body: string | ReadableStream, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
      fetch(
        new Request('http://127.0.0.1/api/agents/one/run', {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body,
          duplex: 'half',
        }),
      );

    expect((await fetch(ask('one'))).status).toBe(404);
    expect((await post('{"input":"hi"}')).status).toBe(200);
    expect((await post('{"input":"a long question"}')).status).toBe(413);
    expect((await post(new ReadableStream())).status).toBe(408);
    const stream = await post('{"input":"hi"}', { accept: 'text/event-stream' });
    expect(await stream.text()).toContain('\n\n:');
  });

  test.each([
    ['started a second time', () => runtime!.start(), 'a runtime is started once'],
    ['stopped within a time that is none', () => runtime!.stop({ timeoutMs: -1 }), 'timeoutMs must be more than 0'],
  ])('keeps its memories open when it is %s, which is refused', async (_how, call, refusal) => {
    await start('agents: { one: { models: [gateway/m-1], memory: { sqlite: ./memory.db } } }');

    await expect(call()).rejects.toThrow(refusal);

    expect(await runtime!.agents[0]!.run('hi')).toMatchObject({ text: 'From one.', memoryFailed: false });
    await runtime!.stop();
    expect(await runtime!.agents[0]!.run('hi')).toMatchObject({ memoryFailed: true });
  });

  test('keeps its memories open when it is stopped within a time that is none before it has started', async () => {
    const agent = '{ models: [gateway/m-1], transport: cli, memory: { sqlite: ./memory.db } }';
    const known = { GATEWAY_API_KEY: 'k-1' };
    const { config } = await load(
      `providers: { gateway: { base_url: '${provider.baseUrl}' } }\nagents: { one: ${agent} }`,
      {},
      known,
    );
    runtime = await createRuntimeFromConfig(config, loading(known).options);

    await expect(runtime.stop({ timeoutMs: -1 })).rejects.toThrow('timeoutMs must be more than 0');

    expect(await runtime.agents[0]!.run('hi')).toMatchObject({ text: 'From one.', memoryFailed: false });
  });

  test('asks for the token that token_env names', async () => {
    const text = 'runtime: { http: { token_env: HELPER_TOKEN } }\nagents: { one: { models: [gateway/m-1] } }';
    const { fetch } = await start(text, { HELPER_TOKEN: 'open-sesame' });

    expect((await fetch(ask('one'))).status).toBe(401);
    expect((await fetch(ask('one', { authorization: 'Bearer open-sesame' }))).status).toBe(200);
  });

  test('does not start open to everybody when the token is missing', async () => {
    const text = 'runtime: { http: { token_env: HELPER_TOKEN } }\nagents: { one: { models: [gateway/m-1] } }';

    await expect(start(text, { HELPER_TOKEN: ' ' })).rejects.toThrow(
      /:2:31: runtime\.http\.token_env names HELPER_TOKEN, which is not set: set it to what callers must send$/,
    );
  });

  test('does not start with a token no header could carry, and does not say what it is', async () => {
    const text = 'runtime: { http: { token_env: HELPER_TOKEN } }\nagents: { one: { models: [gateway/m-1] } }';

    await expect(start(text, { HELPER_TOKEN: 'open sesame' })).rejects.toThrow(
      /:2:31: runtime\.http\.token_env names HELPER_TOKEN, whose value must be printable ASCII characters without spaces, and is not$/,
    );
  });

  test('does not start without the tokens of Slack', async () => {
    const text = 'agents: { one: { models: [gateway/m-1], transport: { slack: { bot_token_env: BOT } } } }';

    await expect(start(text, { SLACK_APP_TOKEN: '' })).rejects.toThrow(
      /:2:52: Slack needs its tokens: set BOT and SLACK_APP_TOKEN$/,
    );
  });
});

test('the runtime of a configuration file does not start where nobody could ask its agents', async () => {
  const { config } = await load('agents: { one: { models: [openai/m-1] } }');
  runtime = await createRuntimeFromConfig(config, loading({ OPENAI_API_KEY: 'k-1' }).options);

  await expect(runtime.start()).rejects.toThrow(
    /^no agent of .*faultline\.yaml has a transport besides HTTP, which needs the option listen$/,
  );
});

describe('the health checks of a configuration file', () => {
  type Options = Parameters<typeof createRuntimeFromConfig>[1];

  /** Starts the runtime of one agent and gives what `/readyz` says, which is asked once `ask` has settled. */
  async function readiness(options: Options, text = '', ask: Promise<unknown> = Promise.resolve()): Promise<unknown[]> {
    const { config } = await load(`${text}\nagents: { one: { models: [openai/m-1] } }`);
    let fetch!: Fetch;
    const { listen, ...others } = options ?? {};
    runtime = await createRuntimeFromConfig(config, {
      ...loading({ OPENAI_API_KEY: 'k-1' }).options,
      ...others,
      listen: (given, signal) => {
        fetch = given;
        return listen?.(given, signal) ?? new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    });
    void runtime.start();
    await ask;
    const response = await fetch(new Request('http://127.0.0.1/readyz'));
    return [response.status, await response.json()];
  }

  test('say how its transports are, beside what the caller says', async () => {
    const transports = [{ name: 'http', state: 'running' }];

    expect(await readiness({ status: () => ({ tracing: 'off' }) })).toEqual([
      200,
      { status: 'ready', agents: ['one'], transports, tracing: 'off' },
    ]);
    await runtime?.stop();
    expect(await readiness({ status: () => ({ ready: false }) })).toEqual([
      503,
      { status: 'unready', agents: ['one'], transports },
    ]);
  });

  test('say that a transport restarts, whatever the caller says', async () => {
    let crashed!: () => void;
    const crash = new Promise<void>((resolve) => {
      crashed = resolve;
    });
    const options: Options = {
      listen: () => Promise.reject(new Error('no')),
      status: () => ({ ready: true }),
      onLog: ({ message }) => {
        if (message === 'transport crashed') crashed();
      },
    };

    expect(await readiness(options, 'runtime: { on_crash: restart }', crash)).toMatchObject([
      503,
      { transports: [{ name: 'http', state: 'restarting', since: expect.stringMatching(/^\d{4}-.*Z$/) }] },
    ]);
    expect(runtime?.status()).toMatchObject({ ready: false });
  });
});

describe('Slack', () => {
  const slack = { type: 'slack', botTokenEnv: 'BOT', appTokenEnv: 'APP', position: { line: 1, column: 1 } } as const;
  const environment = { BOT: 'bot-token', APP: 'app-token' };

  test('needs its package, and says how to get it', async () => {
    expect(await connectSlack(slack, environment, () => Promise.resolve(undefined))).toEqual({
      status: 'failed',
      why: 'Slack needs a package that is not installed: npm install @slack/bolt',
    });
  });

  test('needs tokens that are more than blanks', async () => {
    expect(await connectSlack(slack, { BOT: ' \n', APP: 'app-token' })).toEqual({
      status: 'failed',
      why: 'Slack needs its tokens: set BOT',
    });
  });

  test('takes its tokens without the blanks around them, such as the line break a file ends with', async () => {
    const given: object[] = [];
    class Part {
      readonly client = { on: () => {}, start: () => Promise.resolve() };

      constructor(options: object) {
        given.push(options);
      }
    }
    const load = () => Promise.resolve({ App: Part, SocketModeReceiver: Part });

    await connectSlack(slack, { BOT: 'bot-token\n', APP: ' app-token\r\n' }, load);

    expect(given).toMatchObject([{ appToken: 'app-token' }, { token: 'bot-token' }]);
  });

  test('is asked nothing before the transport starts', async () => {
    const calls: unknown[] = [];
    class SocketModeReceiver {
      readonly client = { on: (event: string) => calls.push(['on', event]), start: () => Promise.resolve() };

      constructor(options: object) {
        calls.push(['receiver', options]);
      }
    }
    class App {
      constructor({ receiver, ...options }: { receiver: unknown }) {
        calls.push(['app', receiver instanceof SocketModeReceiver, options]);
      }

      init(): Promise<void> {
        return Promise.resolve(void calls.push(['init']));
      }

      start(): Promise<void> {
        return Promise.resolve(void calls.push(['start']));
      }
    }
    const connection = await connectSlack(slack, environment, () =>
      Promise.resolve({ default: { App, SocketModeReceiver } }),
    );
    const made = [
      ['receiver', { appToken: 'app-token' }],
      ['app', true, { token: 'bot-token', deferInitialization: true }],
      ['on', 'disconnected'],
    ];

    expect(calls).toEqual(made);
    if (connection.status === 'failed') throw new Error(connection.why);
    connection.options.onStart?.(() => {});
    await connection.options.app.start();
    expect(calls).toEqual([...made, ['init'], ['start']]);
  });
});
