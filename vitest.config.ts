import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/judges/**'],
    // Tests own process-wide state: the global tracer provider, the environment of child processes.
    pool: 'forks',
    testTimeout: 20_000,
  },
});
