import { describe, expect, test } from 'vitest';

import { dsn, sentryAuth, tracesUrl } from '../../../src/telemetry/config/dsn.ts';
import { fc } from '../../support/properties.ts';

const read = (text: string) => dsn.fromText(text, 'SENTRY_DSN');

function tracesUrlOf(text: string): string {
  const { value, problem } = read(text);
  if (value === undefined) throw new Error(problem);
  return tracesUrl(value);
}

describe('a DSN', () => {
  test('leads to the OTLP endpoint of its project on its own host', () => {
    expect(tracesUrlOf('https://pub@o1.ingest.us.sentry.io/42')).toBe(
      'https://o1.ingest.us.sentry.io/api/42/integration/otlp/v1/traces/',
    );
  });

  test.each([
    ['in Germany', 'https://pub@o1.ingest.de.sentry.io/42', 'https://o1.ingest.de.sentry.io/api/42'],
    ['without a region', 'https://pub@o1.ingest.sentry.io/42', 'https://o1.ingest.sentry.io/api/42'],
    ['on the bare legacy host', 'https://pub@sentry.io/42', 'https://sentry.io/api/42'],
    ['self-hosted over http', 'http://pub@sentry.example.com/42', 'http://sentry.example.com/api/42'],
    ['with a port', 'http://pub@localhost:9000/42', 'http://localhost:9000/api/42'],
    ['with an IPv6 host', 'http://pub@[::1]:9000/42', 'http://[::1]:9000/api/42'],
    ['with a prefix', 'https://pub@example.com/sentry/42', 'https://example.com/sentry/api/42'],
    ['with a long prefix', 'https://pub@example.com/a/b/c/42', 'https://example.com/a/b/c/api/42'],
    ['with a closing slash', 'https://pub@example.com/42/', 'https://example.com/api/42'],
    ['with an old secret', 'https://pub:sec@example.com/42', 'https://example.com/api/42'],
  ])('%s keeps scheme, host, port and prefix', (_, text, project) => {
    expect(tracesUrlOf(text)).toBe(`${project}/integration/otlp/v1/traces/`);
  });

  test('loses the secret half of its key', () => {
    expect(read('https://pub:sec@example.com:8443/a/42')).toEqual({
      value: { publicKey: 'pub', origin: 'https://example.com:8443', pathPrefix: '/a', projectId: '42' },
    });
  });

  test('authenticates by a header that begins the way Relay requires, key first', () => {
    const { value } = read('https://pub@example.com/42');
    expect(value && sentryAuth(value)).toBe('sentry sentry_key=pub, sentry_version=7, sentry_client=faultline/0.1.0');
  });

  const expected = 'https://<public key>@<host>/<project id>, as in Sentry under Project Settings > Client Keys (DSN)';
  test.each([
    ['pub@example.com/42', `is not a URL: it must be ${expected}`],
    ['https://example.com/42', `has no public key: it must be ${expected}`],
    ['https://:sec@example.com/42', `has no public key: it must be ${expected}`],
    ['https://p%20b@example.com/42', `has a public key with characters no key has: it must be ${expected}`],
    ['https://pub@example.com', `has no project id: it must be ${expected}`],
    ['https://pub@example.com/my-project', `has a project id that is not a number: it must be ${expected}`],
    ['ftp://pub@example.com/42', `starts with neither https:// nor http://: it must be ${expected}`],
    ['pub:sec@example.com/42', `starts with neither https:// nor http://: it must be ${expected}`],
    ['https://pub@example.com /42', `holds a space or line break: it must be one piece, ${expected}`],
    ['https://pub@example.com/42,https://key@example.com/43', `holds more than one DSN: it must be one, ${expected}`],
    ['https://pub@example.com/42https://pub@example.com/42', `holds more than one DSN: it must be one, ${expected}`],
    [
      '"https://pub@example.com/42"',
      'is wrapped in quotes, which whatever set it did not remove: write it without them',
    ],
  ])('%s is refused with one sentence', (text, problem) => {
    expect(read(text)).toEqual({ problem });
  });

  test('of any correct form is read back whole', () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);
    fc.assert(
      fc.property(
        fc.constantFrom('http', 'https'),
        fc.stringMatching(/^[a-f0-9]{32}$/),
        fc.option(word),
        fc.constantFrom('o1.ingest.us.sentry.io', 'localhost', '10.0.0.1', '[::1]'),
        fc.option(fc.integer({ min: 1024, max: 65_535 })),
        fc.array(word, { maxLength: 3 }),
        fc.nat(),
        (scheme, publicKey, secret, host, port, prefix, project) => {
          const origin = `${host}${port === null ? '' : `:${port}`}`;
          const key = `${publicKey}${secret === null ? '' : `:${secret}`}`;
          expect(read(`${scheme}://${key}@${[origin, ...prefix, project].join('/')}`)).toEqual({
            value: {
              publicKey,
              origin: `${scheme}://${origin}`,
              pathPrefix: prefix.map((segment) => `/${segment}`).join(''),
              projectId: String(project),
            },
          });
        },
      ),
    );
  });

  test('of any other form never throws, and its problem never shows the key or the secret', () => {
    const key = 'k0123456789abcdef';
    const secret = 's0123456789abcdef';
    const noise = fc.oneof(fc.string(), fc.constantFrom('', ' ', '"', '@', ':', '/', '://', 'https://', '%', '\n'));
    fc.assert(
      fc.property(noise, noise, noise, noise, (a, b, c, d) => {
        const reading = read(`${a}${key}${b}${secret}${c}@host/${d}`);
        expect(reading.problem ?? '').not.toContain(key);
        expect(reading.problem ?? '').not.toContain(secret);
      }),
      { numRuns: 300 },
    );
  });
});
