import { defineConfig } from 'rolldown';

const entries = [
  'index',
  'register',
  'telemetry/spans',
  'telemetry/setup',
  'runtime/index',
  'testing/index',
  'cli/main',
];

/**
 * One file per entry of the package, and the chunks they share. Node needs about 0.4 ms to load a module, and
 * a hundred small ones would take longer to import than the SDK they stand on. The single files `tsc` wrote
 * stay in `dist/` for tests of parts, and out of the package.
 */
export default defineConfig({
  input: Object.fromEntries(entries.map((entry) => [entry, `src/${entry}.ts`])),
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  logLevel: 'warn',
  output: {
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    // The demo plays the part of an application; everything in `faultline/` is Faultline's own, and Issues say so.
    chunkFileNames: ({ moduleIds }) =>
      moduleIds.some((id) => id.includes('/src/cli/')) ? 'cli/[name].js' : 'faultline/[name].js',
  },
});
