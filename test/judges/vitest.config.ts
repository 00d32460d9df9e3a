import { defineConfig } from 'vitest/config';

/** Where continuous integration wants the machine-readable results, on top of what a person reads. */
const reportFile = process.env['TEST_REPORT'];

/** The demo's traffic, judged by software nobody here wrote. Linux x64 only, because one of the judges is. */
export default defineConfig({
  test: {
    include: ['test/judges/*.test.ts'],
    globalSetup: ['test/judges/support/install.ts'],
    pool: 'forks',
    // The demo's latencies are real ones; two of them at a time are enough for a small machine.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
  },
});
