import { defineConfig } from 'vitest/config';

/** Where continuous integration wants the machine-readable results, on top of what a person reads. */
const reportFile = process.env['TEST_REPORT'];

/** Redaction of hostile text in its full length, of which the tests of every day take a quarter. */
export default defineConfig({
  test: {
    include: ['test/telemetry/content/redaction-bait.test.ts'],
    env: { BAIT_KILOBYTES: '512' },
    pool: 'forks',
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
  },
});
