import { dirname, join, resolve } from 'node:path';

import { RELEASE } from './catalog.ts';
import type { Host } from './host.ts';
import type { NpmPackage } from './npm-package.ts';
import type { Settings } from './settings.ts';

/** SHA-1 or SHA-256. */
const COMMIT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** The release: as set, else name and version of the npm package, else the git commit. */
export function resolveRelease(settings: Settings, program: NpmPackage, host: Host): string | undefined {
  return settings.get(RELEASE) ?? packageRelease(program) ?? gitCommit(host);
}

/**
 * The `name@version` form is the one Sentry orders by version. It takes no slash, which every name with a scope has
 * (`validate_release` of getsentry/sentry-release-parser).
 */
function packageRelease({ name, version }: NpmPackage): string | undefined {
  return name && version ? `${name.replace(/^@/, '').replaceAll('/', '-')}@${version}` : undefined;
}

/**
 * The commit checked out in the working directory or a directory above it.
 *
 * Read from `.git` without running git, which a container seldom has and which would cost a process.
 *
 * @see https://git-scm.com/docs/gitrepository-layout
 */
export function gitCommit(host: Host): string | undefined {
  const gitDirectory = findGitDirectory(host);
  if (gitDirectory === undefined) return undefined;
  const head = host.readTextFile(join(gitDirectory, 'HEAD'))?.trim() ?? '';
  if (COMMIT.test(head)) return head;
  const [, reference] = /^ref: (refs\/.+)$/.exec(head) ?? [];
  if (reference === undefined) return undefined;

  // A worktree has a HEAD of its own but shares branches with the repository `commondir` points to.
  const common = host.readTextFile(join(gitDirectory, 'commondir'))?.trim();
  const shared = common === undefined ? gitDirectory : resolve(gitDirectory, common);
  const commit = host.readTextFile(join(shared, reference))?.trim() ?? packedCommit(host, shared, reference);
  return commit !== undefined && COMMIT.test(commit) ? commit : undefined;
}

function findGitDirectory(host: Host): string | undefined {
  for (let directory = host.workingDirectory; ; directory = dirname(directory)) {
    const path = join(directory, '.git');
    if (host.readTextFile(join(path, 'HEAD')) !== undefined) return path;
    // In a worktree or submodule `.git` is a file that says where the directory is.
    const [, elsewhere] = /^gitdir: (.+)$/m.exec(host.readTextFile(path) ?? '') ?? [];
    if (elsewhere !== undefined) return resolve(directory, elsewhere.trim());
    if (directory === dirname(directory)) return undefined;
  }
}

/** Branches that git has not touched for a while are lines `<commit> <reference>` of one file. */
function packedCommit(host: Host, gitDirectory: string, reference: string): string | undefined {
  const lines = host.readTextFile(join(gitDirectory, 'packed-refs'))?.split('\n') ?? [];
  return lines.map((line) => line.trim().split(' ')).find(([, name]) => name === reference)?.[0];
}
