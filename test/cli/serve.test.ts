import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { startFakeSentry } from '../../src/testing/fake-sentry.ts';
import { startStubProvider, type StubProvider } from '../../src/testing/stub-provider.ts';
import { cli, startCli, type RunningCli } from './cli.ts';

const ENV = { GATEWAY_KEY: 'k-1' };

let provider: StubProvider;
let directory: string;

beforeEach(async () => {
  provider = await startStubProvider({
    'm-1': () => ({ type: 'text', text: 'Take an umbrella.' }),
    slow: () => ({ type: 'text', text: 'At last.', latencyMs: 200 }),
    hang: () => ({ type: 'hang' }),
    asks: () => ({ type: 'toolCalls', calls: [{ name: 'dawdle', arguments: {} }] }),
  });
  directory = mkdtempSync(join(tmpdir(), 'faultline-serve-'));
});

afterEach(async () => {
  await provider.close();
  rmSync(directory, { recursive: true });
});

/** Writes a file of agents that are answered by the provider, and gives its path. */
function configure(agents: string, more = ''): string {
  const path = join(directory, 'faultline.yaml');
  const providers = `providers: { gateway: { base_url: '${provider.baseUrl}', api_key_env: GATEWAY_KEY } }`;
  writeFileSync(path, [providers, `agents: ${agents}`, more].join('\n'));
  return path;
}

/** Gives the flags with which Node finds a `@slack/bolt` whose Slack turns everybody away. */
function slackThatRefuses(): string {
  const bolt = join(directory, 'bolt.mjs');
  writeFileSync(
    bolt,
    `export class SocketModeReceiver { client = { on() {}, start: async () => {} }; }
     export class App {
       event() {}
       async init() {}
       async start() { throw new Error('invalid_auth xoxb-1'); }
       async stop() {}
     }`,
  );
  const resolve = `(name, context, next) => name === '@slack/bolt'
    ? { url: '${pathToFileURL(bolt).href}', shortCircuit: true }
    : next(name, context)`;
  const hooks = `data:text/javascript,${encodeURIComponent(`export const resolve = ${resolve};`)}`;
  const register = join(directory, 'register.mjs');
  writeFileSync(register, `import { register } from 'node:module'; register(${JSON.stringify(hooks)});`);
  return `--import=${pathToFileURL(register).href}`;
}

/** Starts serving and gives where. */
async function serve(
  path: string,
  env: Readonly<Record<string, string>> = ENV,
  flags: readonly string[] = [],
): Promise<RunningCli & { origin: string }> {
  const running = startCli(['serve', '--config', path, '--port', '0', ...flags], env);
  onTestFinished(() => void running.child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve, reject) => {
    running.child.stdout.once('data', (text) => resolve(String(text)));
    void running.finished.then(({ stderr }) => reject(new Error(`it did not start: ${stderr}`)));
  });
  return { ...running, origin: /http:\S+/.exec(line)?.[0] ?? line };
}

function ask(origin: string, agent: string): Promise<Response> {
  return fetch(`${origin}/agents/${agent}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input: 'Rain in Lisbon?' }),
  });
}

describe('faultline serve', () => {
  test('answers over HTTP and says where', async () => {
    const { child, finished, origin } = await serve(
      configure('{ one: { models: [gateway/m-1] }, two: { models: [gateway/m-1] } }'),
    );

    expect(await (await ask(origin, 'two')).json()).toMatchObject({ text: 'Take an umbrella.' });
    expect((await fetch(`${origin}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${origin}/readyz`)).json()).toEqual({
      status: 'ready',
      agents: ['one', 'two'],
      transports: [{ name: 'http', state: 'running' }],
      tracing: 'off',
    });
    child.kill('SIGTERM');

    expect(await finished).toEqual({ code: 0, stdout: `faultline serves one and two on ${origin}\n`, stderr: '' });
  });

  test('may be asked by the name of a proxy and at the path it is told, and not otherwise', async () => {
    const path = configure(
      '{ one: { models: [gateway/m-1] } }',
      'runtime: { http: { base_path: /api, allowed_hosts: [agents.example.com] } }',
    );
    const { child, finished, origin } = await serve(path);
    const { port } = new URL(origin);
    const statusFor = (host: string, path: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        get({ port, path, headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).once('error', reject);
      });

    expect(await statusFor('agents.example.com', '/api/readyz')).toBe(200);
    expect(await statusFor(`AGENTS.example.com:${port}`, '/api/readyz')).toBe(200);
    expect(await statusFor('agents.example.com', '/readyz')).toBe(404);
    expect(await statusFor('evil.example.com', '/api/readyz')).toBe(421);
    child.kill('SIGTERM');
    expect((await finished).stdout).toBe(`faultline serves one on http://127.0.0.1:${port}/api\n`);
  });

  test('is not ready while another transport is down, and does not say why', async () => {
    const path = configure(
      '{ one: { models: [gateway/m-1] }, two: { models: [gateway/m-1], transport: { slack: {} } } }',
      'runtime: { on_crash: restart }',
    );
    const tokens = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1' };
    const { child, finished, origin } = await serve(path, { ...ENV, ...tokens, NODE_OPTIONS: slackThatRefuses() });
    const readiness = async () => {
      const response = await fetch(`${origin}/readyz`);
      return [response.status, await response.json()];
    };

    await expect.poll(readiness).toEqual([
      503,
      {
        status: 'unready',
        agents: ['one', 'two'],
        transports: [
          { name: 'http', state: 'running' },
          { name: 'slack', agent: 'two', state: 'restarting', since: expect.any(String) },
        ],
        tracing: 'off',
      },
    ]);
    expect((await fetch(`${origin}/healthz`)).status).toBe(200);
    expect(await (await ask(origin, 'one')).json()).toMatchObject({ text: 'Take an umbrella.' });
    child.kill('SIGTERM');
    expect((await finished).code).toBe(0);
  });

  test('finishes what is under way when it is asked to stop', async () => {
    const { child, finished, origin } = await serve(configure('{ one: { models: [gateway/slow] } }'));
    const answer = ask(origin, 'one');
    await provider.waitForRequest();
    child.kill('SIGTERM');

    expect(await (await answer).json()).toMatchObject({ text: 'At last.' });
    expect((await finished).code).toBe(0);
  });

  test('stops at once when it is asked again', async () => {
    const { child, finished, origin } = await serve(configure('{ one: { models: [gateway/hang] } }'));
    const answer = ask(origin, 'one').then(
      ({ status }) => status,
      () => 'cut off',
    );
    await provider.waitForRequest();
    child.kill('SIGINT');
    // The first one has been heard when it takes no more questions.
    while ((await fetch(`${origin}/readyz`)).status === 200);
    child.kill('SIGINT');

    expect((await provider.waitForAbort()).abortedByClient).toBe(true);
    expect([503, 'cut off']).toContain(await answer);
    expect((await finished).code).toBe(0);
  });

  test('aborts what takes too long when it is asked to stop, and still delivers its trace', async () => {
    const sentry = await startFakeSentry();
    onTestFinished(() => sentry.close());
    // Two fifths of it are for what is sent then, on a busy machine as well.
    const path = configure('{ one: { models: [gateway/hang] } }', 'runtime: { shutdown_timeout_ms: 3000 }');
    const { child, finished, origin } = await serve(path, { ...ENV, SENTRY_DSN: sentry.dsn });
    const answer = ask(origin, 'one').catch(() => undefined);
    await provider.waitForRequest();
    child.kill('SIGTERM');

    expect(await finished).toMatchObject({ code: 0, stderr: 'faultline: stopped with 1 unfinished answer\n' });
    await answer;
    const run = sentry.spans.find(({ name }) => name === 'agent.invoke one');
    expect(run?.attributes['faultline.outcome']).toBe('aborted');
  });

  test('does not outlive its time to stop for a tool that ignores its signal', async () => {
    const dawdle = `{ name: 'dawdle', jsonSchema: {}, execute: () => new Promise(() => { setInterval(() => {}, 60_000); }) }`;
    writeFileSync(join(directory, 'tools.mjs'), `export const dawdle = ${dawdle};`);
    const path = configure(
      '{ one: { models: [gateway/asks], tools: [./tools.mjs] } }',
      'runtime: { shutdown_timeout_ms: 500 }',
    );
    const { child, finished, origin } = await serve(path);
    const answer = ask(origin, 'one');
    await provider.waitForRequest();
    child.kill('SIGTERM');

    expect((await answer).status).toBe(503);
    expect(await finished).toMatchObject({ code: 0, stderr: 'faultline: stopped with 1 unfinished answer\n' });
  });

  test('makes an Issue of what a tool module throws outside of its tools, which ends it', async () => {
    const sentry = await startFakeSentry();
    onTestFinished(() => sentry.close());
    const stray = `() => { setImmediate(() => { throw new RangeError('stray'); }); return new Promise(() => {}); }`;
    writeFileSync(
      join(directory, 'tools.mjs'),
      `export const dawdle = { name: 'dawdle', jsonSchema: {}, execute: ${stray} };`,
    );
    const path = configure('{ one: { models: [gateway/asks], tools: [./tools.mjs] } }');
    const { finished, origin } = await serve(path, { ...ENV, SENTRY_DSN: sentry.dsn });

    await expect(ask(origin, 'one')).rejects.toThrow('fetch failed');

    expect((await finished).code).toBe(1);
    expect(sentry.envelopes.flatMap(({ items }) => items.map(({ payload }) => payload))).toMatchObject([
      { level: 'fatal', exception: { values: [{ type: 'RangeError', mechanism: { handled: false } }] } },
    ]);
  });

  test('writes a log of JSON when it is asked to, and nothing else to standard error', async () => {
    const path = configure('{ one: { models: [gateway/m-1] } }');
    const { child, finished, origin } = await serve(path, ENV, ['--log', 'json']);
    await (await ask(origin, 'one')).json();
    child.kill('SIGTERM');

    const lines = (await finished).stderr.trimEnd().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries.map(({ message }) => message)).toEqual([
      'run started',
      'turn started',
      'turn ended',
      'run ended',
      'runtime draining',
      'runtime stopped',
    ]);
    expect(entries[0]).toMatchObject({ level: 'info', agent: 'one', depth: 0, transport: 'http' });
    expect(lines.join()).not.toMatch(/Lisbon|umbrella/);
  });

  test('says what it could not finish in the log, when there is one', async () => {
    const path = configure('{ one: { models: [gateway/hang] } }', 'runtime: { shutdown_timeout_ms: 500 }');
    const { child, finished, origin } = await serve(path, ENV, ['--log', 'json']);
    const answer = ask(origin, 'one').catch(() => undefined);
    await provider.waitForRequest();
    child.kill('SIGTERM');

    const lines = (await finished).stderr.trimEnd().split('\n');
    await answer;
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries).toContainEqual(expect.objectContaining({ message: 'run aborted', level: 'info' }));
    expect(entries.at(-1)).toMatchObject({ message: 'runtime stopped', aborted: 1 });
  });

  test('does not start when the port is taken, and says so', async () => {
    const path = configure('{ one: { models: [gateway/m-1] } }');
    const { port } = new URL(provider.origin);
    const { code, stdout, stderr } = await cli(['serve', '--config', path, '--port', port], ENV);

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^faultline: Port ${port} on 127\\.0\\.0\\.1 is already in use`));
  });
});

test.runIf(Number(process.versions.node.split('.')[0]) < 22)(
  'faultline serve --check says what to do about a TypeScript module that this Node cannot run',
  async () => {
    writeFileSync(join(directory, 'weather.ts'), 'export const weather: number = 1;');
    const path = configure('{ one: { models: [gateway/m-1], tools: [./weather.ts] } }');
    const { code, stderr } = await cli(['serve', '--config', path, '--check'], ENV);

    expect(code).toBe(1);
    expect(stderr).toBe(
      `${path}:2:49: ./weather.ts cannot be imported: Node ${process.versions.node} runs no TypeScript: name the compiled file, or use Node 22.18 or newer\n`,
    );
  },
);
