import { expect, test } from 'vitest';

import { driversHere } from '../../runtime/memory/drivers.ts';
import { MissingJudgeError } from '../support/judge.ts';
import { INSTALL } from './support/install.ts';

// Without it the tests of the memory would be skipped, and nobody would see.
test('better-sqlite3 is there', async () => {
  const found = (await driversHere()).find(({ name }) => name === 'better-sqlite3');

  if (found?.driver === undefined) throw new MissingJudgeError('better-sqlite3', INSTALL);
  const database = found.driver.open(':memory:');
  expect(database.prepare('SELECT 1 AS one').all()).toEqual([{ one: 1 }]);
  database.close();
});
