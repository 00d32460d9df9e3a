import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { runScript } from '../support/run-script.ts';

const HELPERS = built('helpers.js');

function built(file: string): string {
  return readFileSync(new URL(`../../dist/faultline/${file}`, import.meta.url), 'utf8');
}

describe('the built file with the helpers, which every program with spans loads', () => {
  it('is ASCII, because a single other sign makes V8 hold and parse it as twice as many bytes', () => {
    expect(HELPERS.match(/[^\0-\x7f]/g)).toBeNull();
  });

  it('has no regular expression with a class of Unicode, which V8 takes longer to read than any other', () => {
    const withoutTexts = HELPERS.replace(/String\.raw`[^`]*`/g, '');
    expect(withoutTexts.match(/^.*\\p\{.*$/gm)).toBeNull();
  });

  it('has nothing in it that only the attributes of other instrumentations need: the languages of databases', () => {
    expect(built('delivery.js')).toContain('cockroach');
    expect(HELPERS).not.toContain('cockroach');
  });

  it('loads no module of Node, each of which takes up to a millisecond', async () => {
    const source = `
      await import('data:text/javascript,');
      const before = new Set(process.moduleLoadList);
      await import('DIST/telemetry/spans.js');
      console.log(process.moduleLoadList.filter((name) => !before.has(name)));
    `;
    expect(await runScript(source)).toMatchObject({ stdout: '[]\n', stderr: '' });
  });
});
