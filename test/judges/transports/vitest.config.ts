import { defineConfig } from 'vitest/config';

/** Where continuous integration wants the machine-readable results, on top of what a person reads. */
const reportFile = process.env['TEST_REPORT'];

/** The transports with software nobody here wrote. */
export default defineConfig({
  test: {
    include: ['test/judges/transports/*.test.ts'],
    globalSetup: ['test/judges/transports/support/install.ts'],
    pool: 'forks',
    testTimeout: 20_000,
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
  },
});
