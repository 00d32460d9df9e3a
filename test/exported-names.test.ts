import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { expect, test } from 'vitest';

import manifest from '../package.json' with { type: 'json' };

const PACKAGE = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(PACKAGE, path), 'utf8');

const ENTRIES = Object.values(manifest.exports).filter((entry) => typeof entry !== 'string');
const PAGES = ['README.md', ...readdirSync(join(PACKAGE, 'docs')).map((page) => `docs/${page}`)].map(read).join('\n');

/** What a declaration file exports by name: where it is declared, and as what. */
function exportedNames(file: string): { readonly name: string; readonly from: string; readonly as: string }[] {
  const text = read(file);
  const lists = [...text.matchAll(/export (?:type )?\{([^}]*)\}(?: from '([^']+)')?/g)];
  const passedOn = lists.flatMap(([, names = '', source]) =>
    names.split(',').flatMap((part) => {
      const [as = '', name = as] = part.replace('type ', '').trim().split(' as ');
      if (as === '') return [];
      const from = source === undefined ? file : join(dirname(file), source.replace(/\.js$|\.ts$/, '.d.ts'));
      return [{ name, from, as }];
    }),
  );
  const declared = [
    ...text.matchAll(/^export (?:declare )?(?:abstract )?(?:function|const|class|interface|type) (\w+)/gm),
  ];
  return [...passedOn, ...declared.map(([, name = '']) => ({ name, from: file, as: name }))];
}

/** Whether a name has a doc comment where it is declared. */
function isDescribed(name: string, file: string): boolean {
  const declaration = new RegExp(
    String.raw`(\*/\n)?^(?:export )?(?:declare )?(?:abstract )?(?:function|const|class|interface|type) ${name}\b`,
    'm',
  ).exec(read(file));
  if (declaration !== null) return declaration[1] !== undefined;
  return exportedNames(file).some(({ name: other, from, as }) => other === name && isDescribed(as, from));
}

test.each(ENTRIES)('every name that $types exports says what it is', ({ types }) => {
  const names = exportedNames(types);
  expect(names.filter(({ as, from }) => !isDescribed(as, from)).map(({ name }) => name)).toEqual([]);
});

// To import the others only loads them; this one sets tracing up, and exports nothing.
const LIBRARIES = ENTRIES.filter(({ default: file }) => file !== manifest.exports['./register'].default);

test.each(LIBRARIES)(
  'every function, class and constant of $default is on a page of the documentation',
  async (entry) => {
    const names = Object.keys((await import(join(PACKAGE, entry.default))) as object);
    expect(names.filter((name) => !new RegExp(String.raw`\b${name}\b`).test(PAGES))).toEqual([]);
  },
);
