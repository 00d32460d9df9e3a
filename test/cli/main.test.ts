import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { cli } from './cli.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

describe('faultline', () => {
  test.each([[[]], [['help']], [['--help']], [['-h']]])('says with %j what it can do', async (args) => {
    const { code, stdout, stderr } = await cli(args);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('Usage: faultline <command> [flags]');
    expect(stdout).toMatch(/^ {2}demo .*$\n^ {2}run .*$/m);
  });

  test.each([[['help', 'demo']], [['demo', '--help']], [['demo', '--once', '-h']]])(
    'explains a command with %j and does not run it',
    async (args) => {
      const { code, stdout, stderr } = await cli(args);

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('Usage: faultline demo [--scenario NAME]... [--once] [--json] [--port N]');
    },
  );

  test('tells its version', async () => {
    expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test.each([
    [['dmeo'], 'There is no command dmeo; faultline knows demo, run, serve, recorder, help and --version.\n'],
    [['toString'], 'There is no command toString; faultline knows demo, run, serve, recorder, help and --version.\n'],
    [['--verbose'], 'There is no flag --verbose; faultline knows demo, run, serve, recorder, help and --version.\n'],
    [['help', 'dmeo'], 'There is no command dmeo; faultline knows demo, run, serve, recorder, help and --version.\n'],
    [['demo', '--onec'], 'faultline demo does not know --onec; it knows --scenario, --once, --json and --port.\n'],
    [['demo', '--once=yes'], "faultline demo: Option '--once' does not take an argument.\n"],
    [['demo', '--scenario'], "faultline demo: Option '--scenario <value>' argument missing.\n"],
    [['demo', 'fallback'], 'faultline demo takes flags only; a scenario is named with --scenario fallback.\n'],
    [['demo', '--port', 'http'], '--port expects a number from 0 to 65535, got http.\n'],
    [['demo', '--port', '65536'], '--port expects a number from 0 to 65535, got 65536.\n'],
    [
      ['demo', '--scenario', 'success', '--scenario', 'panic'],
      'There is no scenario panic; the scenarios are success, streaming, parallel-tools, sub-agent, fallback, ' +
        'tool-failure, memory-failure, models-exhausted, agent-error, transport-crash and abort.\n',
    ],
    [
      ['run', 'Hello'],
      'Which model? Name it with --model, such as --model openai/gpt-5-mini, or a file of agents with --config.\n',
    ],
    [
      ['run', '--modle', 'm'],
      'faultline run does not know --modle; it knows --config, --agent, --model, --base-url, --instructions and --log.\n',
    ],
    [
      ['run', '--model', 'openai-compatible/m', '--base-url', 'localhost:1234', 'Hello'],
      '--base-url expects a URL such as http://localhost:8000/v1, without a user.\n',
    ],
    [
      ['run', '--model', 'openai-compatible/m', '--base-url', 'http://me:hunter2@127.0.0.1/v1', 'Hello'],
      '--base-url expects a URL such as http://localhost:8000/v1, without a user.\n',
    ],
    [
      ['run', '--model', 'openai-compatible/m', '--base-url', 'http://127.0.0.1:1/v1'],
      'What should the agent be asked? Give a prompt, or pipe one in.\n',
    ],
  ])('answers %j with one sentence and exit code 2', async (args, sentence) => {
    expect(await cli(args)).toEqual({ code: 2, stdout: '', stderr: sentence });
  });
});
