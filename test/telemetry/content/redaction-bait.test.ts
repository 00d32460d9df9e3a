import { describe, expect, it } from 'vitest';

import { createRedactor } from '../../../src/telemetry/content/redactor.ts';

const MEGABYTE = 2 ** 20;
const redactor = createRedactor();

/** Beginnings of everything that is looked for, repeated. */
const BAIT: readonly string[] = [
  ['a', '1', ' ', '-', '_', '.', '*', '"', "'", '\\', '@', ':', '=', '+', '(', '>', '<', '/', '%20', '\n', '\u00e9'],
  [
    'sk-',
    'sk-learn-',
    'sk-your-',
    'sk-a.',
    'sk-*',
    'sk-aAbB',
    'eyJ-',
    'eyJhbGci-eyJ',
    'eyJhbGciOiJIUzI1NiJ9.',
    'ghp_',
    'EAAA',
  ],
  ['AKIA', 'SKaaaaaaaaaaaaaaaa-', 'patAAAAAAAAAAAAAAA.', 'SG.', 'ya29.', 'dp.pt.', '1//0', '12345678:AA', 'JQQJ99'],
  ['access_token$production$aaaaaaaaaaaaaaaa$', 'hooks.slack.com/services/', 'aaaaaaaaaaaaaaaaaaaaaaaa/'],
  ['-----BEGIN PRIVATE KEY-----', '-----BEGIN PRIVATE KEY-----"', '-----BEGIN A-----END', '-----END '],
  ['://', 'https://', '://a:b', '://a:b/', 'a@', 'a.b@c.', 'a@b.c.'],
  ['Bearer ', 'Basic aaaaaaaa ', 'Cookie: ', 'cookie:a=', 'authorization: Digest a=', 'authorization: a b="'],
  [
    'a:',
    'a=',
    'token:',
    'token="',
    "password='<",
    'token:\\"',
    'key=',
    '?key=',
    '&sig=',
    '--password ',
    'password is ',
  ],
  ['tokens=["<x>",', 'refresh_tokens:["<x>",', 'token=[', '<password>', '<password></password', 'password>'],
  ['1.', '1.2.3.', '8.8.8.', 'version 1.2.3.4 ', '2001:', '2001:1:', '2001::', '1 ', '12 ', '4111 ', '4111-', '0.1'],
  ['eyJhbGciOiJ9.', '4111 1111 1111 1112 ', '4111\t', '(2', '://a:', '://a:://', 'a:b@tcp(', 'a@tcp(', 'x/y@'],
  ['%20', '%22', '1%20', 'a%3D', '\\u0022', '\\\\\\\\', '\\\\u0022', '&quot;', '&#64;', 'password%3D', '%3A%2F%2Fa%3A'],
  ['\u001b', '\u001b[', '\u001b[1;', '\u001b[31m', '\\u001b[0m', '\u001b[Kghp_', '1\u001b[m'],
  ['name:', 'key="password"', 'name:password value:', 'value=', 'default=', 'variable "pin" {default=', '"kty""d":"'],
  ['curl -u a:', '-u a:bcd ', 'mysql -p', '-pabc ', 'Private-Lines: 1\nab ', 'keyghp_', 'aghp_aghp_', '4/0A'],
  ['password: |\n a', 'password: |\n  password: |\n  ', 'password:\n ', 'name="password"\r\n\r\n'],
  ['"key":"password","value":{"arrayValue":{"values":[{', 'selector:text:', '"element":"password","text":"a b"'],
  ['token: string = Some(', 'token: os.getenv("A", ', '<password><![CDATA[', '<key>password</key><string>'],
  ['password | ', '["password", "a1a1a1a1a1a1', 'x-api-key", "abcdefghijk1', "IDENTIFIED BY '", 'sqlplus a/b@'],
  ['mongo -p a', 'echo abc | sudo -S ', '1Q~', 'auth:"YTpi"', '-----BEGIN PRIVATE KEY-----\nA\n'],
  ['mnemonic: a ', 'mnemonic: abc abc ', 'iban: DE11 ', 'otp: ', 'dsn=a', 'contrase\u00f1a: ', '\u00f1a:'],
  ['authorization: Key a:', 'token:Key+ab:', 'API key provided:', 'API key provided: ', 'FAL_KEY=a:'],
  ['token=xxxxxx', 'token=Key+xxxxxx', 'token=$(', 'token={', 'token=self.', 'pwd=/', 'pin=a/', 'auth=a/', 'token:$A/'],
  [
    'cookie:a=xxxxxx',
    'passwordxoxb-',
    'axoxb-1xxxxxx-aghp_',
    'Basic+',
    'Basic+aO/',
    'Bearer+xxxxxx~',
    'Basic a.b<',
    '-P -pabc ',
  ],
  ['pa-', 'm0-', 'e2b_', 'wandb_v1_', 'AQ.Ab', 'sl.', 'sl.u.', 're_abcdefgh_'],
  ["PASSWORD 'a ", "CREATE USER a PASSWORD 'a ", "CREATE USER a PASSWORD 'a''", 'CREATE USER ', ' WITH WITH WITH WITH'],
  [
    'EAA',
    'EAA-',
    'EAAAA-',
    'ek_',
    'pat-na1-',
    'sk.eyJ',
    'sk.eyJ.',
    'glimt-',
    'glimt-a',
    'xoxd-',
    'xoxd-%2B',
    'xoxd-a%2',
  ],
  ['+1 ', '(1', '(415) ', '415-', 'phone 1', '00 4 ', '(2)', '+1 (', '(415) 5', '1 1  ', '2001:1:', '3fff::1:'],
  [
    '%',
    '%2',
    '%40',
    'a%40b.',
    '&',
    '&amp;',
    '\\u0',
    '\\u002',
    '\\\\u',
    '%5C',
    'a%2C',
    '1.1.1.1 ',
    '@tcp(',
    'a:b@unix(',
  ],
].flat();

/** How much of each bait. More of it, as `npm run test:bait` takes, also shows squares that are cheap. */
const KILOBYTES = Number(process.env['BAIT_KILOBYTES'] ?? 128);
const LENGTH = KILOBYTES * 2 ** 10;
/**
 * Many times what a text takes whose time grows with its length. Where time grew with the square of the length, 128
 * kilobytes of a bait would take four seconds and 512 a minute, and the test would run into this limit.
 */
const LIMIT_MS = KILOBYTES * 10;

describe(`redaction of ${KILOBYTES} kilobytes of bait`, { timeout: LIMIT_MS }, () => {
  it.each(BAIT.map((bait) => [JSON.stringify(bait), bait]))(
    'of %s ends, and still finds what comes last',
    (_, bait) => {
      const text = bait.repeat(Math.floor((LENGTH - 100) / bait.length));
      const secret = ['gh', 'p_16C7e42F292c6912E7710c838347Ae178B4a'].join('');
      expect(redactor.text(`${text}\n\n"${secret}"`)).not.toContain(secret);
    },
  );

  it('of openings behind more and more backslashes ends', () => {
    let text = '';
    for (let depth = 0; text.length < LENGTH - 100; depth += 1) text += `token:${'\\'.repeat(depth % 40)}"`;
    expect(redactor.text(`${text} end`)).toMatch(/ end$/);
  });

  it('of backslashes in a text with an escape ends', () => {
    const text = `%20${'\\'.repeat(LENGTH - 100)} end`;
    expect(redactor.text(text)).toBe(text);
  });
});

describe('redaction of very long texts', () => {
  it('keeps the first million characters, and says how many it left out', () => {
    const text = 'word '.repeat(2_000_000);
    const redacted = redactor.text(text);
    expect(redacted.length).toBeLessThan(MEGABYTE + 100);
    expect(redacted).toMatch(/^word word .*… \[89514\d\d characters left out\]$/s);
  });

  it('does not cut a secret in two', () => {
    const token = ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', 'c2lnbmF0dXJl'].join('.');
    for (const before of [1, 4, 20, 22, 30, token.length - 1]) {
      const text = `${'a'.repeat(MEGABYTE - before - 1)} ${token} ${'b '.repeat(100)}`;
      expect(redactor.text(text)).not.toContain('eyJ');
    }
  });
});
