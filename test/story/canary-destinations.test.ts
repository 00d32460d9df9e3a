/** The canaries on every way to a destination: formats, headers, files that wait, and processes that end too early. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { setupTracing, traceTool } from '../../src/index.ts';
import { FAKE_PUBLIC_KEY } from '../../src/testing/fake-sentry.ts';
import { cli } from '../cli/cli.ts';
import { runNode, type Ended } from '../support/run-node.ts';
import {
  ANYTHING,
  CONTENT,
  DATABASE_URL,
  found,
  KEY,
  missing,
  NEVER,
  RECORDED,
  SECRETS,
  SHORT_KEY,
  SPOKEN_PERSONAL,
  SPOKEN_SECRETS,
  UNSAID,
  type Leaving,
} from './canary-parts.ts';
import { filesIn, printedBy, setTheStage } from './canary-stage.ts';
import { everything } from './canary-stories.ts';

const stage = setTheStage();

type Environment = Readonly<Record<string, string>>;

describe.each([
  ['http/json', 'gzip', 'application/json'],
  ['http/protobuf', 'none', 'application/x-protobuf'],
])('to Sentry and a collector, as %s with compression %s', (protocol, compression, contentType) => {
  const env = { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: compression };
  const spansOf = (left: readonly Leaving[]) => ({
    Sentry: left.filter(({ way }) => way === 'spans to Sentry'),
    collector: left.filter(({ way }) => way === `${contentType} to the collector`),
  });

  it('no content and no secret leaves while content is off', async () => {
    const left = await stage.play(everything, {}, env);
    const { Sentry, collector } = spansOf(left);
    expect(found(left, ANYTHING)).toEqual([]);
    for (const spans of [Sentry, collector]) expect(missing(spans, { span: 'chat gpt-5-mini' })).toEqual([]);
    const isPacked = collector.every(({ bytes }) => bytes[0] === 0x1f);
    expect(isPacked).toBe(compression === 'gzip');
  });

  it('content arrives at both while it is on, and no secret does', async () => {
    const left = await stage.play(everything, { captureContent: true }, env);
    const { Sentry, collector } = spansOf(left);
    expect(found(left, NEVER)).toEqual([]);
    for (const spans of [Sentry, collector]) expect(missing(spans, RECORDED)).toEqual([]);
  });
});

/** The half of a DSN's key that Sentry has not asked for in years, and people still have. */
const DSN_SECRET = SECRETS['API key under its name'];

function dsnWithSecret(): string {
  return stage.sentry.dsn.replace('@', `:${DSN_SECRET}@`);
}

describe('what destinations are authorized by', () => {
  const env = (): Environment => ({
    SENTRY_DSN: dsnWithSecret(),
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: [
      `authorization=Bearer%20${SECRETS['bearer token']}`,
      `x-note=${UNSAID['header of the destination']}`,
    ].join(),
  });
  const IN_ITS_OWN_HEADERS = [
    'bearer token: headers to the collector',
    'header of the destination: headers to the collector',
    'public key: headers to Sentry',
  ];

  it.each([
    ['that take everything', undefined],
    ['that refuse it', 401],
    ['that are in trouble', 503],
  ])('goes in the headers of their own requests and nowhere else, to destinations %s', async (_which, status) => {
    if (status !== undefined) stage.refuse(status);
    const left = await stage.play(everything, { exitTimeoutMs: 2_000 }, env());
    expect(found(left, { ...ANYTHING, 'public key': FAKE_PUBLIC_KEY })).toEqual(IN_ITS_OWN_HEADERS);
  });
});

describe('a secret in the wrong variable', () => {
  /** Variables that want a number or one of some words. */
  const NAMES = [
    'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    'OTEL_EXPORTER_OTLP_TRACES_COMPRESSION',
    'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT',
    'FAULTLINE_DESTINATIONS',
    'FAULTLINE_ERROR_MESSAGES',
    'FAULTLINE_EXIT_TIMEOUT',
    'OTEL_TRACES_EXPORTER',
    'OTEL_TRACES_SAMPLER',
    'OTEL_TRACES_SAMPLER_ARG',
    'OTEL_PROPAGATORS',
    'OTEL_SDK_DISABLED',
    'OTEL_BSP_SCHEDULE_DELAY',
    'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
    'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT',
    'SENTRY_TRACES_SAMPLE_RATE',
    'SENTRY_SEND_DEFAULT_PII',
  ];
  const WRONG: Readonly<Record<string, string>> = {
    SENTRY_DSN: `${FAKE_PUBLIC_KEY}:${DSN_SECRET}@sentry.example/1`,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `sentry:${SECRETS.password}@collector.example`,
    OTEL_EXPORTER_OTLP_ENDPOINT: `https://user:${SECRETS.password}@127.0.0.1:9`,
    OTEL_EXPORTER_OTLP_HEADERS: `Bearer ${SECRETS['bearer token']}`,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: `x-sentry-auth=sentry_secret=${SECRETS.password}`,
    OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: `-----BEGIN CERTIFICATE-----${SECRETS['private key']}`,
    OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: SPOKEN_SECRETS,
    OTEL_RESOURCE_ATTRIBUTES: `${KEY},note=%zz${KEY}`,
    ...Object.fromEntries(NAMES.map((name) => [name, KEY])),
  };

  /** What makes a variable be read, where another one would win over it. */
  const AROUND: Readonly<Record<string, Environment>> = {
    OTEL_EXPORTER_OTLP_ENDPOINT: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '' },
    OTEL_TRACES_EXPORTER: { FAULTLINE_DESTINATIONS: '' },
    OTEL_TRACES_SAMPLER_ARG: { OTEL_TRACES_SAMPLER: 'traceidratio' },
  };

  it.each([
    ...Object.entries(WRONG).map(([name, value]) => [name, 'a long one', value] as const),
    // Short texts are the ones that are quoted.
    ...NAMES.map((name) => [name, 'a short one', SHORT_KEY] as const),
  ])('is not said when %s is told to be wrong, %s', async (name, _length, value) => {
    const said: Leaving[] = [];
    const env = {
      SENTRY_DSN: stage.sentry.dsn,
      FAULTLINE_DESTINATIONS: 'sentry,otlp',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: stage.collector.url,
      ...AROUND[name],
      [name]: value,
    };
    const tracing = setupTracing({ env, onDiagnostic: (bytes) => said.push({ way: 'a diagnostic', bytes }) });
    traceTool({ name: 'look' }, () => 7);
    await tracing.shutdown(100);
    expect(missing(said, { name })).toEqual([]);
    // A header goes where it was configured for.
    const left = [...said, ...stage.left()].filter(({ way }) => way !== 'headers to the collector');
    expect(found(left, SECRETS)).toEqual([]);
  });
});

/** What the programs below run: an agent that does a bit of everything, and fails at it. */
const PROGRAM = `
  import { setupTracing, setTag, traceAgent, traceChat, traceMemory, traceTool } from 'DIST/index.js';
  const QUESTION = ${JSON.stringify(`${CONTENT.prompt} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}`)};
  setupTracing();
  const fails = () => { throw new RangeError(${JSON.stringify(`${CONTENT.message} `)} + QUESTION); };
  if (!process.argv.includes('--only-recover')) await traceAgent({ name: 'helper', input: () => QUESTION }, async () => {
    setTag('note', ${JSON.stringify(KEY)});
    const system = () => ${JSON.stringify(`${CONTENT.instructions} ${SPOKEN_SECRETS}`)};
    traceChat({ model: 'gpt-5-mini', provider: 'openai', systemInstructions: system, messages: () => QUESTION }, (chat) =>
      chat.record({ output: () => ${JSON.stringify(`${CONTENT.completion} ${SPOKEN_SECRETS}`)} }));
    traceTool({ name: 'look', arguments: () => ({ city: ${JSON.stringify(CONTENT.argument)} }) }, () =>
      (${JSON.stringify({ found: CONTENT.result, password: SECRETS.password })}));
    traceMemory({ store: 'notes', query: () => QUESTION }, () => [{ text: ${JSON.stringify(CONTENT.record)} }]);
    try { traceTool({ name: 'fails', arguments: () => QUESTION }, fails); } catch {}
    await traceTool({ name: 'unfinished', arguments: () => ({ city: ${JSON.stringify(CONTENT.argument)} }) }, async () => {
      if (process.argv.includes('--die')) {
        process.kill(process.pid, 'SIGKILL');
        await new Promise(() => setInterval(() => {}, 1_000));
      }
    });
  });
`;

/** What of it leaves while content is recorded. */
const RECORDED_IN_PROGRAM = (({ prompt, instructions, completion, argument, result, record }) => ({
  prompt,
  instructions,
  completion,
  argument,
  result,
  record,
}))(CONTENT);

/** Where a program is, and another directory in which it is started, which has an env file. */
interface Place {
  readonly program: string;
  readonly cwd: string;
}

function place(): Place {
  const directory = mkdtempSync(join(tmpdir(), 'faultline-story-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const program = join(directory, 'program.mjs');
  writeFileSync(program, PROGRAM.replaceAll('DIST/', new URL('../../dist/', import.meta.url).href));
  const cwd = join(directory, UNSAID['working directory']);
  mkdirSync(cwd);
  writeFileSync(
    join(cwd, '.env'),
    [
      `NOTE_OF_FILE=${UNSAID['variable of the env file']}`,
      `OPENAI_API_KEY=${KEY}`,
      `PASSWORD=${SECRETS.password}`,
    ].join('\n'),
  );
  return { program, cwd };
}

/** The environment of a program, with much in it that is nobody's business. */
function environment(more: Environment = {}): Environment {
  return {
    SENTRY_DSN: dsnWithSecret(),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: stage.collector.url,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: `x-note=${UNSAID['header of the destination']}`,
    FAULTLINE_DESTINATIONS: 'sentry,otlp',
    FAULTLINE_RECORDER_DIR: stage.directory,
    FAULTLINE_EXIT_TIMEOUT: '5000',
    SENTRY_DEBUG: 'true',
    OPENAI_API_KEY: KEY,
    DATABASE_URL,
    SESSION_COOKIE: SECRETS.cookie,
    NOTE: UNSAID['variable of the environment'],
    ...more,
  };
}

function start({ program, cwd }: Place, env: Environment, ...args: readonly string[]): Promise<Ended> {
  const note = UNSAID['argument of the command line'];
  const secret = `--api-key=${SECRETS['API key under its name']}`;
  return runNode([program, `--note=${note}`, secret, ...args], { cwd, env });
}

const KEPT_IN_HEADERS = ['header of the destination: headers to the collector'];

describe('a process', () => {
  it.each([
    ['off', {}],
    ['on', { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' }],
  ])('says nothing of its environment, its arguments and its directory, with content %s', async (content, more) => {
    const ended = await start(place(), environment(more));
    const left = [...stage.left(), ...printedBy('the program', ended)];
    expect(ended.code).toBe(0);
    expect(stage.sentry.spans).toHaveLength(6);
    expect(stage.sentry.envelopes).toHaveLength(1);
    const never = content === 'off' ? ANYTHING : NEVER;
    expect(found(left, never)).toEqual(KEPT_IN_HEADERS);
    expect(missing(left, content === 'off' ? {} : RECORDED_IN_PROGRAM)).toEqual([]);
  });

  it.each([
    ['that ends while nothing can be delivered', 'off', []],
    ['that ends while nothing can be delivered', 'on', []],
    ['that is killed in the middle of a run', 'off', ['--die']],
    ['that is killed in the middle of a run', 'on', ['--die']],
  ])('%s, with content %s, leaves files and lines that hold no more than what is sent', async (_how, content, args) => {
    const never = content === 'off' ? ANYTHING : NEVER;
    const where = place();
    const more = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: content === 'on' ? 'true' : 'false' };
    const env = environment({ ...more, FAULTLINE_EXIT_TIMEOUT: '200', OTEL_BSP_SCHEDULE_DELAY: '60000' });
    stage.refuse(503);

    const ended = await start(where, env, ...args);
    const files = filesIn(stage.directory);
    expect(missing(files, { span: 'execute_tool unfinished', Issue: 'RangeError' })).toEqual([]);
    expect(missing(files, content === 'on' ? RECORDED_IN_PROGRAM : {})).toEqual([]);
    const status = await cli(['recorder', 'status', ...(content === 'on' ? ['--json'] : [])], env);
    const stuck = await cli(['recorder', 'drain', '--timeout-ms', '200'], env);
    expect([status.code, stuck.code]).toEqual([0, 1]);
    const refused = [
      ...stage.left(),
      ...files,
      ...printedBy('the program', ended),
      ...[status, stuck].flatMap((command) => printedBy('the command', command)),
    ];
    expect(found(refused, never).filter((leak) => !KEPT_IN_HEADERS.includes(leak))).toEqual([]);

    await stage.recover();
    const before = stage.left().length;
    const next = args.length === 0 ? await cli(['recorder', 'drain'], env) : await start(where, env, '--only-recover');
    const left = [...stage.left(), ...printedBy('the next process', next)];
    expect([next.code, readdirSync(stage.directory)]).toEqual([0, []]);
    expect(found(left, never).filter((leak) => !KEPT_IN_HEADERS.includes(leak))).toEqual([]);
    const arrived = {
      span: 'execute_tool unfinished',
      Issue: 'RangeError',
      ...(content === 'on' ? RECORDED_IN_PROGRAM : {}),
    };
    expect(missing(stage.left().slice(before), arrived)).toEqual([]);
  });
});
