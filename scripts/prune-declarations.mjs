/**
 * Removes the declarations no entry of the package leads to, which are two of three: each is a file to install, and
 * takes a block on disk.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

const IMPORTED = /(?:\bfrom|\bimport)\s*\(?\s*['"](\.[^'"]+)\.[jt]s['"]/g;

/** The files that are left to read; those that were read stay in it. */
const needed = new Set(
  Object.values(exports)
    .map(({ types }) => types)
    .filter((types) => types !== undefined)
    .map((types) => new URL(types, root).href),
);
for (const file of needed) {
  for (const [, path] of readFileSync(new URL(file), 'utf8').matchAll(IMPORTED)) {
    needed.add(new URL(`${path}.d.ts`, file).href);
  }
}

const dist = new URL('dist/', root);
for (const path of readdirSync(dist, { recursive: true })) {
  const file = new URL(path.replaceAll('\\', '/'), dist);
  if (path.endsWith('.d.ts') && !needed.has(file.href)) rmSync(file);
}
