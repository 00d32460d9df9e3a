import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  open as openFile,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { importPackage, type ImportPackage } from '../../../src/runtime/import-package.ts';
import { createAgent, type MemoryStore } from '../../../src/runtime/index.ts';
import { MemoryFileError } from '../../../src/runtime/memory/memory-file-error.ts';
import { sqliteMemory, sqliteMemoryWith } from '../../../src/runtime/memory/sqlite.ts';
import type { SqliteDatabase, SqliteDriverName } from '../../../src/runtime/memory/sqlite/driver.ts';
import { systemTime } from '../../../src/runtime/time.ts';
import { scriptedModel } from '../../../src/testing/scripted-model.ts';
import { rejection } from '../support/agents.ts';
import { manualTime } from '../support/manual-time.ts';
import { recordSpans } from '../support/spans.ts';
import { describeMemory, search } from './contract.ts';
import { driversHere, importHere } from './drivers.ts';

type DatabaseClass = new (path: string) => SqliteDatabase;

let directory: string;
const opened: { close?(): unknown }[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'faultline-memory-'));
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close?.();
  await rm(directory, { recursive: true });
});

function keep<Closable extends { close?(): unknown }>(closable: Closable): Closable {
  opened.push(closable);
  return closable;
}

/** What is wrong with a memory, according to a search in it. */
async function problem(memory: MemoryStore): Promise<MemoryFileError> {
  const error = await rejection(search(memory, 'tea'));
  if (!(error instanceof MemoryFileError)) throw error;
  return error;
}

for (const { name, driver, isCertain, note } of await driversHere()) {
  const here = driver === undefined && !isCertain ? describe.skip : describe;

  here(`over ${name}${note}`, () => {
    const raw = (path: string): SqliteDatabase => keep(driver!.open(path));
    const memory = (path: string, options: { readonly id?: string; readonly maxRecords?: number } = {}): MemoryStore =>
      keep(sqliteMemoryWith({ time: systemTime, importDriver: importHere }, { ...options, path, driver: name }));
    /** Imports the driver with another class for databases. */
    const importWith =
      (extended: (Database: DatabaseClass) => DatabaseClass): ImportPackage =>
      async (asked) => {
        const key = name === 'node:sqlite' ? 'DatabaseSync' : 'default';
        const module = await importHere(asked);
        return { [key]: extended(module![key] as DatabaseClass) };
      };
    let files = 0;
    const file = (): string => join(directory, `memory-${(files += 1)}.db`);

    describeMemory('a SQLite', (options) => memory(file(), options));

    describe('a memory file', () => {
      test('is there after the memory was closed, and grows with the next', async () => {
        const path = file();
        const first = memory(path);
        await first.add({ id: '1', text: 'tea' });
        await first.close?.();
        const second = memory(path);
        await second.add({ id: '2', text: 'tea' });

        expect(await search(second, 'tea')).toEqual(['2', '1']);
      });

      test('is shared by those who have it open', async () => {
        const path = file();
        const [one, other] = [memory(path), memory(path)];
        await one.add({ id: '1', text: 'tea' });
        await other.add({ id: '2', text: 'tea' });
        expect(await other.remove('1')).toBe(true);

        expect(await search(one, 'tea')).toEqual(['2']);
      });

      test('is for its owner to read, with all that is beside it', async () => {
        const path = file();
        await memory(path).add({ id: '1', text: 'tea' });

        for (const suffix of ['', '-wal', '-shm']) expect((await stat(path + suffix)).mode & 0o777).toBe(0o600);
      });

      test('holds no text that was removed from reach', async () => {
        const path = file();
        const store = memory(path, { maxRecords: 1 });
        for (const id of ['1', '2']) await store.add({ id, text: 'tea' });
        const database = raw(path);

        expect(database.prepare('SELECT id FROM memory').all()).toEqual([{ id: '"2"' }]);
        expect(database.prepare("SELECT rowid FROM memory_words WHERE memory_words MATCH 'tea'").all()).toHaveLength(1);
      });

      test('is searched for English words in another form', async () => {
        const store = memory(file());
        await store.add({ id: '1', text: 'She connected two cities' });

        expect(await search(store, 'connections')).toEqual(['1']);
        expect(await search(store, 'city')).toEqual(['1']);
      });

      test('is opened once, and closed as often as it was opened, also one that turns out to be something else', async () => {
        const foreign = file();
        raw(foreign).exec('CREATE TABLE orders (id INTEGER)');
        const isOpen = new Set<unknown>();
        let opened = 0;
        const importDriver = importWith(
          (Database) =>
            class extends Database {
              constructor(path: string) {
                super(path);
                isOpen.add(this);
                opened += 1;
              }
              override close(): unknown {
                isOpen.delete(this);
                return super.close();
              }
            },
        );
        const setting = { time: systemTime, importDriver };
        const store = sqliteMemoryWith(setting, { path: file(), driver: name });
        await store.add({ id: '1', text: 'tea' });

        expect(isOpen.size).toBe(1);
        expect(await search(store, 'tea')).toEqual(['1']);
        // The other one was to see whether the driver works.
        expect(opened).toBe(2);
        expect((await problem(sqliteMemoryWith(setting, { path: foreign, driver: name }))).problem).toBe('foreign');
        expect(isOpen.size).toBe(1);
        await store.close?.();
        expect(isOpen.size).toBe(0);
      });
    });

    describe('a file that cannot be used', () => {
      test('because its directory is missing is made when there is one', async () => {
        const path = join(directory, 'later', 'memory.db');
        const store = memory(path, { id: 'notes' });

        expect(await problem(store)).toMatchObject({
          message: 'memory notes: the directory of its file must exist and does not; create it',
          problem: 'directory',
          path,
        });
        expect(await rejection(store.add({ id: '1', text: 'tea' }))).toBeInstanceOf(MemoryFileError);
        await mkdir(join(directory, 'later'));
        await store.add({ id: '1', text: 'tea' });
        expect(await search(store, 'tea')).toEqual(['1']);
      });

      test('because it is something else is left as it was', async () => {
        const text = file();
        await writeFile(text, 'tea '.repeat(2_000));
        const database = file();
        raw(database).exec('CREATE TABLE orders (id INTEGER)');
        const [theirs, numbered] = [file(), file()];
        raw(theirs).exec('PRAGMA application_id = 7');
        raw(numbered).exec('PRAGMA user_version = 1');
        const files = [text, database, theirs, numbered];
        const read = (): Promise<readonly Buffer[]> => Promise.all(files.map((path) => readFile(path)));
        const before = await read();

        for (const path of files) expect((await problem(memory(path))).problem).toBe('foreign');
        expect((await problem(memory(database, { id: 'notes' }))).message).toBe(
          'memory notes: its file was expected to be a memory and is something else, which was left alone; ' +
            'choose another path',
        );
        expect(await read()).toEqual(before);
      });

      test('because a later version wrote it is neither read nor written', async () => {
        const path = file();
        await memory(path).add({ id: '1', text: 'tea' });
        raw(path).exec('PRAGMA user_version = 9');
        const store = memory(path, { id: 'notes' });

        expect(await problem(store)).toMatchObject({
          message: 'memory notes: its file has format 9 and this version reads formats up to 1; update faultline',
          problem: 'newer',
        });
        expect(await rejection(store.remove('1'))).toMatchObject({ problem: 'newer' });
      });

      test('because it is damaged is used again once another is in its place', async () => {
        const whole = file();
        const written = memory(whole);
        for (let index = 0; index < 100; index += 1) {
          await written.add({ id: String(index), text: `tea ${'with milk '.repeat(100)}` });
        }
        raw(whole).exec('PRAGMA wal_checkpoint(TRUNCATE)');
        const path = file();
        await copyFile(whole, path);
        const store = memory(path);
        // In its second half, so that it can be opened.
        const handle = await openFile(path, 'r+');
        const middle = Math.floor((await handle.stat()).size / 8_192) * 4_096;
        await handle.write(Buffer.alloc(middle, 0xaa), 0, undefined, middle);
        await handle.close();

        expect((await problem(store)).problem).toBe('damaged');
        for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true });
        await rename(whole, path);
        expect(await search(store, 'tea')).toHaveLength(10);
      });

      test('because what it holds is no record is damaged', async () => {
        const path = file();
        const store = memory(path);
        await store.add({ id: '1', text: 'tea' });
        raw(path).exec("UPDATE memory SET record = 'tea'");

        expect((await problem(store)).problem).toBe('damaged');
      });

      test('because it may not be written says so', async () => {
        const path = file();
        const written = memory(path);
        await written.add({ id: '1', text: 'tea' });
        raw(path).exec('PRAGMA wal_checkpoint(TRUNCATE)');
        const readOnly = join(directory, 'read-only');
        await mkdir(readOnly);
        await copyFile(path, join(readOnly, 'memory.db'));
        await chmod(join(readOnly, 'memory.db'), 0o444);
        await chmod(readOnly, 0o555);
        await chmod(directory, 0o755);
        // Nothing is read-only for root.
        const isRoot = process.getuid?.() === 0;
        if (isRoot) process.seteuid?.(65_534);
        try {
          const store = memory(join(readOnly, 'memory.db'));

          expect(await rejection(store.add({ id: '2', text: 'tea' }))).toMatchObject({ problem: 'read-only' });
          expect(await rejection(memory(join(readOnly, 'new.db')).add({ id: '2', text: 'tea' }))).toMatchObject({
            problem: 'read-only',
          });
        } finally {
          if (isRoot) process.seteuid?.(0);
        }
        await chmod(readOnly, 0o755);
      });

      test('because it is a directory is said to be none', async () => {
        const store = memory(directory, { id: 'notes' });

        expect(await problem(store)).toMatchObject({
          message: 'memory notes: its path must be that of a file, writable like the directory around it, and is not',
          problem: 'read-only',
        });
      });

      test('because the disk is full says so', async () => {
        const importDriver = importWith(
          (Database) =>
            class extends Database {
              constructor(path: string) {
                super(path);
                this.exec('PRAGMA max_page_count = 20');
              }
            },
        );
        const store = keep(sqliteMemoryWith({ time: systemTime, importDriver }, { path: file(), driver: name }));
        await store.add({ id: '1', text: 'tea' });

        expect(await rejection(store.add({ id: '2', text: 'tea '.repeat(100_000) }))).toMatchObject({
          message: 'memory sqlite: the disk has no room for its file',
          problem: 'full',
        });
        expect(await search(store, 'tea')).toEqual(['1']);
      });

      test('because writing it fails halfway keeps nothing of that, and is written again', async () => {
        const path = file();
        const store = memory(path, { id: 'notes' });
        await store.add({ id: '1', text: 'tea' });
        const database = raw(path);
        database.exec(`
          CREATE TRIGGER refusal AFTER INSERT ON memory BEGIN SELECT RAISE(ABORT, 'refused'); END;
        `);

        expect(await rejection(store.add({ id: '1', text: 'coffee' }))).toMatchObject({
          message: 'memory notes: its file cannot be used',
          problem: 'other',
          cause: { message: 'refused' },
        });
        database.exec('DROP TRIGGER refusal');
        expect(await search(store, 'tea')).toEqual(['1']);
        await store.add({ id: '2', text: 'coffee' });
        expect(await search(store, 'coffee')).toEqual(['2']);
      });

      test('because the memory was closed says so', async () => {
        const store = memory(file(), { id: 'notes' });
        await store.add({ id: '1', text: 'tea' });
        await store.close?.();

        expect((await problem(store)).message).toBe('memory notes: it was closed');
        expect(await rejection(store.add({ id: '2', text: 'tea' }))).toMatchObject({ problem: 'closed' });
      });
    });

    describe('a file that somebody else has locked', () => {
      const locked = async (random?: number, busyTimeoutMs?: number) => {
        const time = manualTime(random);
        const path = file();
        const setting = { time, importDriver: importHere };
        const store = keep(sqliteMemoryWith(setting, { id: 'notes', path, driver: name, busyTimeoutMs }));
        await store.add({ id: '1', text: 'tea' });
        const holder = raw(path);
        holder.exec('BEGIN IMMEDIATE');
        return { time, store, holder, path, setting };
      };

      test('is searched all the same, also by somebody who opens it then', async () => {
        const { store, time, setting, path } = await locked();
        const other = keep(sqliteMemoryWith(setting, { path, driver: name }));

        for (const each of [store, other]) expect(await search(each, 'tea')).toEqual(['1']);
        expect(time.running).toBe(0);
      });

      test('is written when it is free, and nothing else has to wait meanwhile', async () => {
        const { store, holder, time } = await locked();
        const adding = store.add({ id: '2', text: 'tea' });

        time.advance(await time.nextTimer());
        const wait = await time.nextTimer();
        holder.exec('ROLLBACK');
        time.advance(wait);
        await adding;

        expect(await search(store, 'tea')).toEqual(['2', '1']);
        expect(time.running).toBe(0);
      });

      test('is given up after a while, and as usable as before', async () => {
        const { store, holder, time } = await locked();
        const adding = rejection(store.add({ id: '2', text: 'tea' }));
        await time.nextTimer();
        time.advance(5_000);

        expect(await adding).toMatchObject({
          message: 'memory notes: its file stayed locked by somebody else; try again later',
          problem: 'locked',
          cause: { message: 'database is locked' },
        });
        holder.exec('ROLLBACK');
        await store.add({ id: '3', text: 'tea' });
        expect(await search(store, 'tea')).toEqual(['3', '1']);
      });

      test('is given up after the same while when the clock is set back', async () => {
        const { store, time } = await locked();
        const adding = rejection(store.add({ id: '2', text: 'tea' }));
        await time.nextTimer();
        time.setClock(0);
        time.advance(5_000);

        expect(await adding).toMatchObject({ problem: 'locked' });
        expect(time.running).toBe(0);
      });

      test('is tried again after moments that grow and stay short, and are never the same for two processes', async () => {
        const { store, time } = await locked(0.25, 1_000);
        const adding = rejection(store.add({ id: '2', text: 'tea' }));
        const waits: number[] = [];
        for (let waited = 0; waited < 1_000;) {
          const wait = await time.nextTimer();
          waits.push(wait);
          waited += wait;
          time.advance(wait);
        }

        expect(await adding).toMatchObject({ problem: 'locked' });
        expect(waits.slice(0, 6)).toEqual([0.75, 1.5, 3, 6, 12, 24]);
        expect(new Set(waits.slice(6))).toEqual(new Set([37.5]));
      });

      test('is not waited for once it was closed', async () => {
        const { store, time } = await locked();
        const adding = rejection(store.add({ id: '2', text: 'tea' }));
        const wait = await time.nextTimer();
        await store.close?.();
        time.advance(wait);

        expect(await adding).toMatchObject({ problem: 'closed' });
      });

      test('is not waited for by somebody who has left', async () => {
        const { setting, time } = await locked();
        const path = file();
        raw(path).exec('BEGIN EXCLUSIVE');
        const store = keep(sqliteMemoryWith(setting, { path, driver: name }));
        const controller = new AbortController();
        const searching = rejection(store.search('tea', { limit: 1, signal: controller.signal }));
        await time.nextTimer();
        controller.abort('gone');

        expect(await searching).toBe('gone');
        expect(time.running).toBe(0);
      });
    });

    describe('a run', () => {
      const recorder = recordSpans();

      test('goes on without a memory that fails, and each failure is one', async () => {
        const store = memory(join(directory, 'missing', 'memory.db'), { id: 'notes' });
        const agent = createAgent({
          name: 'helper',
          models: [scriptedModel(['ok', 'ok'], { modelId: 'm' })],
          memory: store,
        });

        expect(await agent.run('tea?')).toMatchObject({ text: 'ok', memoryFailed: true });
        expect(await agent.run('tea?')).toMatchObject({ text: 'ok', memoryFailed: true });

        const run = [
          'agent.invoke helper memory_failed=true',
          '  search_memory notes ! x type=MemoryFileError point=memory.search name=sqlite',
          '  chat m',
        ];
        expect(
          recorder.tree('error.type', 'faultline.failure.point', 'db.system.name', 'faultline.memory_failed'),
        ).toBe([...run, ...run].join('\n'));
      });
    });
  });
}

describe('a memory without a driver', () => {
  const without = (load: ImportPackage, driver: { readonly driver?: SqliteDriverName } = {}): MemoryStore =>
    sqliteMemoryWith(
      { time: systemTime, importDriver: load },
      { ...driver, id: 'notes', path: join(directory, 'memory.db') },
    );

  test('names what to install', async () => {
    expect(await problem(without(() => Promise.resolve(undefined)))).toMatchObject({
      message:
        'memory notes: no SQLite with full-text search was found (node:sqlite is not there, better-sqlite3 is not ' +
        'there, libsql is not there); run npm install libsql',
      problem: 'driver',
    });
    expect((await problem(without(() => Promise.resolve(undefined), { driver: 'better-sqlite3' }))).message).toBe(
      'memory notes: no SQLite with full-text search was found (better-sqlite3 is not there); ' +
        'run npm install better-sqlite3',
    );
    expect((await problem(without(() => Promise.resolve(undefined), { driver: 'node:sqlite' }))).message).toBe(
      'memory notes: no SQLite with full-text search was found (node:sqlite is not there); run Node 22.13 or newer',
    );
  });

  test('is so also where Vite puts a module that throws in the place of a package that is not installed', async () => {
    const memory = sqliteMemory({ driver: 'better-sqlite3', path: join(directory, 'memory.db') });

    expect(await problem(memory)).toMatchObject({
      message: expect.stringContaining('(better-sqlite3 is not there); run npm install better-sqlite3'),
    });
  });

  test('keeps what is wrong with the one that is there', async () => {
    const broken = new Error('was compiled against a different Node.js version');
    const error = await problem(
      without((name) => (name === 'better-sqlite3' ? Promise.reject(broken) : Promise.resolve(undefined))),
    );

    expect(error.message).toContain('better-sqlite3 does not work here');
    expect(error.cause).toBe(broken);
  });

  test('says of one that is there what it does not find itself', async () => {
    const path = join(directory, 'driver.mjs');
    await writeFile(path, "import 'faultline-has-no-such-package';");
    const specifier = pathToFileURL(path).href;
    const error = await problem(
      without((name) => (name === 'libsql' ? importPackage(specifier) : Promise.resolve(undefined))),
    );

    expect(error.message).toContain('libsql does not work here');
    expect(error.cause).toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' });
  });

  test('does not take one that has no full-text search', async () => {
    class DatabaseSync {
      exec(): void {
        throw new Error('no such module: fts5');
      }
      close(): void {}
    }
    const error = await problem(
      without((name) => Promise.resolve(name === 'node:sqlite' ? { DatabaseSync } : undefined)),
    );

    expect(error.message).toContain('node:sqlite does not work here');
  });

  test('finds one that was installed meanwhile', async () => {
    let asked = 0;
    const store = without(() => {
      asked += 1;
      return Promise.resolve(undefined);
    });
    const [first, second] = [await problem(store), await problem(store)];

    expect(asked).toBe(6);
    expect(second).not.toBe(first);
  });
});

describe('sqliteMemory', () => {
  test('needs nothing but a path', async () => {
    const memory = keep(sqliteMemory({ path: join(directory, 'memory.db') }));
    await memory.add({ id: '1', text: 'tea' });

    expect(await search(memory, 'tea')).toEqual(['1']);
  });

  test('refuses options that cannot work', () => {
    expect(() => sqliteMemory({ path: ':memory:' })).toThrow(
      'path of memory sqlite must be that of a file; got ":memory:": see inProcessMemory',
    );
    expect(() => sqliteMemory({ path: '' })).toThrow('got "": see inProcessMemory');
    // @ts-expect-error -- an address in place of a path
    expect(() => sqliteMemory({ path: new URL('file:///a.db') })).toThrow('must be that of a file; got an object');
    expect(() => sqliteMemory({ path: 'a.db', busyTimeoutMs: 0 })).toThrow('busyTimeoutMs of memory sqlite');
  });
});
