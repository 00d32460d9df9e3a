import { describe, expect, it } from 'vitest';

import { withholdContent } from '../../../src/telemetry/content/withhold.ts';
import { fc } from '../../support/properties.ts';

describe('withholdContent', () => {
  it('takes whole values of the content out of a message, wherever they stand in it', () => {
    const content = { city: 'Lisbon', order: { ids: [481516] }, note: 'the' };
    expect(withholdContent('no weather for Lisbon (order 481516), ask the desk about Lisbon', content)).toBe(
      'no weather for [content] (order [content]), ask [content] desk about [content]',
    );
  });

  it('takes stretches of a longer text out, as providers quote the beginning of a prompt', () => {
    const prompt = 'You are the assistant of Doctor Miller. Patient Jane Roe has a fever since Monday.';
    expect(withholdContent(`Invalid prompt: "You are the assistant of Doctor Mi…"`, [prompt])).toBe(
      'Invalid prompt: "[content]…"',
    );
  });

  it('takes stretches of sixteen characters of a longer text out also where nothing marks them as quoted', () => {
    const prompt = 'You are the assistant of Doctor Miller. Patient Jane Roe has a fever since Monday.';
    expect(
      withholdContent('too long at <Patient Jane Roe has a fever> (You are the assistant of Doctor Mi...)', [prompt]),
    ).toBe('too long at <[content]> ([content]...)');
    expect(withholdContent('stopped at <ane Roe has a fe> again', [prompt])).toBe('stopped at <[content]> again');
    expect(withholdContent('stopped at <ane Roe has a f> again', [prompt])).toBe('stopped at <ane Roe has a f> again');
  });

  it('takes short values out where they stand alone, and leaves words alone that hold one', () => {
    expect(withholdContent('no seat 7 in row A of the AA17 to Rio', { seat: 7, row: 'A', to: 'Rio' })).toBe(
      'no seat [content] in row [content] of the AA17 to [content]',
    );
  });

  it('takes out what a message quotes, however little of the content that is', () => {
    const prompt = 'Jane Roe has a fever';
    expect(withholdContent(`near "a fever", 'Roe' and \`Jane…\`; don't`, [prompt])).toBe(
      `near "[content]", '[content]' and \`[content]…\`; don't`,
    );
  });

  it.each([
    ['JavaScript writes it', JSON.stringify],
    // As Python and PHP do unless told otherwise.
    ['others write it, in ASCII', (value: unknown) => JSON.stringify(value).replace(/[^ -~]/g, escapedSign)],
  ])('takes out what a message quotes as JSON, as %s', (_how, write) => {
    const note = 'Fieber:\nJörg Müller sagt "nein"\n発熱があります';
    expect(withholdContent(`cannot take ${write({ note })} today`, { note })).toBe(
      'cannot take {"note":"[content]"} today',
    );
    expect(withholdContent(`cannot take ${write({ note: note.slice(0, 20) })} today`, { note })).toBe(
      'cannot take {"note":"[content]"} today',
    );
  });

  it.each([
    ['templates write it', encodeURIComponent],
    ['templates write all of it', encodeURI],
    ['forms write it', (value: string) => new URLSearchParams({ value }).toString().slice('value='.length)],
    ['clients make of it', (value: string) => new URL(`http://x/?${encodeURIComponent(value)}`).search.slice(1)],
    ['others write it, in small letters', (value: string) => encodeURIComponent(value).toLowerCase()],
  ])('takes out what a message quotes in an address, as %s', (_how, write) => {
    const quoted = (query: string): string => `500 Internal Server Error: GET http://127.0.0.1/s?q=${write(query)}&n=1`;
    for (const query of ["jane's fever", 'jörg müller, 発熱 😷', 'a+b', 'c++ in ulm', 'fever%20']) {
      expect(withholdContent(quoted(query), { query })).toBe(
        '500 Internal Server Error: GET http://127.0.0.1/s?q=[content]&n=1',
      );
    }
  });

  it('leaves a message alone that says nothing of the content', () => {
    const content = ['What should I pack for Lisbon?', { days: 3 }];
    for (const message of ['the weather service answered 503', 'GET /a%20b?c=%ed%a0%80+%E0%A4%A+1%: 100%']) {
      expect(withholdContent(message, content)).toBe(message);
    }
  });

  it('survives content that cannot be read', () => {
    const cyclic: Record<string, unknown> = { name: 'Lisbon' };
    cyclic['self'] = cyclic;
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    expect(withholdContent('no Lisbon here', [cyclic, hostile, null, undefined, Symbol('x'), 7n])).toBe(
      'no [content] here',
    );
  });

  it('never lets a value of the content through, whatever surrounds it', () => {
    const value = fc.string({ minLength: 4, maxLength: 60 }).filter((text) => !'[content]'.includes(text));
    fc.assert(
      fc.property(value, fc.string(), fc.string(), (secret, before, after) => {
        const cleaned = withholdContent(`${before}${secret}${after}`, { deep: [secret] });
        // What is left may not hold the value, unless the placeholder itself spells it.
        expect(cleaned.split('[content]').some((part) => part.includes(secret))).toBe(false);
      }),
    );
  });

  it('stays linear for megabytes of repetition', () => {
    const content = 'a'.repeat(2_000_000);
    expect(withholdContent(`${'a'.repeat(1000)}b`, [content])).toMatch(/b$/);
  });
});

function escapedSign(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
