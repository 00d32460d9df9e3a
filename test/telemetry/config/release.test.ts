import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { nodeHost } from '../../../src/telemetry/config/host.ts';
import { gitCommit } from '../../../src/telemetry/config/release.ts';
import { DSN, hostWith, resolving } from './resolving.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

function git(directory: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

function commitIn(directory: string): string | undefined {
  return gitCommit({ ...nodeHost(), workingDirectory: directory });
}

describe('the release', () => {
  const environment = {
    SENTRY_DSN: DSN,
    SENTRY_RELEASE: 'variable',
    npm_package_name: 'helper',
    npm_package_version: '1.2.3',
  };
  const host = hostWith({ '.git/HEAD': `${COMMIT}\n` });

  test.each([
    ['code', environment, { release: 'code' }, 'code'],
    ['SENTRY_RELEASE', environment, {}, 'variable'],
    ['a configuration file', { ...environment, SENTRY_RELEASE: '' }, { defaults: { release: 'file' } }, 'file'],
    ['the npm package', { ...environment, SENTRY_RELEASE: '' }, {}, 'helper@1.2.3'],
    ['the git commit', { SENTRY_DSN: DSN, npm_package_name: 'helper' }, {}, COMMIT],
  ])('comes from %s', (_, variables, options, release) => {
    expect(resolving(variables, options, host).config.release).toBe(release);
  });

  test('is that of the package.json nearest to the main script, when npm does not start the process', () => {
    const files = {
      'package.json': '{"name":"shop-helper","version":"2.0.1"}',
      'dist/package.json': '{"type":"module"}',
      '.git/HEAD': `${COMMIT}\n`,
    };
    const of = (mainScript: string) => resolving({ SENTRY_DSN: DSN }, {}, hostWith(files, mainScript)).config.release;
    expect(of('/app/dist/main.js')).toBe('shop-helper@2.0.1');
    expect(of('/app/node_modules/.bin/faultline')).toBe('shop-helper@2.0.1');
    expect(of('/opt/main.js')).toBe(COMMIT);
  });

  test('has no slash when it is made of a package with a scope, because Sentry takes none', () => {
    const variables = { SENTRY_DSN: DSN, npm_package_name: '@acme/helper', npm_package_version: '1.2.3' };
    const { config, problems } = resolving(variables);
    expect(config.release).toBe('acme-helper@1.2.3');
    expect(problems).toEqual([]);
  });

  test.each([
    ['a slash', { SENTRY_RELEASE: 'feature/one' }, 'SENTRY_RELEASE'],
    ['a reserved word', { SENTRY_RELEASE: 'Latest' }, 'SENTRY_RELEASE'],
    ['a name that is too long', { SENTRY_RELEASE: 'a'.repeat(201) }, 'SENTRY_RELEASE'],
    ['a name that is too long in bytes', { SENTRY_RELEASE: 'ä'.repeat(101) }, 'SENTRY_RELEASE'],
    ['an environment that is too long in bytes', { SENTRY_ENVIRONMENT: 'ä'.repeat(33) }, 'SENTRY_ENVIRONMENT'],
    ['an environment that means none', { SENTRY_ENVIRONMENT: 'none' }, 'SENTRY_ENVIRONMENT'],
  ])('is sent as it was given and said of once, when Sentry will leave it out: %s', (_, variables, key) => {
    const { config, problems } = resolving({ SENTRY_DSN: DSN, ...variables });
    expect(problems).toEqual([{ key, message: expect.stringContaining('which Sentry leaves out') as string }]);
    expect(Object.values(variables)).toContain(key === 'SENTRY_RELEASE' ? config.release : config.environment);
  });

  test('may be anything for another backend', () => {
    const { problems } = resolving({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
      SENTRY_RELEASE: 'feature/one',
    });
    expect(problems).toEqual([]);
  });

  test('is absent when nothing tells it', () => {
    expect(resolving({ SENTRY_DSN: DSN }).config).not.toHaveProperty('release');
  });
});

describe('the git commit', () => {
  let root: string;
  let commit: string;

  beforeAll(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'faultline-release-')));
    git(root, 'init', '-b', 'main');
    writeFileSync(join(root, 'file'), 'text');
    git(root, 'add', '.');
    git(root, 'commit', '-m', 'first');
    git(root, 'worktree', 'add', '-b', 'topic/one', join(root, 'tree'));
    commit = git(root, 'rev-parse', 'HEAD');
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test('is found from a directory below the repository', () => {
    mkdirSync(join(root, 'packages/helper'), { recursive: true });
    expect(commitIn(join(root, 'packages/helper'))).toBe(commit);
  });

  test('is found in a worktree', () => {
    expect(commitIn(join(root, 'tree'))).toBe(commit);
  });

  test('is found when branches are packed, in the repository and in a worktree', () => {
    git(root, 'pack-refs', '--all');
    expect([commitIn(root), commitIn(join(root, 'tree'))]).toEqual([commit, commit]);
  });

  test('is found when a commit and not a branch is checked out', () => {
    git(root, 'checkout', '--detach');
    expect(commitIn(root)).toBe(commit);
  });

  test('is absent in a repository without commits', () => {
    const empty = join(root, 'empty');
    mkdirSync(empty);
    git(empty, 'init', '-b', 'main');
    expect(commitIn(empty)).toBeUndefined();
  });

  test('is absent where there is no repository', () => {
    expect(gitCommit(hostWith())).toBeUndefined();
  });
});
