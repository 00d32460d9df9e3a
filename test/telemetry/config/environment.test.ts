import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { readEnvironment } from '../../../src/telemetry/config/environment.ts';
import { nodeHost } from '../../../src/telemetry/config/host.ts';
import type { Problem } from '../../../src/telemetry/config/settings.ts';
import { DSN, hostWith, resolving } from './resolving.ts';

const file = `
# comment
export SENTRY_DSN="${DSN}" # another
SENTRY_ENVIRONMENT=from-file
SENTRY_RELEASE=from-file
`;

test('the file .env of the working directory is read without being named', () => {
  const { config } = resolving({}, {}, hostWith({ '.env': file }));
  expect(config).toMatchObject({ environment: 'from-file', release: 'from-file', dsn: { projectId: '42' } });
});

test('a variable of the process wins over the file, and an empty one takes it away', () => {
  const { config } = resolving({ SENTRY_ENVIRONMENT: 'from-process', SENTRY_DSN: '' }, {}, hostWith({ '.env': file }));
  expect(config).toMatchObject({ environment: 'from-process', destinations: [] });
});

test('the file wins over options.defaults and loses to code', () => {
  const host = hostWith({ '.env': file });
  expect(resolving({}, { defaults: { environment: 'from-defaults' } }, host).config.environment).toBe('from-file');
  expect(resolving({}, { environment: 'from-code' }, host).config.environment).toBe('from-code');
});

test('another file can be named, in code or in a configuration file', () => {
  const host = hostWith({ '.env': file, 'config/agent.env': 'SENTRY_ENVIRONMENT=named' });
  expect(resolving({}, { envFile: 'config/agent.env' }, host).config.environment).toBe('named');
  expect(resolving({}, { defaults: { envFile: 'config/agent.env' } }, host).config.environment).toBe('named');
});

test('no file is read when that is asked for, or when code brings an environment of its own', () => {
  const host = hostWith({ '.env': file });
  expect(resolving({}, { envFile: false }, host).config.environment).toBe('production');
  expect(resolving({}, { env: {} }, host).config.environment).toBe('production');
  expect(resolving({}, { env: {}, envFile: '.env' }, host).config.environment).toBe('from-file');
});

test('an environment in code replaces that of the process', () => {
  const { config } = resolving({ SENTRY_ENVIRONMENT: 'process' }, { env: { SENTRY_ENVIRONMENT: 'code' } });
  expect(config.environment).toBe('code');
});

test('a named file that cannot be read is reported, and is why tracing is off', () => {
  const message = 'envFile must be the path of a file that can be read, but "missing.env" cannot.';
  const { config, problems } = resolving({}, { envFile: 'missing.env' });
  expect(problems).toEqual([{ key: 'envFile', message }]);
  expect(config.offReason).toBe(message);
});

test('a file in UTF-16, as Windows PowerShell writes it, is reported, and is why tracing is off', () => {
  const message = '.env must be UTF-8 text, but is not: save it as UTF-8.';
  const text = Buffer.from(`\ufeff${file}`, 'utf16le').toString('utf8');
  const { config, problems } = resolving({}, {}, hostWith({ '.env': text }));
  expect(problems).toEqual([{ key: 'envFile', message }]);
  expect(config.offReason).toBe(message);
});

test('the real process environment is never written to', () => {
  const directory = mkdtempSync(join(tmpdir(), 'faultline-env-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, '.env'), 'FAULTLINE_TEST_ONLY=from-file');
  const problems: Problem[] = [];
  const host = { ...nodeHost(), workingDirectory: directory };
  const environment = readEnvironment(process.env, undefined, host, (problem) => problems.push(problem));
  expect(environment['FAULTLINE_TEST_ONLY']).toBe('from-file');
  expect(process.env['FAULTLINE_TEST_ONLY']).toBeUndefined();
  expect(problems).toEqual([]);
});
