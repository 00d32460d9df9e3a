import { defineConfig } from 'vitest/config';

/** Where continuous integration wants the machine-readable results, on top of what a person reads. */
const reportFile = process.env['TEST_REPORT'];

/** The demo's Issues, judged by software nobody here wrote. */
export default defineConfig({
  test: {
    include: ['test/judges/issues/*.test.ts'],
    globalSetup: ['test/judges/issues/support/install.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
  },
});
