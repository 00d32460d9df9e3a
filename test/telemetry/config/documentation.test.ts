import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import * as catalog from '../../../src/telemetry/config/catalog.ts';
import type { Setting } from '../../../src/telemetry/config/settings.ts';
import { VERSION } from '../../../src/telemetry/config/version.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

test('the version sent to Sentry is that of the package', () => {
  expect(VERSION).toBe((JSON.parse(read('package.json')) as { version: string }).version);
});

const SETTINGS = Object.values<Setting<unknown>>(catalog);
const PROXIES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'];
const VARIABLES = [...SETTINGS.flatMap(({ variables = [] }) => variables), ...PROXIES];

/** What the README says between two of its headings. */
function section(from: string, to: string): string {
  const text = read('README.md');
  return text.slice(text.indexOf(`\n${from}\n`), text.indexOf(`\n${to}\n`));
}

/** `[TRACES_]` stands for both forms, and `*` for any words. */
test('the README names every variable that is read, except the keys of providers, and no other', () => {
  const names = [
    ...section('## Configuration', '### What wins over what').matchAll(/`([A-Z0-9_[\]*]+_[A-Z0-9_[\]*]+)`/g),
  ];
  const patterns = names
    .map(([, name = '']) => name)
    .filter((name) => name !== '[TRACES_]')
    .map((name) => new RegExp(`^${name.replaceAll(/\[(\w+)\]/g, '(?:$1)?').replaceAll('*', String.raw`\w+`)}$`));
  expect(VARIABLES.filter((name) => !patterns.some((pattern) => pattern.test(name)))).toEqual([]);
  expect(patterns.filter((pattern) => !VARIABLES.some((name) => pattern.test(name)))).toEqual([]);
});

test('the README names every option that has no variable', () => {
  const named = section('### Options that have no variable', '## Documents');
  const options = SETTINGS.flatMap(({ option, variables }) => (variables === undefined ? [option] : []));
  expect(options.filter((option) => !named.includes(`\`${option}\``))).toEqual([]);
});

test('.env.example shows every variable that is read, and no other', () => {
  const shown = [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name);
  const ofProviders = ['OPENAI_API_KEY', 'OPENAI_BASE_URL'];
  expect(new Set(shown)).toEqual(new Set([...VARIABLES, ...ofProviders]));
  expect(shown).toHaveLength(new Set(shown).size);
});
