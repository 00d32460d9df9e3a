import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { serve } from '../../src/cli/serve.ts';
import { runHere } from './run-here.ts';

const ENV = { GATEWAY_KEY: 'k-1' };

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'faultline-check-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** Writes a file of agents that nobody would answer, and gives its path. */
function configure(agents: string, more = ''): string {
  const path = join(directory, 'faultline.yaml');
  const providers = `providers: { gateway: { base_url: 'http://127.0.0.1:9/v1', api_key_env: GATEWAY_KEY } }`;
  writeFileSync(path, [providers, `agents: ${agents}`, more].join('\n'));
  return path;
}

describe('faultline serve --check', () => {
  test('says that nothing is wrong', async () => {
    const path = configure('{ one: { models: [gateway/m-1] }, two: { models: [gateway/m-1] } }');

    expect(await runHere(serve, ['--config', path, '--check'], { env: ENV })).toEqual({
      code: 0,
      stdout: `${path}: nothing wrong; one and two would start\n`,
      stderr: '',
    });
  });

  test('says what is wrong, one line per problem', async () => {
    const path = configure(
      '{ one: { models: [gatewy/m-1], x: 1 } }',
      'runtime: { sentry: { dsn: "https://0123456789abcdef@sentry.example/1" } }',
    );

    expect(await runHere(serve, ['--config', path, '--check'], { env: ENV })).toEqual({
      code: 1,
      stdout: '',
      stderr: [
        `${path}:2:27: agents.one.models[0] names a provider nobody knows; did you mean gateway?`,
        `${path}:2:40: agents.one has no key "x"; expected one of description, instructions, instructions_file, models, tools, agents, handoffs, memory, transport, capture_content, settings, max_turns, max_retries, model_timeout_ms, timeout_ms, tool_concurrency, tool_timeout_ms, max_depth, max_total_tokens, max_cost_usd`,
        `${path}:3:22: runtime.sentry has no key "dsn"; did you mean dsn_env?`,
        `${path}:3:28: a Sentry DSN does not belong in this file: put it into an environment variable, and name that variable in runtime.sentry.dsn_env`,
        '',
      ].join('\n'),
    });
  });

  test('says what a valid file still lacks here', async () => {
    const path = configure('{ one: { models: [gateway/m-1] } }');

    expect(await runHere(serve, ['--config', path, '--check'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `${path}:2:11: agent one has no model it could ask: gateway/m-1 needs a key: set GATEWAY_KEY\n`,
    });
  });

  test('makes no memory, and says which could not be made', async () => {
    const path = configure(
      '{ one: { models: [gateway/m-1], memory: { sqlite: ./memory.db } }, two: { models: [gateway/m-1], memory: { sqlite: ./later/memory.db } } }',
    );

    const { code, stderr } = await runHere(serve, ['--config', path, '--check'], { env: ENV });

    expect(code).toBe(0);
    expect(stderr).toBe(
      `faultline: ${path}:2:114: MemoryFileError: memory sqlite: the directory of its file must exist and does not; create it; until then runs go on without it\n`,
    );
    expect(readdirSync(directory)).toEqual(['faultline.yaml']);
  });

  test('says that the file is not there', async () => {
    expect(await runHere(serve, ['--check'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'faultline.yaml:1:1: cannot be read (ENOENT)\n',
    });
  });
});
