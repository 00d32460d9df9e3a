import { runInNewContext } from 'node:vm';

import { describe, expect, it } from 'vitest';

import { createRedactor } from '../../../src/telemetry/content/redactor.ts';
import { costOfLength } from '../../support/cost.ts';
import { withoutFiles } from '../../../src/telemetry/content/media.ts';
import { copyWithin, cutText, fitJson, fitText } from '../../../src/telemetry/content/truncate.ts';
import { fc } from '../../support/properties.ts';

const redactor = createRedactor();

/** The JSON text of a value in no more than this many bytes, and what it says. */
function fitted(value: unknown, maxBytes: number): { readonly bytes: number; readonly value: unknown } {
  const text = fitJson((room) => copyWithin(value, room, redactor), redactor, maxBytes);
  return { bytes: Buffer.byteLength(text), value: JSON.parse(text) as unknown };
}

/** A file, whose base64 has letters of both cases and digits. */
const FILE = Buffer.from(Array.from({ length: 900 }, (_, index) => (index * 89) % 251));

/** A key as OpenAI has them, put together here so that nobody takes it for a real one. */
const KEY = ['sk', 'proj', 'Ab3'.repeat(12)].join('-');

describe('a value that is recorded', () => {
  it('stays whole when it fits', () => {
    const value = { city: 'Lisbon', days: [1, 2, { note: null, ok: true }] };
    expect(fitted(value, 1_000).value).toEqual(value);
  });

  it('is JSON of no more bytes than it may have, whatever is in it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 60, max: 400 }), (value, maxBytes) => {
        expect(fitted(value, maxBytes).bytes).toBeLessThanOrEqual(maxBytes);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 200, maxLength: 2_000 }), (text) => {
        const { bytes, value } = fitted({ text }, 300);
        expect(bytes).toBeLessThanOrEqual(300);
        expect((value as { text: string }).text.isWellFormed()).toBe(true);
      }),
    );
  });

  it('never splits a character', () => {
    for (let maxBytes = 60; maxBytes < 70; maxBytes += 1) {
      expect(fitText('🦔'.repeat(100), redactor, maxBytes)).toMatch(/^🦔+… \[cut, 200 characters in all\]$/u);
    }
  });

  it('says how long a text was that was cut, and how many members were left out', () => {
    expect(fitted({ text: 'word '.repeat(10_000) }, 200).value).toEqual({
      text: expect.stringMatching(/^word word .*… \[cut, 50000 characters in all\]$/) as string,
    });
    const { value } = fitted(
      Array.from({ length: 1_000 }, (_, index) => `item ${index}`),
      400,
    );
    expect((value as string[]).slice(0, 2)).toEqual(['item 0', 'item 1']);
    expect((value as string[]).at(-1)).toMatch(/^\[\d+ more left out\]$/);
  });

  it.each([
    [
      'rows',
      (id: number) => ({ id, name: `row ${id}`, note: 'as it came' }),
      { id: 0, name: 'row 0', note: 'as it came' },
    ],
    ['objects in objects', (id: number) => ({ a: { b: { c: { id } } } }), { a: { b: { c: { id: 0 } } } }],
    ['empty objects', () => ({}), {}],
    ['lists', () => [[]], [[]]],
  ])('keeps the beginning of a long list of %s', (_, member, first) => {
    const list = Array.from({ length: 100_000 }, (_, id) => member(id));
    const { bytes, value } = fitted(list, 8_192);
    const kept = value as readonly unknown[];
    expect(bytes).toBeGreaterThan(4_096);
    expect(kept[0]).toEqual(first);
    expect(kept.at(-1)).toBe(`[${100_001 - kept.length} more left out]`);
  });

  it.each([
    ['numbers', (id: number) => id],
    ['long numbers', (id: number) => Math.sqrt(id)],
    ['flags', (id: number) => id % 2 === 0],
    ['words', (id: number) => `item ${id}`],
    ['pairs', (id: number) => [id, id % 7]],
    ['places', (id: number) => ({ type: 'Point', at: [Math.sqrt(id), Math.sqrt(id + 1)] })],
    ['counts', (id: number) => ({ a: id })],
    ['rows', (id: number) => ({ id, name: `row ${id}`, at: null, isNew: true })],
    ['empty objects', () => ({})],
  ])('stays whole when it fits, as a long list of %s', (_, member) => {
    const list = Array.from({ length: 2_000 }, (_, id) => member(id));
    expect(fitted(list, Buffer.byteLength(JSON.stringify(list)) + 128).value).toEqual(list);
  });

  it('stays whole when it fits, as an embedding beside the text it is of', () => {
    const found = { embedding: Array.from({ length: 3_072 }, (_, id) => Math.sin(id)), text: 'as it came' };
    expect(fitted(found, 65_536).value).toEqual(found);
  });

  it.each([
    ['what JSON has no word for', () => () => 1, null],
    [
      'what cannot be read',
      () => ({
        toJSON(): never {
          throw new Error('no');
        },
      }),
      '[unreadable]',
    ],
    ['what is around it', (_: number, list: unknown) => list, '[circular]'],
  ])('says of the beginning of a long list that it is %s', (_, member, said) => {
    const list: unknown[] = [];
    for (let id = 0; id < 100_000; id += 1) list.push(member(id, list));
    const { bytes, value } = fitted(list, 8_192);
    expect(bytes).toBeGreaterThan(7_000);
    expect((value as readonly unknown[]).slice(0, 2)).toEqual([said, said]);
  });

  it('keeps what stands beside a text that is too long', () => {
    expect(fitted({ page: 'word '.repeat(100_000), action: 'delete', id: 7 }, 2_000).value).toMatchObject({
      action: 'delete',
      id: 7,
    });
  });

  it('is read only as far as it is kept', () => {
    let reads = 0;
    const list = Array.from({ length: 10_000 }, () => ({
      get text(): string {
        reads += 1;
        return 'x'.repeat(1_000);
      },
    }));
    fitted(list, 4_096);
    expect(reads).toBeLessThan(200);
  });

  it('may be anything', () => {
    const circular: Record<string, unknown> = { name: 'a' };
    circular['self'] = circular;
    const hostile = {
      get broken(): never {
        throw new Error('no');
      },
      bytes: new Uint8Array(12),
      big: 7n,
      when: new Date(0),
      map: new Map([['k', 'v']]),
      set: new Set([1]),
      error: new TypeError('bad'),
      ofAnotherRealm: runInNewContext('Object.assign(new TypeError("bad"), { requestBody: "canary" })') as unknown,
      // Letter by letter no key would be recognised.
      boxed: Object(`use ${KEY}`) as unknown,
      pattern: /a+/g,
      url: new URL('https://ada:pw1@x.test/'),
      nothing: undefined,
      work: () => 1,
      circular,
    };
    expect(fitted(hostile, 2_000).value).toEqual({
      broken: '[unreadable]',
      bytes: '[12 bytes]',
      big: '7',
      when: '1970-01-01T00:00:00.000Z',
      map: [['k', 'v']],
      set: [1],
      error: 'TypeError: bad',
      ofAnotherRealm: 'TypeError: bad',
      boxed: 'use [redacted:openai_key]',
      pattern: '/a+/g',
      url: 'https://[redacted:url_credentials]@x.test/',
      circular: { name: 'a', self: '[circular]' },
    });
    let deep: unknown = 'end';
    for (let depth = 0; depth < 50_000; depth += 1) deep = [deep];
    expect(JSON.stringify(fitted(deep, 2_000).value)).toContain('[too deep]');
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(fitted({ proxy }, 2_000).value).toEqual({ proxy: '[unreadable]' });
  });

  it('has no file in it, in whatever shape it came', () => {
    const url = `data:image/png;base64,${'A'.repeat(40_000)}`;
    const file = FILE.toString('base64');
    expect(fitted({ url }, 10_000).value).toEqual({ url: '[image/png, 30000 bytes left out]' });
    expect(
      fitted(
        {
          mcp: [{ type: 'image', data: file.slice(0, 80), mimeType: 'image/png' }],
          anthropic: { type: 'image', source: { type: 'base64', media_type: 'image/png', data: file.slice(0, 80) } },
          gemini: { inlineData: { mimeType: 'image/png', data: file.slice(0, 80) } },
          sdk: { type: 'media', mediaType: 'image/png', data: file.slice(0, 80) },
          lines: { type: 'file', data: file.replaceAll(/.{76}/g, '$&\n').slice(0, 154) },
          buffer: JSON.parse(JSON.stringify(FILE)) as unknown,
          argument: file,
          short: `iVBORw0KGgo${file.slice(0, 69)}`,
          text: `see ![it](data:image/gif;base64,${file.slice(0, 80)}) and ${file} there`,
          escaped: `{"url":"data:image\\/gif;base64,${file.slice(0, 80).replaceAll('/', '\\/')}"}`,
        },
        60_000,
      ).value,
    ).toEqual({
      mcp: [{ type: 'image', data: '[60 bytes left out]', mimeType: 'image/png' }],
      anthropic: {
        type: 'image',
        source: { type: 'base64', media_type: 'image/png', data: '[60 bytes left out]' },
      },
      gemini: { inlineData: { mimeType: 'image/png', data: '[60 bytes left out]' } },
      sdk: { type: 'media', mediaType: 'image/png', data: '[60 bytes left out]' },
      lines: { type: 'file', data: '[115 bytes left out]' },
      buffer: '[900 bytes]',
      argument: '[900 bytes left out]',
      short: '[60 bytes left out]',
      text: 'see ![it]([image/gif, 60 bytes left out]) and [900 bytes left out] there',
      escaped: expect.stringMatching(/^\{"url":"\[image\/gif, \d+ bytes left out\]"\}$/) as string,
    });
  });

  it('keeps what only looks like a file', () => {
    const value = {
      document: { type: 'document', title: 'Terms', text: 'All that was agreed.' },
      plain: { mimeType: 'text/plain', text: 'hello', data: 'two words' },
      letters: 'x'.repeat(2_000),
      words: 'SomeWords2 '.repeat(200),
      url: `https://example.com/${'a/b.'.repeat(300)}`,
    };
    expect(fitted(value, 60_000).value).toEqual(value);
  });

  it.each(
    ['data:', 'data:image/png;base64,', ';base64,', '/9j/4', 'iVBORw0KGgo ', `${'aB3'.repeat(170)} `].map((bait) => [
      bait.slice(0, 24),
      bait,
    ]),
  )('is looked through for files in time linear in its length: of %s', (_, bait = '') => {
    expect(costOfLength(bait, 64_000, withoutFiles)).toBeLessThan(8);
  });

  it('is JSON also where there is hardly any room', () => {
    for (let maxBytes = 2; maxBytes < 60; maxBytes += 1) {
      expect(fitted({ text: 'word '.repeat(100) }, maxBytes).bytes).toBeLessThanOrEqual(maxBytes);
    }
  });

  it('may be a list that is nearly empty, however long it is', () => {
    const list: unknown[] = [];
    list.length = 10_000_000;
    expect(fitted(list, 1_000).bytes).toBeLessThanOrEqual(1_000);
  });

  it('has all members whose names become the same', () => {
    expect(fitted({ 'ada@mail.org': 1, 'bo@mail.org': { seats: 2 }, 'cy@mail.org': 3 }, 1_000).value).toEqual({
      '[redacted:email]': 1,
      '[redacted:email] (2)': { seats: 2 },
      '[redacted:email] (3)': 3,
    });
  });

  it('may answer with itself what it is in JSON', () => {
    class Booking {
      readonly seat = 7;
      toJSON(): this {
        return this;
      }
    }
    expect(fitted([new Booking()], 1_000).value).toEqual([{ seat: 7 }]);
  });

  it('may answer with a promise what it is in JSON, for which nobody waits', () => {
    expect(fitted({ value: { toJSON: () => Promise.reject(new Error('no')) } }, 1_000).value).toEqual({
      value: '[unreadable]',
    });
  });
});

describe('a text that is cut', () => {
  it('has no part of a secret in the name of a member, wherever that is cut', () => {
    const token = ['ghp', '_', 'Q7f3kP9xLm2v'.repeat(3)].join('');
    for (let before = 150; before < 200; before += 1) {
      const { value } = fitted({ [`${'.'.repeat(before)} ${token}`]: 1 }, 1_000);
      expect(JSON.stringify(value)).not.toContain(token.slice(0, 8));
    }
  });

  it('never shows a part of a secret, wherever it is cut', () => {
    for (let before = 0; before < 120; before += 1) {
      const text = `${'.'.repeat(before)} ${KEY} ${'word '.repeat(5_000)}`;
      const cut = fitText(text, redactor, 100);
      expect(cut).not.toContain('Ab3');
    }
  });

  it('never shows a part of a private key that begins before the cut and ends behind it', () => {
    const words = ['BEGIN', 'PRIVATE', 'KEY'];
    const pem = `-----${words.join(' ')}-----\n${'MIIEvQIBADANBgkqhkiG9w0BAQEF\n'.repeat(60)}-----END PRIVATE KEY-----`;
    for (const before of [0, 500, 990, 1_020]) {
      const cut = cutText(`${'x'.repeat(before)} ${pem} ${'word '.repeat(5_000)}`, 1_100, redactor);
      expect(cut).not.toContain('MIIEv');
    }
  });

  it('never shows a part of a secret at the end of what was read, also where redaction has made the rest short', () => {
    const secret = `<<${'s3cr3t'.repeat(100)}>>`;
    const own = createRedactor({ patterns: [/<<[^>]{1,1000}>>/g] });
    for (let before = 0; before < 600; before += 7) {
      const cut = cutText('.'.repeat(before) + secret.repeat(200), 4_096, own);
      expect(cut).not.toContain('s3cr3t');
    }
  });

  it('takes no longer because it is longer', () => {
    let longest = 0;
    const watched = {
      ...redactor,
      text: (value: string) => {
        longest = Math.max(longest, value.length);
        return redactor.text(value);
      },
    };
    cutText('word '.repeat(2_000_000), 65_536, watched);
    expect(longest).toBeLessThan(80_000);
  });
});
