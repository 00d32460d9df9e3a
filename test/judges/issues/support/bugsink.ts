import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { MissingJudgeError } from '../../support/judge.ts';
import { startProgram } from '../../support/start-program.ts';

const SUPPORT = fileURLToPath(new URL('.', import.meta.url));

/** Where Bugsink is installed: in a Python environment of its own, in a directory that is not part of the repository. */
const ENVIRONMENT = fileURLToPath(new URL('../node_modules/.bugsink/', import.meta.url));

/** Installs the judge that comes from PyPI. Debian calls what it needs python3-venv. */
export const INSTALL_FROM_PYPI =
  'python3 -m venv test/judges/issues/node_modules/.bugsink && ' +
  'test/judges/issues/node_modules/.bugsink/bin/pip install -r test/judges/issues/requirements.txt';

/** A file of the environment Bugsink is installed in. */
export function fileOfBugsink(...path: readonly string[]): string {
  const file = join(ENVIRONMENT, ...path);
  if (!existsSync(file)) throw new MissingJudgeError('bugsink', INSTALL_FROM_PYPI);
  return file;
}

/** An issue as Bugsink shows it, with its events, oldest first. */
export interface StoredIssue {
  readonly type: string;
  readonly value: string;
  readonly transaction: string;
  /** Function and file of the innermost frame of the application. */
  readonly place: string;
  readonly events: readonly StoredEvent[];
}

export interface StoredEvent {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly level: string;
  /** The event as it was sent. */
  readonly data: { readonly tags: Readonly<Record<string, string>> };
}

/** A project in Bugsink. */
export interface BugsinkProject {
  readonly dsn: string;
  /** The issues that were made of the events sent, in the order they first came. */
  issues(): Promise<readonly StoredIssue[]>;
}

/** Bugsink, a Sentry-compatible error tracker, on a free port and with a database of its own. */
export interface Bugsink {
  createProject(name: string): Promise<BugsinkProject>;
  readonly stop: () => Promise<void>;
}

export async function startBugsink(): Promise<Bugsink> {
  const gunicorn = fileOfBugsink('bin', 'gunicorn');
  const directory = await mkdtemp(join(tmpdir(), 'faultline-bugsink-'));
  await mkdir(join(directory, 'ingestion'));
  const env = {
    PATH: process.env['PATH'] ?? '',
    PYTHONPATH: SUPPORT,
    PYTHONDONTWRITEBYTECODE: '1',
    DJANGO_SETTINGS_MODULE: 'bugsink_conf',
    DATABASE_PATH: join(directory, 'db.sqlite3'),
    SNAPPEA_DATABASE_PATH: join(directory, 'snappea.sqlite3'),
    INGEST_STORE_BASE_DIR: join(directory, 'ingestion'),
  };
  const ask = async (...command: readonly string[]): Promise<unknown> => {
    const python = fileOfBugsink('bin', 'python');
    const { stdout } = await promisify(execFile)(python, [join(SUPPORT, 'bugsink_shell.py'), ...command], {
      env,
      maxBuffer: 16 * 1024 * 1024,
    });
    return JSON.parse(stdout);
  };
  await ask('set-up');
  const server = await startProgram(gunicorn, {
    args: ['--bind', '127.0.0.1:0', '--worker-tmp-dir', directory, 'bugsink.wsgi'],
    env,
    whenReady: (output) => /Listening at: http:\/\/(\S+)/.exec(output)?.[1],
  });
  return {
    async createProject(name) {
      const { id, key } = (await ask('project', name)) as { readonly id: number; readonly key: string };
      return {
        dsn: `http://${key}@${server.ready}/${id}`,
        issues: async () => (await ask('issues', String(id))) as readonly StoredIssue[],
      };
    },
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
