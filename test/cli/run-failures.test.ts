/** The five failure points, met by the real binary: what the person sees, how it ends, and what Sentry has of it. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import type { SentryEvent } from '../../src/index.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { startStubProvider, type StubProvider, type StubTurn } from '../../src/testing/stub-provider.ts';
import { cli, MAIN, untilFinished, type Finished } from './cli.ts';

const TERMINAL = fileURLToPath(new URL('run-terminal.py', import.meta.url));

/** What no person and no Issue may be told. */
const SECRET = 'sk-proj-1234567890abcdef';

const asksForWeather: StubTurn = { type: 'toolCalls', calls: [{ name: 'get_weather', arguments: {} }] };
const refusal: StubTurn = { type: 'status', status: 400, body: { error: { message: `${SECRET} was refused` } } };

let sentry: FakeSentry;
let provider: StubProvider;
let directory: string;
let file: string;

beforeEach(async () => {
  sentry = await startFakeSentry();
  provider = await startStubProvider({
    'm-1': () => ({ type: 'text', text: 'Hello.' }),
    'asks-once': (_request, turn) => (turn === 0 ? asksForWeather : { type: 'text', text: 'No idea.' }),
    'asks-always': () => asksForWeather,
    refuses: () => refusal,
    hangs: () => ({ type: 'hang', text: 'Well' }),
  });
  directory = mkdtempSync(join(tmpdir(), 'faultline-failures-'));
  file = join(directory, 'faultline.yaml');
  writeFileSync(file, AGENTS.replace('BASE_URL', provider.baseUrl));
  writeFileSync(join(directory, 'tools.mjs'), TOOLS);
  writeFileSync(join(directory, 'notes.db'), 'no database '.repeat(1_000));
});

afterEach(async () => {
  await provider.close();
  await sentry.close();
  rmSync(directory, { recursive: true });
});

const AGENTS = `
providers: { gateway: { base_url: 'BASE_URL', api_key_env: GATEWAY_KEY } }
defaults: { max_retries: 0 }
agents:
  tool: { models: [gateway/asks-once], tools: [./tools.mjs] }
  memory: { models: [gateway/m-1], memory: { sqlite: ./notes.db } }
  exhausted: { models: [gateway/refuses] }
  unhandled: { models: [gateway/asks-always], tools: [./tools.mjs], max_turns: 1 }
  hangs: { models: [gateway/hangs] }
`;

const TOOLS = `
  export const getWeather = {
    name: 'get_weather',
    jsonSchema: { type: 'object' },
    execute: () => { throw new Error('${SECRET} was refused'); },
  };
`;

/** Each failure of a run, by the agent that runs into it. */
interface Failure {
  readonly agent: string;
  readonly point: string;
  readonly span: string;
  /** A warning when the run went on. */
  readonly level: 'warning' | 'error';
  /** What is known about the error while content is off. */
  readonly value: string;
  /** What the person gets all the same. */
  readonly answer?: string;
  /** Why there is no answer, to somebody who has asked once. */
  readonly reason?: string;
  /** What is said on standard error before anything is asked. */
  readonly notice?: string;
}

const NOT_A_MEMORY =
  'memory sqlite: its file was expected to be a memory and is something else, which was left alone; choose another path';

const FAILURES: readonly Failure[] = [
  {
    agent: 'tool',
    point: 'tool.execution',
    span: 'execute_tool get_weather',
    level: 'warning',
    value: '[message withheld]',
    answer: 'No idea.',
  },
  {
    agent: 'memory',
    point: 'memory.search',
    span: 'search_memory sqlite',
    level: 'warning',
    value: NOT_A_MEMORY,
    answer: 'Hello.',
    notice: `MemoryFileError: ${NOT_A_MEMORY}; until then runs go on without it`,
  },
  {
    agent: 'exhausted',
    point: 'model.fallback_exhausted',
    span: 'agent.invoke exhausted',
    level: 'error',
    value: 'no model answered: refuses (400)',
    reason: 'no model answered: refuses (400)',
  },
  {
    agent: 'unhandled',
    point: 'conversation.unhandled',
    span: 'agent.invoke unhandled',
    level: 'error',
    value: 'no final answer within 1 turns',
    reason: 'MaxTurnsError: no final answer within 1 turns',
  },
];

/** Asks and leaves, in each way `faultline run` can be used. */
const WAYS = {
  'in a prompt': (agent: string) => cli([...command(agent), 'Rain?'], environment()),
  'at a terminal': async (agent: string) => {
    const { child, finished } = start('python3', [TERMINAL, process.execPath, MAIN, ...command(agent)], 'pipe');
    child.stdin!.write('Rain?\n');
    await once(child.stdout!, 'data');
    child.stdin!.write(END_OF_INPUT);
    return finished;
  },
} as const;

/** Nothing in Node makes a terminal. The tests ask for Node alone, so without Python there is none; CI has it. */
const hasTerminal = spawnSync('python3', ['-c', 'import pty']).status === 0;

/** Ctrl-D at the start of a line. */
const END_OF_INPUT = '\u0004';

function command(agent: string): readonly string[] {
  return ['run', '--config', file, '--agent', agent];
}

function environment(): Record<string, string> {
  return { GATEWAY_KEY: 'k-1', SENTRY_DSN: sentry.dsn };
}

function start(program: string, args: readonly string[], stdin: 'pipe' | Socket, env: Record<string, string> = {}) {
  const { PATH = '' } = process.env;
  const child: ChildProcess = spawn(program, args, {
    cwd: directory,
    env: { PATH, ...environment(), ...env },
    stdio: [stdin, 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, finished: untilFinished(child) };
}

/** What the person sees, and how the process ends. Who stays at the terminal is told by trace, and may go on. */
function seen(failure: Failure, way: string, traceId: string): Finished {
  const { answer, reason, notice } = failure;
  const noticed = notice === undefined ? '' : `faultline: ${file}:6:44: ${notice}\n`;
  if (answer !== undefined) return { code: 0, stdout: `${answer}\n`, stderr: noticed };
  if (way !== 'at a terminal') return { code: 1, stdout: '', stderr: `faultline: ${reason} (trace ${traceId})\n` };
  const apology = 'Something went wrong and I could not answer. If you report it, please mention';
  return { code: 0, stdout: `${apology} ${traceId}.\n`, stderr: '' };
}

function issues(): readonly SentryEvent[] {
  return sentry.envelopes.flatMap(({ items }) => items.map(({ payload }) => payload as SentryEvent));
}

describe.each(Object.entries(WAYS))('asked %s', (way, ask) => {
  test.skipIf(way === 'at a terminal' && !hasTerminal).each(FAILURES)(
    '$point is one span, one Issue and the right answer',
    async (failure) => {
      const finished = await ask(failure.agent);

      const [issue, ...others] = issues();
      const failed = sentry.spans.filter(({ attributes }) => attributes['faultline.failure.point'] !== undefined);
      expect(failed).toMatchObject([
        { name: failure.span, status: { code: 2 }, attributes: { 'faultline.failure.point': failure.point } },
      ]);
      const { traceId, spanId } = failed[0]!;
      expect(finished).toEqual(seen(failure, way, traceId));
      expect(others).toEqual([]);
      expect(issue).toMatchObject({
        level: failure.level,
        tags: { 'failure.point': failure.point, agent: failure.agent, transport: 'cli' },
        contexts: { trace: { trace_id: traceId, span_id: spanId } },
      });
      expect(issue!.exception!.values.at(-1)).toMatchObject({ value: failure.value });
      expect(JSON.stringify([finished, sentry.requests.map(({ body }) => Buffer.from(body).toString())])).not.toContain(
        SECRET,
      );
    },
  );
});

/** Both ends of a connection. */
async function connection(): Promise<{ readonly here: Socket; readonly there: Socket }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const there = connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  const [here] = (await once(server, 'connection')) as [Socket];
  server.close();
  onTestFinished(() => {
    for (const socket of [here, there]) socket.destroy();
  });
  return { here, there };
}

describe('a conversation whose input breaks', () => {
  test('is a crash of the transport, which links to the run it was carrying', async () => {
    const { here, there } = await connection();
    // A connection that somebody types into: Node itself takes the end of a real terminal for the end of the input.
    const NODE_OPTIONS = '--import=data:text/javascript,process.stdin.isTTY=true';
    const { child, finished } = start(process.execPath, [MAIN, ...command('hangs')], there, { NODE_OPTIONS });
    here.write('Rain?\n');
    await once(child.stdout!, 'data');
    here.resetAndDestroy();

    expect(await finished).toEqual({
      code: 1,
      stdout: 'Well\n',
      stderr: 'faultline: the conversation ended because its input cannot be read (ECONNRESET)\n',
    });
    const [crash, run] = ['transport.crash cli', 'agent.invoke hangs'].map((name) =>
      sentry.spans.find((span) => span.name === name)!,
    );
    expect(crash).toMatchObject({
      status: { code: 2 },
      attributes: { 'faultline.failure.point': 'transport.crash' },
      links: [{ traceId: run!.traceId, spanId: run!.spanId }],
    });
    expect(run!.attributes['faultline.outcome']).toBe('aborted');
    expect(issues()).toMatchObject([
      {
        level: 'error',
        tags: { 'failure.point': 'transport.crash', transport: 'cli' },
        contexts: { trace: { trace_id: crash!.traceId, span_id: crash!.spanId } },
      },
    ]);
  });
});
