import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import * as catalog from '../../../src/telemetry/config/catalog.ts';
import type { Setting } from '../../../src/telemetry/config/settings.ts';
import { VERSION } from '../../../src/telemetry/config/version.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

test('the version sent to Sentry is that of the package', () => {
  expect(VERSION).toBe((JSON.parse(read('package.json')) as { version: string }).version);
});

/** `[TRACES_]` stands for both forms, and `*` for any words. */
test('the README names every variable that is read, except the keys of providers', () => {
  const [, table = ''] = /## Configuration\n(.*?)\n## /s.exec(read('README.md')) ?? [];
  const patterns = [...table.matchAll(/`((?:SENTRY|OTEL|FAULTLINE)_[A-Z0-9_[\]*]+)`/g)].map(
    ([, name]) => new RegExp(`^${name!.replaceAll(/\[(\w+)\]/g, '(?:$1)?').replaceAll('*', String.raw`\w+`)}$`),
  );
  const variables = Object.values<Setting<unknown>>(catalog).flatMap((setting) => setting.variables ?? []);
  expect(variables.filter((name) => !patterns.some((pattern) => pattern.test(name)))).toEqual([]);
});

test('.env.example shows every variable that is read, and no other', () => {
  const shown = [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name);
  const settings = Object.values<Setting<unknown>>(catalog).flatMap(({ variables = [] }) => variables);
  const ofProviders = ['OPENAI_API_KEY', 'OPENAI_BASE_URL'];
  expect(new Set(shown)).toEqual(new Set([...settings, ...ofProviders]));
  expect(shown).toHaveLength(new Set(shown).size);
});
