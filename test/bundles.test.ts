import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build, type InputOptions, type OutputOptions } from 'rolldown';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { SentryEvent } from '../src/telemetry/issues/sentry-event.ts';
import { startFakeSentry, type FakeSentry } from '../src/testing/fake-sentry.ts';
import { runNode, type Ended } from './support/run-node.ts';

const PACKAGE = join(import.meta.dirname, '..');

/** An application with an answer and an exit code of its own, which is traced by a line of its code. */
const PROGRAM = `
  import { setupTracing } from 'faultline';
  import { traceChat, traceTool } from 'faultline/spans';
  setupTracing();
  traceTool({ name: 'get_weather' }, () => 21);
  for (let call = 0; call < 2; call += 1) {
    traceChat({ model: 'gpt-4.1', provider: 'openai' }, (chat) => chat.record({ usage: { inputTokens: 1e6 } }));
  }
  setImmediate(() => console.log('the answer is 42'));
  process.exitCode = 3;
`;
/** One of whose tools fails. */
const FAILING = `
  import { setupTracing, traceTool } from 'faultline';
  setupTracing();
  try {
    traceTool({ name: 'get_weather' }, () => {
      throw new RangeError('no such day');
    });
  } catch {}
  setImmediate(() => {});
`;
/** One that is traced by its environment. */
const REGISTERED = `
  import 'faultline/register';
  console.log('the answer is 42');
  process.exitCode = 3;
`;
/** One that goes on until it is. */
const PATIENT = `
  import 'faultline/register';
  import { trace } from '@opentelemetry/api';
  const look = () => {
    const span = trace.getTracer('shop').startSpan('look');
    span.end();
    if (span.spanContext().traceFlags === 1) console.log('the answer is 42');
    else setImmediate(look);
  };
  look();
  process.exitCode = 3;
`;
const UNCHANGED = { code: 3, signal: null, stdout: 'the answer is 42\n' };
const NO_PRICES = 'faultline: model calls have no costs, because the package @pydantic/genai-prices ';

/** What esbuild makes of a CommonJS bundle: a file that does not know its own address. */
const WITHOUT_ADDRESS: InputOptions = { transform: { define: { 'import.meta.url': 'undefined' } } };

/** Agents as a file, and a variable of the file beside it. */
const CONFIGURED = `
import { loadConfig } from 'faultline/runtime';
void loadConfig('faultline.yaml').then(() => process.stdout.write(process.env.FROM_FILE ?? 'nothing'));
`;

/** What esbuild needs to make an ES module, as docs/where-it-runs.md has it. */
const WITH_BANNER: OutputOptions = {
  banner: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
  polyfillRequire: false,
};

let sentry: FakeSentry;
/** Where the application is written. */
let workshop: string;
/** Where it runs: as in a container that has only the bundle. */
let directory: string;

beforeAll(async () => {
  workshop = await mkdtemp(join(tmpdir(), 'faultline-workshop-'));
  await mkdir(join(workshop, 'node_modules/@opentelemetry'), { recursive: true });
  await symlink(PACKAGE, join(workshop, 'node_modules/faultline'));
  await symlink(join(PACKAGE, 'node_modules/@opentelemetry/api'), join(workshop, 'node_modules/@opentelemetry/api'));
});
afterAll(() => rm(workshop, { recursive: true }));
beforeEach(async () => {
  sentry = await startFakeSentry();
  directory = await mkdtemp(join(tmpdir(), 'faultline-bundle-'));
});
afterEach(async () => {
  await sentry.close();
  await rm(directory, { recursive: true });
});

/** Where in the workshop each bundle is that was made so far. */
const made = new Map<string, Promise<string>>();

/** Puts a bundle of everything the application imports where it runs, and answers with the file to start. */
async function bundle(
  source: string,
  format: 'esm' | 'cjs',
  options: InputOptions = {},
  output: OutputOptions = {},
): Promise<string> {
  const key = JSON.stringify([source, format, options, output]);
  if (!made.has(key)) made.set(key, make(source, format, options, output));
  await cp(await made.get(key)!, directory, { recursive: true });
  return join(directory, `app.${EXTENSIONS[format]}`);
}

const EXTENSIONS = { esm: 'mjs', cjs: 'cjs' };

async function make(
  source: string,
  format: 'esm' | 'cjs',
  options: InputOptions,
  output: OutputOptions,
): Promise<string> {
  const extension = EXTENSIONS[format];
  const app = await mkdtemp(join(workshop, 'app-'));
  const dir = join(app, 'bundle');
  await writeFile(join(app, 'app.mjs'), source);
  await build({
    ...options,
    input: join(app, 'app.mjs'),
    cwd: workshop,
    platform: 'node',
    logLevel: 'silent',
    output: {
      ...output,
      dir,
      format,
      entryFileNames: `app.${extension}`,
      chunkFileNames: `[name].${extension}`,
    },
  });
  return dir;
}

function start(file: string, env: Readonly<Record<string, string>> = { SENTRY_DSN: sentry.dsn }): Promise<Ended> {
  return runNode([file], { cwd: directory, env });
}

describe.each([
  { format: 'esm', kind: 'an ES module', options: {} },
  { format: 'cjs', kind: 'CommonJS', options: {} },
  { format: 'cjs', kind: 'CommonJS that does not know its own address', options: WITHOUT_ADDRESS },
] as const)('an application bundled together with Faultline as $kind', ({ format, options }) => {
  it('is traced where nothing is installed, and hears once that model calls have no costs', async () => {
    const ended = await start(await bundle(PROGRAM, format, options));
    expect(ended).toEqual({ ...UNCHANGED, stderr: expect.stringMatching(/^faultline: [^\n]*\n$/) });
    expect(ended.stderr).toContain(NO_PRICES);
    expect(ended.stderr).toContain('Next.js: outputFileTracingIncludes, Nuxt: nitro.externals.traceInclude');
    expect(sentry.stored.map(({ name }) => name)).toEqual(['execute_tool get_weather', 'chat gpt-4.1', 'chat gpt-4.1']);
  });

  it('has the costs of model calls with the price list beside it', async () => {
    const file = await bundle(PROGRAM, format, options);
    await mkdir(join(directory, 'node_modules/@pydantic'), { recursive: true });
    await symlink(
      join(PACKAGE, 'node_modules/@pydantic/genai-prices'),
      join(directory, 'node_modules/@pydantic/genai-prices'),
    );
    expect(await start(file)).toEqual({ ...UNCHANGED, stderr: '' });
    expect(sentry.stored.at(-1)?.attributes['gen_ai.cost.total_tokens']).toBeCloseTo(2, 10);
  });

  it('has its .env file read with dotenv beside it', async () => {
    const file = await bundle(PROGRAM, format, options);
    await mkdir(join(directory, 'node_modules'));
    await symlink(join(PACKAGE, 'node_modules/dotenv'), join(directory, 'node_modules/dotenv'));
    await writeFile(join(directory, '.env'), `SENTRY_DSN=${sentry.dsn}\n`);
    const { code, stderr } = await start(file, {});
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining(NO_PRICES) });
    expect(sentry.stored).toHaveLength(3);
  });

  it('has the .env file beside faultline.yaml read where nothing is installed', async () => {
    const file = await bundle(CONFIGURED, format, options);
    await writeFile(join(directory, 'faultline.yaml'), 'agents: { helper: { models: [ollama/llama3.2] } }\n');
    await writeFile(join(directory, '.env'), 'FROM_FILE=read\n');
    expect(await start(file, {})).toMatchObject({ code: 0, stdout: 'read', stderr: '' });
  });

  it('has Issues with the error and its stack', async () => {
    await start(await bundle(FAILING, format, options));
    const [event] = sentry.envelopes.flatMap(({ items }) =>
      items.map(({ bytes }) => JSON.parse(bytes.toString()) as SentryEvent),
    );
    expect(event?.exception?.values).toEqual([expect.objectContaining({ type: 'RangeError' })]);
    expect(event?.exception?.values[0]?.stacktrace?.frames?.at(-1)?.filename).toContain('app.');
  });

  it('is traced by faultline/register as well, from a little later on', async () => {
    expect(await start(await bundle(PATIENT, format, options))).toEqual({ ...UNCHANGED, stderr: '' });
    expect(sentry.stored.map(({ name }) => name)).toEqual(['look']);
  });

  it('with faultline/register runs as ever when nothing is configured', async () => {
    expect(await start(await bundle(REGISTERED, format, options), {})).toEqual({ ...UNCHANGED, stderr: '' });
  });

  it('with faultline/register runs no file of its own that has the name of one of ours', async () => {
    const file = await bundle(PATIENT, format, options);
    await mkdir(join(directory, 'telemetry'));
    await writeFile(join(directory, 'telemetry/setup.js'), `console.log('not asked for');`);
    expect(await start(file)).toMatchObject(UNCHANGED);
    expect(sentry.stored.length).toBeGreaterThan(0);
  });

  it('with faultline/register runs on when what sets tracing up is missing, and hears of it in one line', async () => {
    const file = await bundle(REGISTERED, format, options);
    const later = (await readdir(directory)).filter((name) => name.startsWith('setup'));
    expect(later).toHaveLength(1);
    await Promise.all(later.map((name) => rm(join(directory, name))));
    expect(await start(file)).toEqual({
      ...UNCHANGED,
      stderr: expect.stringMatching(/^faultline: tracing was not set up, because [^\n]*MODULE_NOT_FOUND[^\n]*\n$/),
    });
    expect(sentry.stored).toEqual([]);
  });
});

describe('a package that is named only when the program runs', () => {
  it.each(['runtime.js', 'tool-modules.js'])('is left alone by webpack and Vite: %s', async (file) => {
    const code = await readFile(join(PACKAGE, 'dist/faultline', file), 'utf8');
    const named = [...code.matchAll(/\bimport\(\s*(?!["'])(?<rest>[^)]*)/g)].map((match) => match.groups?.['rest']);
    expect(named.length).toBeGreaterThan(0);
    for (const rest of named) expect(rest).toMatch(/^\/\* webpackIgnore: true \*\/\s+\/\* @vite-ignore \*\/\s/);
  });
});

describe('an ES module whose bundler was told to begin it with a require of its own', () => {
  it('is traced by a line of its code', async () => {
    expect(await start(await bundle(PROGRAM, 'esm', {}, WITH_BANNER))).toMatchObject(UNCHANGED);
    expect(sentry.stored).toHaveLength(3);
  });

  it('is traced by faultline/register', async () => {
    expect(await start(await bundle(PATIENT, 'esm', {}, WITH_BANNER))).toMatchObject(UNCHANGED);
    expect(sentry.stored.map(({ name }) => name)).toEqual(['look']);
  });
});
