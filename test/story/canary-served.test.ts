/** The canaries in the product as it is started: `faultline serve`, `faultline run`, and a program that talks itself. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { startStubProvider, type StubProvider } from '../../src/testing/stub-provider.ts';
import { runNode } from '../support/run-node.ts';
import { cli, startCli, type Finished } from '../cli/cli.ts';
import { askInEveryWay, FAILED_ANSWER, PROVIDER } from './canary-http.ts';
import {
  ANYTHING,
  CONTENT,
  DATABASE_URL,
  found,
  KEY,
  missing,
  NEVER,
  QUESTION,
  RECORDED,
  SECRETS,
  SPOKEN_SECRETS,
  SYSTEM_PROMPT,
  TOKEN,
  UNSAID,
} from './canary-parts.ts';
import { filesIn, printedBy, setTheStage } from './canary-stage.ts';

const stage = setTheStage();

let provider: StubProvider;
let home: string;
beforeEach(async () => {
  provider = await startStubProvider(PROVIDER);
  home = mkdtempSync(join(tmpdir(), 'faultline-story-'));
});
afterEach(async () => {
  await provider.close();
  rmSync(home, { recursive: true, force: true });
});

const DIST = new URL('../../dist/', import.meta.url).href;

/**
 * Tools that answer and fail with what they are told, and a database that fails with what is looked for in it as soon
 * as that begins with a certain word.
 */
const TOOLS = `
  import { createRequire } from 'node:module';
  import { defineTool } from '${DIST}runtime/index.js';

  const input = { '~standard': { version: 1, vendor: 'shop', validate: (value) => ({ value }) } };
  const jsonSchema = { type: 'object' };
  class ServiceError extends Error { name = 'ServiceError'; }
  export const look = defineTool({ name: 'look', input, jsonSchema, execute: (given) => {
    throw new ServiceError('no forecast for ' + JSON.stringify(given) + ${JSON.stringify(` ${CONTENT.message} ${SPOKEN_SECRETS}`)});
  } });
  export const find = defineTool({ name: 'find', input, jsonSchema, execute: (given) => (
    { ...given, found: ${JSON.stringify(`${CONTENT.result} ${SPOKEN_SECRETS}`)}, password: ${JSON.stringify(SECRETS.password)} }
  ) });

  const { DatabaseSync } = process.getBuiltinModule('node:sqlite') ?? {};
  const Database = DatabaseSync ?? createRequire('${DIST}')('libsql');
  const statements = Object.getPrototypeOf(new Database(':memory:').prepare('select 1'));
  const { all } = statements;
  statements.all = function (...values) {
    if (values.some((value) => String(value).includes('break'))) throw new Error('no such column: ' + values.join());
    return all.apply(this, values);
  };
`;

/** Writes the file of an agent with everything, and what belongs to it. */
function configure(captureContent: boolean): string {
  const path = join(home, 'faultline.yaml');
  writeFileSync(
    path,
    `
runtime:
  env_file: service.env
  http: { token_env: SERVICE_TOKEN, event_source: true }
  telemetry: { capture_content: ${captureContent} }
providers:
  gateway: { base_url: '${provider.baseUrl}', api_key_env: GATEWAY_KEY }
defaults: { models: [gateway/m-1, gateway/m-2], max_retries: 0 }
agents:
  helper:
    description: Helps.
    instructions_file: ./helper.md
    tools: [./tools.mjs]
    memory: { sqlite: ./notes.db, tools: true }
`,
  );
  writeFileSync(join(home, 'helper.md'), SYSTEM_PROMPT);
  writeFileSync(join(home, 'tools.mjs'), TOOLS);
  const lines = [
    `SERVICE_TOKEN=${SECRETS['bearer token']}`,
    `GATEWAY_KEY=${KEY}`,
    `NOTE_OF_FILE=${UNSAID['variable of the env file']}`,
    `PASSWORD=${SECRETS.password}`,
  ];
  writeFileSync(join(home, 'service.env'), lines.join('\n'));
  return path;
}

function environment(more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return {
    SENTRY_DSN: stage.sentry.dsn.replace('@', `:${SECRETS['API key under its name']}@`),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: stage.collector.url,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: `x-note=${UNSAID['header of the destination']}`,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
    FAULTLINE_DESTINATIONS: 'sentry,otlp',
    FAULTLINE_RECORDER_DIR: stage.directory,
    // So that everything is in the files first.
    OTEL_BSP_SCHEDULE_DELAY: '60000',
    GITHUB_TOKEN: TOKEN,
    DATABASE_URL,
    SESSION_COOKIE: SECRETS.cookie,
    NOTE: UNSAID['variable of the environment'],
    ...more,
  };
}

const IN_ITS_OWN_HEADERS = ['header of the destination: headers to the collector'];
const POINTS = { tool: 'tool.execution', memory: 'memory.search', chain: 'model.fallback_exhausted' };
const BY_VARIABLE = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true', SENTRY_DEBUG: 'true' };

describe('faultline serve', () => {
  it.each([
    ['off', 'with a log of JSON', { file: false, env: { SENTRY_DEBUG: 'true' }, flags: ['--log', 'json'] }],
    ['on by the file', 'with a log of JSON', { file: true, env: {}, flags: ['--log', 'json'] }],
    ['on by a variable', 'without a log', { file: false, env: BY_VARIABLE, flags: [] }],
  ])('with content %s, %s', async (content, _log, { file, env, flags }) => {
    const path = configure(file);
    const serving = startCli(['serve', '--config', path, '--port', '0', ...flags], environment(env));
    onTestFinished(() => void serving.child.kill('SIGKILL'));
    const started = await new Promise<string>((resolve, reject) => {
      serving.child.stdout.on('data', (text) => /http:\S+/.test(String(text)) && resolve(String(text)));
      void serving.finished.then(({ stderr }) => reject(new Error(`it did not start: ${stderr}`)));
    });
    const told = await askInEveryWay(/http:\S+/.exec(started)![0], 'helper');
    const files = filesIn(stage.directory);
    serving.child.kill('SIGTERM');
    const ended = await serving.finished;

    const printed = printedBy('the server', ended);
    const left = [...stage.left(), ...files, ...told, ...printed];
    expect(ended.code).toBe(0);
    expect(missing(stage.left(), POINTS)).toEqual([]);
    expect(missing(files, POINTS)).toEqual([]);
    expect(told.filter(({ way }) => way === FAILED_ANSWER)).toHaveLength(7);
    // Who failed and who reads the log get to know nothing, whatever is recorded.
    expect(found([...told, ...printed], ANYTHING)).toEqual([]);
    expect(found(left, content === 'off' ? ANYTHING : NEVER)).toEqual(IN_ITS_OWN_HEADERS);
    const { query: _query, cause: _cause, ...recorded } = RECORDED;
    expect(missing(stage.left(), content === 'off' ? {} : recorded)).toEqual([]);
    expect(missing(files, content === 'off' ? {} : recorded)).toEqual([]);
    expect(missing(printed, flags.length === 0 ? {} : { run: 'run failed', tool: 'tool failed' })).toEqual([]);
  });

  it('says nothing of what is in its files when it is to check them, and asks no model', async () => {
    const path = configure(false);
    const good = await cli(['serve', '--config', path, '--check'], environment());
    writeFileSync(
      path,
      `agents: { helper: { models: [gateway/m-1], note: "${KEY}", instructions: "${DATABASE_URL}" } }`,
    );
    const bad = await cli(['serve', '--config', path, '--check'], environment());

    expect([good.code, bad.code]).toEqual([0, 1]);
    expect(provider.requests).toEqual([]);
    expect(bad.stderr.match(/does not belong in this file/g)).toHaveLength(2);
    expect(found([...printedBy('a good check', good), ...printedBy('a bad one', bad)], ANYTHING)).toEqual([]);
  });
});

/** Programs a person at a terminal talks to. What they answer is for that person, and what they say beside it is not. */
const TALKERS: Readonly<
  Record<string, (path: string, env: Readonly<Record<string, string>>, said: string) => Promise<Finished>>
> = {
  'faultline run with a log': (path, env, said) => cli(['run', '--config', path, '--log', 'json'], env, said),
  'faultline run without a file': (_path, env, said) => {
    const variables = { ...env, OPENAI_BASE_URL: provider.baseUrl, OPENAI_API_KEY: KEY };
    const flags = ['--model', 'openai-compatible/m-1', '--instructions', SYSTEM_PROMPT];
    return cli(['run', ...flags, said], variables);
  },
  'a program with the transport for the command line': talkToProgram,
};

const PROGRAM = `
  import { setupTracing } from '${DIST}index.js';
  import { cliTransport, createAgentsFromConfig, createRuntime, loadConfig } from '${DIST}runtime/index.js';
  const config = await loadConfig(process.argv[2]);
  const tracing = setupTracing({ defaults: config.tracing });
  const { agents, close } = await createAgentsFromConfig(config);
  await createRuntime({ agents, transports: [{ transport: cliTransport(), agent: 'helper' }] }).start();
  await close();
  await tracing.shutdown();
`;

function talkToProgram(path: string, env: Readonly<Record<string, string>>, said: string): Promise<Finished> {
  const program = join(home, 'program.mjs');
  writeFileSync(program, PROGRAM);
  // A line is a message.
  return runNode([program, path], { cwd: home, env, input: `${said.replaceAll('\n', ' ')}\n` });
}

describe.each(Object.entries(TALKERS))('%s', (name, talk) => {
  it.each([
    ['off', {}],
    ['on', BY_VARIABLE],
  ])('with content %s', async (content, more) => {
    const path = configure(false);
    const [answered, failed] = await Promise.all([
      talk(path, environment(more), `look ${QUESTION}`),
      talk(path, environment(more), `refuse ${QUESTION}`),
    ]);

    expect(answered.stdout).toContain(CONTENT.completion);
    expect(answered.code).toBe(0);
    const beside = [...printedBy('the answer', { stderr: answered.stderr }), ...printedBy('the failure', failed)];
    expect(found(beside, ANYTHING)).toEqual([]);
    expect(`${failed.stdout}${failed.stderr}`).toMatch(/[0-9a-f]{8}/);
    const left = stage.left();
    expect(missing(left, { chain: POINTS.chain })).toEqual([]);
    expect(found(left, content === 'off' ? ANYTHING : NEVER)).toEqual(IN_ITS_OWN_HEADERS);
    const { prompt, instructions, completion } = RECORDED;
    expect(missing(left, content === 'off' ? {} : { prompt, instructions, completion })).toEqual([]);
    expect(missing(left, { tool: name.includes('without a file') ? 'chat m-1' : POINTS.tool })).toEqual([]);
  });
});
