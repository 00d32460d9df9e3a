import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { sqliteMemoryWith } from '../../../src/runtime/memory/sqlite.ts';
import { systemTime } from '../../../src/runtime/time.ts';
import { runScript } from '../../support/run-script.ts';
import { search } from './contract.ts';
import { driversHere, importHere } from './drivers.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'faultline-memory-'));
  path = join(directory, 'memory.db');
});
afterEach(() => rm(directory, { recursive: true }));

const OPEN = `
  import { sqliteMemoryWith } from 'DIST/runtime/memory/sqlite.js';
  import { systemTime } from 'DIST/runtime/time.js';
  const { MEMORY: path, DRIVER: driver, SPECIFIER: specifier } = process.env;
  const memory = sqliteMemoryWith({ time: systemTime, importDriver: () => import(specifier) }, { path, driver });
`;

for (const { name, driver, isCertain, specifier, note } of await driversHere()) {
  const here = driver === undefined && !isCertain ? describe.skip : describe;

  here(`processes over ${name}${note}`, () => {
    const run = (source: string, env: Readonly<Record<string, string>> = {}) =>
      runScript(OPEN + source, { env: { MEMORY: path, DRIVER: name, SPECIFIER: specifier, ...env } });
    const open = () => sqliteMemoryWith({ time: systemTime, importDriver: importHere }, { path, driver: name });

    test('write to one file at the same time, from its making on, and lose nothing', async () => {
      const write = `
        for (let index = 0; index < 200; index += 1) {
          await memory.add({ id: process.env.WRITER + index, text: 'tea ' + index, scope: process.env.WRITER });
        }
      `;
      const ended = await Promise.all(['a', 'b'].map((writer) => run(write, { WRITER: writer })));
      const memory = open();

      expect(ended.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
        { code: 0, stderr: '' },
        { code: 0, stderr: '' },
      ]);
      expect(await search(memory, 'tea', Infinity, ['a'])).toHaveLength(200);
      expect(await search(memory, 'tea', Infinity, ['b'])).toHaveLength(200);
      await memory.close?.();
    });

    test('end although they closed nothing, and what they added is there', async () => {
      expect(await run(`await memory.add({ id: '1', text: 'tea' });`)).toEqual({
        code: 0,
        signal: null,
        stdout: '',
        stderr: '',
      });
      const memory = open();

      expect(await search(memory, 'tea')).toEqual(['1']);
      await memory.close?.();
    });

    test('that are killed in the middle of writing leave a file that can be used', async () => {
      const ended = await run(`
        const { Worker } = await import('node:worker_threads');
        await memory.add({ id: '1', text: 'tea' });
        new Worker('process.kill(process.pid, "SIGKILL")', { eval: true });
        for (let index = 2; ; index += 1) await memory.add({ id: String(index), text: 'tea' });
      `);
      const memory = open();

      expect(ended.signal).toBe('SIGKILL');
      expect(await search(memory, 'tea', Infinity)).toContain('1');
      await memory.close?.();
    });

    // libsql closes when its statements are collected as garbage, or the process ends.
    test.skipIf(name === 'libsql')('leave one file, without what was forgotten, once they closed it', async () => {
      const { stdout, stderr } = await run(`
        const { readFileSync } = await import('node:fs');
        await memory.add({ id: '1', text: 'the password is xyzzyx' });
        await memory.add({ id: '2', text: 'tea' });
        await memory.remove('1');
        await memory.close();
        console.log(readFileSync(process.env.MEMORY).includes('xyzzyx'));
      `);

      expect({ stdout, stderr }).toEqual({ stdout: 'false\n', stderr: '' });
      expect(await readdir(directory)).toEqual(['memory.db']);
    });
  });
}
