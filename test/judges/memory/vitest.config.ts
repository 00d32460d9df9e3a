import { defineConfig } from 'vitest/config';

/** Where continuous integration wants the machine-readable results, on top of what a person reads. */
const reportFile = process.env['TEST_REPORT'];

/** The SQLite memory over the driver that is compiled where it is installed: the tests of every driver, for this one. */
export default defineConfig({
  test: {
    include: ['test/judges/memory/*.test.ts', 'test/runtime/memory/sqlite{,-process}.test.ts'],
    testNamePattern: 'better-sqlite3',
    globalSetup: ['test/support/build.ts', 'test/judges/memory/support/install.ts'],
    pool: 'forks',
    testTimeout: 20_000,
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
  },
});
