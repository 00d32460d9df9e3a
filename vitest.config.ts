import { defineConfig } from 'vitest/config';

/** Where continuous integration wants the machine-readable results, on top of what a person reads. */
const reportFile = process.env['TEST_REPORT'];

/**
 * Rooms and files whose tests leave the process as they found it: one process runs file after file, and loads what
 * they have in common once. What is to be here must pass in any order:
 * `npx vitest run --project tidy --sequence.shuffle.files`.
 */
const TIDY = [
  'test/{receiver,runtime,testing}/**/*.test.ts',
  'test/cli/{paint,recorder,serve-check,trace-tree,usage,watcher}.test.ts',
  'test/telemetry/{context,diagnostics,foreign-content,metrics,semconv}.test.ts',
  'test/telemetry/{attributes,config,content,export,http,issues,sampling}/**/*.test.ts',
];

/** Far away, for no test is about being fast: what hangs fails here, and what a busy machine slows down does not. */
const LIMITS = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 45_000 } } };

export default defineConfig({
  test: {
    // Tests of the command line and of processes run the built files.
    globalSetup: ['test/support/build.ts'],
    projects: [
      { test: { ...LIMITS, name: 'tidy', include: TIDY, pool: 'forks', isolate: false } },
      {
        test: {
          ...LIMITS,
          name: 'alone',
          include: ['test/**/*.test.ts'],
          exclude: [...TIDY, 'test/judges/**', 'test/compat/**', 'test/browser/**', '**/node_modules/**'],
          // Tests own process-wide state: the global tracer provider, the environment of child processes.
          pool: 'forks',
        },
      },
    ],
    // Many tests wait for processes and servers, so that two cores have time for four.
    maxWorkers: 4,
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
  },
});
