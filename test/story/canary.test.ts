/**
 * Nothing of a conversation leaves while content is not recorded, and no secret ever does: told by running
 * everything there is with markers in it, and looking for the markers in every byte that was sent, kept or printed.
 * `canary-destinations.test.ts` does so for the ways things leave, `canary-joined.test.ts` for spans of an
 * application's own tracing, and `canary-served.test.ts` for the product as a process.
 */
import { existsSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { SCENARIOS } from '../../src/cli/demo/scenarios.ts';
import { startStubProvider, type StubProvider } from '../../src/testing/stub-provider.ts';
import { FAILED_ANSWER } from './canary-http.ts';
import { ANYTHING, CONTENT, found, missing, NEVER, PERSONAL, RECORDED, SECRETS, UNSAID } from './canary-parts.ts';
import { setTheStage } from './canary-stage.ts';
import { ADAPTERS, everything, STORIES } from './canary-stories.ts';

const stage = setTheStage();

describe('the search', () => {
  const text = `${CONTENT.prompt} "${SECRETS['private key']}"`;
  const canaries = { word: CONTENT.prompt, secret: SECRETS['private key'] };

  it.each([
    ['as it is', text],
    ['in JSON in JSON', JSON.stringify({ body: JSON.stringify({ text }) })],
    ['in a URL', `https://example.org/?q=${encodeURIComponent(text)}`],
    ['in a form', new URLSearchParams({ text }).toString()],
    ['in base64', Buffer.from(text).toString('base64')],
    ['in base64, behind one byte', Buffer.from(`.${text}`).toString('base64')],
    ['in base64 for URLs, behind two bytes', Buffer.from(`..${text}`).toString('base64url')],
    ['in hexadecimal digits', Buffer.from(text).toString('hex')],
    ['packed', gzipSync(text)],
    ['in protobuf', Buffer.from([10, text.length, ...Buffer.from(text), 255, 0])],
  ])('finds a word and a secret %s', (_how, bytes) => {
    expect(found([{ way: 'here', bytes }], canaries)).toEqual(['secret: here', 'word: here']);
  });

  it('finds half a secret, and nothing where nothing is', () => {
    const bytes = `-----${SECRETS['private key'].slice(0, 20)}[redacted:private_key]`;
    expect(found([{ way: 'here', bytes }], { ...canaries, ...UNSAID })).toEqual(['secret: here']);
  });
});

describe('every scenario of the demo', () => {
  /** What is said, asked, found, remembered and thrown in them. */
  const MARKERS = [
    'What should I pack|Light clothes|Take the train|Sintra|Oslo|Barcelona|Lisbon|market hall|every street',
    'You help people|Likes to pack|19 °C|cannot see the forecast|the weather service answered|disk image is malformed',
    'connection was closed|Rate limit reached|Incorrect API key|sk-proj-7Qd2|QXjY',
  ].flatMap((line) => line.split('|'));

  it.each(Object.keys(SCENARIOS))('%s', async (name) => {
    const providers: StubProvider[] = [];
    const left = await stage.play(async () => {
      await SCENARIOS[name]!.run({
        async provider(script) {
          const provider = await startStubProvider(script);
          providers.push(provider);
          return provider;
        },
        show: () => {},
      });
    });
    await Promise.all(providers.map((provider) => provider.close()));
    expect(found(left, Object.fromEntries(MARKERS.map((marker) => [marker, marker])))).toEqual([]);
    expect(stage.sentry.spans.length).toBeGreaterThan(0);
  });
});

it('every adapter there is takes part', () => {
  const directory = new URL('../../src/adapters/', import.meta.url);
  const adapters = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.ts')) : [];
  expect(adapters.map((name) => name.replace(/\.ts$/, '')).toSorted()).toEqual(Object.keys(ADAPTERS).toSorted());
});

describe('with content off, which is the default', () => {
  it.each(Object.entries(STORIES))('no content and no secret leaves %s', async (_name, story) => {
    const left = await stage.play(story);
    expect(found(left, ANYTHING)).toEqual([]);
    expect(stage.sentry.spans.length).toBeGreaterThan(0);
  });

  it('the failures themselves do leave', async () => {
    const left = await stage.play(everything);
    expect(found(left, ANYTHING)).toEqual([]);
    expect(stage.sentry.envelopes.length).toBeGreaterThan(15);
    expect(missing(left, { class: 'ServiceError', code: 'Bad Request (content_policy)' })).toEqual([]);
  });

  it('what error messages quote of known content stays in when messages may leave, and secrets do', async () => {
    const left = await stage.play(STORIES['an application on the runtime']!, { errorMessages: 'redacted' });
    const { message, cause: _cause, argument: _argument, ...known } = CONTENT;
    expect(found(left, { ...known, ...SECRETS, ...PERSONAL })).toEqual([]);
    expect(missing(left, { message })).toEqual([]);
  });
});

describe('with content on', () => {
  it('content leaves, no secret does, and who is told that something failed learns nothing of either', async () => {
    const left = await stage.play(everything, { captureContent: true });
    const told = left.filter(({ way }) => way === FAILED_ANSWER);
    expect(missing(left, RECORDED)).toEqual([]);
    expect(found(left, NEVER)).toEqual([]);
    expect(told.length).toBeGreaterThan(5);
    expect(found(told, ANYTHING)).toEqual([]);
  });
});
