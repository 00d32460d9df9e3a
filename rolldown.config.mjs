import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

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

const API = '@opentelemetry/api';
const OLDEST_API = join(
  dirname(createRequire(import.meta.url).resolve('@opentelemetry/api-1.9.0')),
  '../esnext/index.js',
);

/** Parts that register something, or stand on the SDK: they use the very API the application and the SDK use. */
const BESIDE_THE_SDK =
  /\/src\/(?:telemetry\/(?:export|issues|http|setup|flush-after|metrics)\b|cli|receiver|testing|register)/;

/**
 * What the helpers are made of: what needs the API alone, but for what only sending asks for. With it goes what the
 * runtime has in common with what sends, or it would load all of that.
 */
const HELPERS =
  /\/src\/telemetry\/(?!(?:export|issues|http|sampling)\/|(?:setup|flush-after|metrics|deadline|real-time)\.ts|content\/(?:foreign-\w+|statement|plain-attribute)\.ts|config\/(?!version|field-value))|\/api-1\.9\.0\//;

/** What stands on the packages that speak OTLP, which load when tracing is set up: see `otlp-exporter.ts`. */
const DELIVERY = /\/src\/telemetry\/(?!export\/(?:official-exporter|otlp-transport)\.)/;

/** What `faultline serve` needs of a web server is 38 kB; the packages it is in are 4 MB. See NOTICE. */
const SERVER = /^(?:@hono\/node-server|hono)(?:\/|$)/;

/**
 * Puts the API's few functions into what needs nothing else of OpenTelemetry: `faultline/spans` and the runtime.
 * Loading the package takes Node 17 ms for 44 files; this takes one.
 *
 * It is the oldest API this package works with, and must be: an API may read what an older or equal version
 * registered, and a copy that is newer than the application's would see nothing. It reads the same globals and the
 * same context keys, so nobody can tell it from the application's own. It registers nothing, which takes the exact
 * version: see `BESIDE_THE_SDK`.
 */
const readTheApiFromOneFile = {
  name: 'read-the-api-from-one-file',
  resolveId(source, importer) {
    if (source !== API) return null;
    if (importer === undefined || BESIDE_THE_SDK.test(importer)) return { id: API, external: true };
    return { id: OLDEST_API, moduleSideEffects: false };
  },
};

/**
 * Writes signs beyond ASCII as escapes: a file without them is read and parsed as bytes, a file with a single one of
 * them as twice as many. Outside of comments they mean the same in JavaScript, but behind a backslash.
 */
const escapeSigns = {
  name: 'escape-signs',
  // Not in `renderChunk`: what comes after it writes the signs again.
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === 'chunk') chunk.code = inAscii(chunk.code, chunk.fileName);
    }
  },
};

function inAscii(code, fileName) {
  const raw = /String\.raw`[^`]*[^\0-\x7f]/.exec(code);
  if (raw !== null) throw new Error(`${fileName} has a sign beyond ASCII in ${raw[0]}, where an escape is none`);
  return code.replace(/(\\*)([^\0-\x7f])/g, (_, backslashes, sign) => {
    if (backslashes.length % 2 === 1) throw new Error(`${fileName} has a backslash in front of ${sign}`);
    return `${backslashes}\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/**
 * One file per entry of the package, and the chunks they share. Node needs about 0.4 ms to load a module, and
 * a hundred small ones would take longer to import than the SDK they stand on. The single files `tsc` wrote
 * stay in `dist/` for tests of parts, and out of the package.
 */
export default defineConfig({
  input: Object.fromEntries(entries.map((entry) => [entry, `src/${entry}.ts`])),
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/') && id !== API && !SERVER.test(id),
  // Its constructor registers nothing, and the statement that calls it uses nothing of it.
  treeshake: { manualPureFunctions: ['DiagAPI.instance'] },
  plugins: [readTheApiFromOneFile, escapeSigns],
  logLevel: 'warn',
  output: {
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    // What they say is in the sources and the declarations; Node reads every byte at every start.
    comments: { legal: true, annotation: true, jsdoc: false },
    // One file for what the helpers need, one for what sets tracing up, one for what speaks OTLP, one for the runtime
    // without what reads its YAML: a module costs more than its code.
    codeSplitting: {
      groups: [
        { name: 'helpers', test: HELPERS, priority: 2 },
        { name: 'config', test: /\/src\/telemetry\/config\//, priority: 1 },
        { name: 'runtime', test: /\/src\/runtime\/(?!config\/)/, priority: 1 },
        { name: 'delivery', test: DELIVERY, priority: 0 },
      ],
    },
    // The demo plays the part of an application; everything in `faultline/` is Faultline's own, and Issues say so.
    chunkFileNames: ({ moduleIds }) =>
      moduleIds.some((id) => id.includes('/src/cli/')) ? 'cli/[name].js' : 'faultline/[name].js',
  },
});
