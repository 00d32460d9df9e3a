import { defineConfig } from 'vitest/config';

/** Where continuous integration wants the machine-readable results, on top of what a person reads. */
const reportFile = process.env['TEST_REPORT'];

/** Served agents, asked by pages in a real browser: the Chromium of the system. */
export default defineConfig({
  test: {
    include: ['test/browser/*.test.ts'],
    globalSetup: ['test/browser/support/install.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
  },
});
