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
