import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';

import { expect, test } from 'vitest';

const STATIC_IMPORT = /^(?:import|export) (?!type )(?:[^'"]*? from )?['"]([^'"]+)['"];$/gm;

/** Every module that is loaded with this one: files by path, packages by name. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  seen.add(file);
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(STATIC_IMPORT)) {
    if (!specifier.startsWith('.')) seen.add(specifier);
    else if (!seen.has(resolve(dirname(file), specifier))) loadedWith(resolve(dirname(file), specifier), seen);
  }
  return seen;
}

test('importing the runtime loads no package but the OpenTelemetry API', () => {
  const loaded = [...loadedWith(resolve('src/runtime/index.ts'))];

  const packages = loaded.filter((name) => !name.endsWith('.ts') && !name.startsWith('node:'));
  expect(packages).toEqual(['@opentelemetry/api']);
  expect(loaded.filter((name) => name.includes('/src/telemetry/')).length).toBeGreaterThan(3);
});

test('the runtime of the package is a file beside that of the helpers, without what sets tracing up', () => {
  const files = [...loadedWith(resolve('dist/runtime/index.js'))].filter((name) => isAbsolute(name));

  expect(files.map((file) => relative('dist', file)).toSorted()).toEqual([
    'faultline/helpers.js',
    'faultline/runtime.js',
    'runtime/index.js',
  ]);
});
