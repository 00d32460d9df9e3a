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
  ])('answers %j with one sentence and exit code 2', async (args, sentence) => {
    expect(await cli(args)).toEqual({ code: 2, stdout: '', stderr: sentence });
  });
});
