import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';

import { describe, expect, it } from 'vitest';

import { plainAttributes } from '../../../src/telemetry/content/plain-attribute.ts';
import { createRedactor, type RedactionOptions } from '../../../src/telemetry/content/redactor.ts';
import { secretCases } from './corpus/secrets.ts';
import { costOfLength } from '../../support/cost.ts';
import { fc } from '../../support/properties.ts';

const KEY = ['sk-', 'ant-api03-', 'Q7f3kP9xLm2vTz8R'].join('');
const TOKEN = ['gh', 'p_', '16C7e42F292c6912E7710c838347Ae178B4a'].join('');

const redactor = createRedactor();

describe('a redacted text', () => {
  it.each([
    ['the key of a provider', `use ${KEY} today`, 'use [redacted:anthropic_key] today'],
    ['a key the provider has masked', 'provided: sk-proj-ab****yz.', 'provided: [redacted:openai_key].'],
    ['a bearer token', 'Authorization: Bearer abc.def-123', 'Authorization: Bearer [redacted:bearer_token]'],
    [
      'a token before what was cut off',
      'Authorization: Token abc.def-123<...',
      'Authorization: Token [redacted:authorization]<...',
    ],
    ['credentials in a URL', 'postgres://ada:pw@db:5432/x', 'postgres://[redacted:url_credentials]@db:5432/x'],
    [
      'a parameter of a query',
      'https://x.test/?a=1&sig=aBc%3D&b=2',
      'https://x.test/?a=1&sig=[redacted:signature]&b=2',
    ],
    ['a cookie', 'Cookie: a=1; b=2\nHost: x', 'Cookie: [redacted:cookie]\nHost: x'],
    ['an assignment', 'PASSWORD=hunter2 npm start', 'PASSWORD=[redacted:password] npm start'],
    ['a sentence', 'My password is hunter2.', 'My password is [redacted:password].'],
    ['a card', 'pay with 4111 1111 1111 1111, please', 'pay with [redacted:card], please'],
    ['an e-mail address', 'mail ada@mail.org.', 'mail [redacted:email].'],
    ['a telephone number', 'call +49 30 1234567 now', 'call [redacted:phone] now'],
    ['an address on the Internet', 'from 203.0.113.7:443', 'from [redacted:ip_address]:443'],
  ])('says what stood in the place of %s', (_, text, redacted) => {
    expect(redactor.text(text)).toBe(redacted);
  });

  it('stays JSON where it was JSON, also within JSON', () => {
    const login = { user: 'ada', password: 'say "please" \\ now', pins: [1, 2], cvv: 123, ok: true };
    const text = JSON.stringify({ id: 7, body: JSON.stringify(login) });
    const { body } = JSON.parse(redactor.text(text)) as { body: string };
    expect(JSON.parse(body)).toEqual({
      ...login,
      password: '[redacted:password]',
      cvv: '[redacted:card_code]',
    });
  });

  it('stays JSON where what is under a name ends in backslashes, at any depth', () => {
    const text = JSON.stringify({ password: 'hunter2\\', path: 'C:\\', token: 'say "hunter2\\\\', city: 'Bonn' });
    const redacted = { password: '[redacted:password]', path: 'C:\\', token: '[redacted:token]', city: 'Bonn' };
    expect(JSON.parse(redactor.text(text))).toEqual(redacted);
    const { body } = JSON.parse(redactor.text(JSON.stringify({ body: text }))) as { body: string };
    expect(JSON.parse(body)).toEqual(redacted);
  });

  it.each([
    'hunter"3',
    'hunter""3',
    'hunter"\\3',
    'hunter", "3',
    'hunter"} 3',
    'hunter" 3',
    'hunter";3',
    'hunter"{3',
    'hunter\\"3',
    'hunter\\',
  ])(
    'keeps nothing of a secret with quotation marks and backslashes, also in JSON as a program quotes it: %s',
    (password) => {
      const body = JSON.stringify({ password });
      expect(redactor.text(inspect({ body }))).toBe(`{ body: '{"password":"[redacted:password]"}' }`);
      expect(redactor.text(inspect({ body: JSON.stringify({ body }) }))).toBe(
        String.raw`{ body: '{"body":"{\\"password\\":\\"[redacted:password]\\"}"}' }`,
      );
      const { line } = JSON.parse(redactor.text(JSON.stringify({ line: inspect({ body }) }))) as { line: string };
      expect(line).toBe(`{ body: '{"password":"[redacted:password]"}' }`);
    },
  );

  it.each(['.', '/>', '.trim() + "."', ':1', ' and "no other"'])(
    'keeps nothing of a secret that ends in a backslash, whatever follows it: %s',
    (rest) => {
      expect(redactor.text(`password = "hunter2\\\\"${rest}\n`)).toBe(`password = "[redacted:password]"${rest}\n`);
    },
  );

  it.each(['} (of 3 members)', ' for the database', ', port: 5432 }'])(
    'keeps what follows a secret that ends in a backslash, where the text ends: %s',
    (rest) => {
      const safe = `password: "[redacted:password]"${rest}`;
      expect(redactor.text(`password: "hunter2\\\\"${rest}`)).toBe(safe);
      expect(redactor.text(JSON.stringify({ code: `password: "hunter2\\\\"${rest}` }))).toBe(
        JSON.stringify({ code: safe }),
      );
    },
  );

  it('stays JSON where a number of it is one of a card or a telephone, at any depth', () => {
    const text = JSON.stringify({ pan: 4111111111111111, phone: 1701234567, id: 1701234567 });
    const redacted = { pan: '[redacted:card]', phone: '[redacted:phone]', id: 1701234567 };
    expect(JSON.parse(redactor.text(text))).toEqual(redacted);
    const { body } = JSON.parse(redactor.text(JSON.stringify({ body: text }, null, 2))) as { body: string };
    expect(JSON.parse(body)).toEqual(redacted);
  });

  it('stays JSON where an escape stands before an e-mail address', () => {
    const text = JSON.stringify({ page: 'a\fada@mail.org b\bada@mail.org c\u0007ada@mail.org d\nada@mail.org' });
    expect(redactor.text(text)).toBe(text.replaceAll('ada@mail.org', '[redacted:email]'));
    expect(redactor.text(String.raw`CORP\Fred@mail.org`)).toBe(String.raw`CORP\[redacted:email]`);
  });

  it('replaces what hides behind escapes where it stands, and leaves the other escapes as they are', () => {
    expect(redactor.text('?a=%20b&f=user%3Dada%26password%3Dhunter2%26x%3D%2F')).toBe(
      '?a=%20b&f=user%3Dada%26password%3D[redacted:password]%26x%3D%2F',
    );
    const text = JSON.stringify({ body: '{\\u0022password\\u0022:\\u0022hunter2\\u0022,\\u0022a\\u0022:1}' });
    expect(redactor.text(text)).toBe(text.replace('hunter2', '[redacted:password]'));
  });

  it('replaces what was shortened of a secret, and leaves what only stands for one', () => {
    const key = 'Z0wHQj8t9bimspa2bEzRSdgNMiMy5mIB24Gb==';
    expect(redactor.text(`{"password":"hunter2secret...`)).toBe('{"password":"[redacted:password]');
    expect(redactor.text('token: 9fK2lm8Qw2xZ77aa… was refused')).toBe('token: [redacted:token] was refused');
    expect(redactor.text(`AccountKey=${key};EndpointSuffix=core.windows.net...`)).not.toContain(key.slice(0, 12));
    for (const standIn of ['sk-proj-...', 'sk-a1b...', 'your_key_1...', 'xxxxxxxx1...', '...', '9fK2...77aa']) {
      expect(redactor.text(`OPENAI_API_KEY=${standIn}`)).toBe(`OPENAI_API_KEY=${standIn}`);
    }
    expect(redactor.text('Password: checking...')).toBe('Password: checking...');
  });

  it('replaces what the colours of a terminal stand before, and leaves those as they are', () => {
    const token = ['gh', 'p_16C7e42F292c6912E7710c838347Ae178B4a'].join('');
    // As grep highlights what it was asked for.
    const line = `a.js:3:\u001b[01;31m\u001b[K${token}\u001b[m\u001b[K;`;
    expect(redactor.text(line)).toBe(line.replace(token, '[redacted:github_token]'));
    const output = JSON.stringify({ stdout: `\u001b[36mpassword\u001b[39m: \u001b[32mhunter2\u001b[39m ${line}` });
    expect(redactor.text(output)).toBe(
      output.replace('hunter2', '[redacted:password]').replace(token, '[redacted:github_token]'),
    );
    const plain = '\u001b[1mTokens\u001b[22m: 12\u001b[33m 4567\u001b[0m';
    expect(redactor.text(plain)).toBe(plain);
  });

  it('knows a value by the member that names it', () => {
    const env = [
      { name: 'DB_PASSWORD', value: 'hunter2' },
      { Key: 'X-Api-Key', Value: 'hunter2' },
      { name: 'REGION', value: 'hunter2' },
    ];
    expect(redactor.value(env)).toEqual([
      { name: 'DB_PASSWORD', value: '[redacted:password]' },
      { Key: 'X-Api-Key', Value: '[redacted:api_key]' },
      { name: 'REGION', value: 'hunter2' },
    ]);
  });

  it('knows a value by the item before it where the list is one of headers or of arguments', () => {
    expect(redactor.value(['Host', 'x.test', 'X-Api-Key', 'hunter2', 'Accept', '*/*'])).toEqual([
      'Host',
      'x.test',
      'X-Api-Key',
      '[redacted:api_key]',
      'Accept',
      '*/*',
    ]);
    expect(redactor.value(['mysql', '--password', 'hunter2'])).toEqual(['mysql', '--password', '[redacted:password]']);
    const names = ['api_key', 'access_token', 'password', 'username'];
    expect(redactor.value(names)).toEqual(names);
  });

  it('knows a value by the attribute of OTLP it is in, and by the field it is filled into', () => {
    const key = 'http.request.header.x-api-key';
    expect(
      redactor.value([
        { key: 'api_key', value: { stringValue: 'hunter2' } },
        { key, value: { arrayValue: { values: [{ stringValue: 'hunter2' }, { stringValue: 'hunter3' }] } } },
        { key: 'city', value: { stringValue: 'Bonn' } },
        { element: 'Password field', ref: 'e7', text: 'hunter2' },
        { selector: 'input#city', value: 'Bonn' },
        { selector: 'a.password', text: 'Forgot your password?' },
        { type: 'text', name: 'password', text: 'hunter2' },
      ]),
    ).toEqual([
      { key: 'api_key', value: { stringValue: '[redacted:api_key]' } },
      {
        key,
        value: {
          arrayValue: { values: [{ stringValue: '[redacted:api_key]' }, { stringValue: '[redacted:api_key]' }] },
        },
      },
      { key: 'city', value: { stringValue: 'Bonn' } },
      { element: 'Password field', ref: 'e7', text: '[redacted:password]' },
      { selector: 'input#city', value: 'Bonn' },
      { selector: 'a.password', text: 'Forgot your password?' },
      { type: 'text', name: 'password', text: 'hunter2' },
    ]);
  });

  it('knows a value in a text however it is written, also where its name stands apart from it', () => {
    const tokens = { name: 'refresh_tokens', value: ['hunter2', 'hunter3'] };
    expect(redactor.text(JSON.stringify(tokens))).toBe('{"name":"refresh_tokens","value":["[redacted:token]"]}');
    expect(redactor.text('- name: DB_PASSWORD\n  value: |\n    hunter2\n- name: PORT')).toBe(
      '- name: DB_PASSWORD\n  value: |\n    [redacted:password]\n- name: PORT',
    );
    expect(redactor.text('{"db_password":{"stringValue":"hunter2"},"port":{"intValue":1}}')).toBe(
      '{"db_password":{"stringValue":"[redacted:password]"},"port":{"intValue":1}}',
    );
  });

  it('has no secret in a list of a text either that stands before the first its name makes one', () => {
    const keys = [`staging: ${KEY}`, 'hunter2'];
    expect(redactor.text(JSON.stringify({ api_keys: keys }))).toBe('{"api_keys":["[redacted:api_key]"]}');
    expect(redactor.text(JSON.stringify({ name: 'api_keys', value: keys }))).toBe(
      '{"name":"api_keys","value":["[redacted:api_key]"]}',
    );
  });

  it('has no secret of a list in an indented text of JSON in JSON, whatever stands in it', () => {
    const list = JSON.stringify({ passwords: ['hunter"2\n', 'hunter3'] }, null, 2);
    const { body } = JSON.parse(redactor.text(JSON.stringify({ body: list }))) as { body: string };
    expect(JSON.parse(body)).toEqual({ passwords: ['[redacted:password]'] });
  });

  it.each([0, 2])(
    'has no secret behind an option in a list of arguments in a text either, indented by %i',
    (indent) => {
      const args = ['-y', 'maps', '--api-key', 'hunter2', '--token', '--password', 'hunter"3'];
      const safe = ['-y', 'maps', '--api-key', '[redacted:api_key]', '--token', '--password', '[redacted:password]'];
      const file = JSON.stringify({ args }, null, indent);
      expect(JSON.parse(redactor.text(file))).toEqual({ args: safe });
      const { body } = JSON.parse(redactor.text(JSON.stringify({ body: file }))) as { body: string };
      expect(JSON.parse(body)).toEqual({ args: safe });
      const described = JSON.stringify(['--password', 'what the user logs in with', '--token', 'api_token']);
      expect(redactor.text(described)).toBe(described);
    },
  );

  it.each([
    '{"name":"--password","summary":"of the database"}',
    '{\n  "long": "--token",\n  "short" : "-t"\n}',
    String.raw`{\"option\":\"--api-key\",\"variable\":\"KEY\"}`,
    'They are `--user`, `--password`, `host` and `port`.',
  ])('keeps what follows an option in no list of arguments: %s', (text) => {
    expect(redactor.text(text)).toBe(text);
  });

  it('has no secret behind an option in a sentence that lists arguments and goes on with a colon', () => {
    expect(redactor.text('could not run "mysql", "--password", "hunter2": ENOENT')).toBe(
      'could not run "mysql", "--password", "[redacted:password]": ENOENT',
    );
  });

  it('knows in a text what is filled into a field, whatever stands between the two', () => {
    const filled = { selector: '#password', strategy: 'css', text: 'hunter2' };
    expect(redactor.text(JSON.stringify(filled))).toBe(JSON.stringify({ ...filled, text: '[redacted:password]' }));
  });

  it('knows the private part of a JSON Web Key by the type of the key', () => {
    expect(redactor.value([{ kty: 'EC', x: 'abcd', d: 'Q7f3kP9xLm2vTz8R' }, { d: 'M10 10 H 90' }])).toEqual([
      { kty: 'EC', x: 'abcd', d: '[redacted:private_key]' },
      { d: 'M10 10 H 90' },
    ]);
  });

  it('knows all private parts of a JSON Web Key in a text, from one of which the others follow', () => {
    const part = 'Q7f3kP9xLm2vTz8R'.repeat(4);
    const key = { kty: 'RSA', n: part, e: 'AQAB', d: part, p: part, q: part, dp: part, dq: part, qi: part };
    const redacted = '[redacted:private_key]';
    const { kty, n, e } = key;
    const safe = { kty, n, e, d: redacted, p: redacted, q: redacted, dp: redacted, dq: redacted, qi: redacted };
    expect(redactor.text(JSON.stringify(key))).toBe(JSON.stringify(safe));
    expect(redactor.text(JSON.stringify(JSON.stringify(key)))).toBe(JSON.stringify(JSON.stringify(safe)));
  });

  it('keeps what is no part of a key beside a JSON Web Key', () => {
    const question = { q: 'how do I verify a token with the keys of this set' };
    const path = { d: ['M10 10 H 90 V 90 H 10 L 10 10 M20 20 H 80 V 80'] };
    const text = JSON.stringify([{ kty: 'EC', x: 'abcd' }, question, path]);
    expect(redactor.text(text)).toBe(text);
  });

  it('knows a value by the name before it, also in the entries of headers', () => {
    const headers = [
      ['x-api-key', 'hunter2'],
      ['cookie', 'a=b; c=d'],
      ['accept', '*/*'],
    ];
    expect(redactor.value({ headers })).toEqual({
      headers: [
        ['x-api-key', '[redacted:api_key]'],
        ['cookie', '[redacted:cookie]'],
        ['accept', '*/*'],
      ],
    });
  });

  it('is the same when it is redacted once more', () => {
    for (const { text } of secretCases()) {
      const redacted = redactor.text(text);
      expect(redactor.text(redacted)).toBe(redacted);
    }
  });

  it('keeps the private key of a file out, also where its end was cut off', () => {
    const begin = ['-----BEGIN', 'PRIVATE KEY-----'].join(' ');
    expect(redactor.text(`before\n${begin}\nMIIEvQ+/=\nabc`)).toBe('before\n[redacted:private_key]');
  });

  it('keeps a very long private key out, and what stands behind it in', () => {
    const lines = 'q7Xz'.repeat(16).concat('\n').repeat(4000);
    const key = `-----BEGIN PRIVATE KEY-----\n${lines}-----END PRIVATE KEY-----`;
    expect(redactor.text(`${key}\nand "more". ${key}.`)).toBe(
      '[redacted:private_key]\nand "more". [redacted:private_key].',
    );
  });

  it('has the lines below a name that belong to it replaced, and no others', () => {
    expect(redactor.text('a:\n  password: |\n    hunter2\n\n    more\n  port: 1\n')).toBe(
      'a:\n  password: |\n    [redacted:password]\n  port: 1\n',
    );
    expect(redactor.text(JSON.stringify({ a: 'password: |\n  hunter2\n  more\nport: 1', b: 'x' }))).toBe(
      JSON.stringify({ a: 'password: |\n  [redacted:password]\nport: 1', b: 'x' }),
    );
  });

  it('keeps addresses of the machine and of private networks, which name nobody', () => {
    const text = 'connect ECONNREFUSED 127.0.0.1:5432, 10.0.0.1, 172.16.0.1, 192.168.0.1, ::1, fe80::1';
    expect(redactor.text(text)).toBe(text);
  });

  it('has no half of a surrogate pair', () => {
    expect(redactor.text(`a\uD800b \uDC00 ${KEY}`)).toBe('a\uFFFDb \uFFFD [redacted:anthropic_key]');
  });

  it('loses nothing but what was found, whatever the text is', () => {
    const texts = fc.sample(fc.string({ unit: 'binary', maxLength: 200 }), 500).map((text) => text.toWellFormed());
    const changed = texts.filter((text) => redactor.text(text) !== text);
    expect(changed.filter((text) => !redactor.text(text).includes('[redacted:'))).toEqual([]);
  });
});

describe('what is redacted', () => {
  const text = `${TOKEN} 4111111111111111 ada@mail.org +4930123456 203.0.113.7 password=hunter2`;
  const off = { secrets: false, cards: false, emails: false, phones: false, ipAddresses: false, keys: false };

  it.each([
    ['secrets', TOKEN],
    ['cards', '4111111111111111'],
    ['emails', 'ada@mail.org'],
    ['phones', '+4930123456'],
    ['ipAddresses', '203.0.113.7'],
    ['keys', 'hunter2'],
  ] as const)('is switched by kind: %s', (kind, value) => {
    expect(createRedactor({ [kind]: false }).text(text)).toContain(value);
    const alone = createRedactor({ ...off, [kind]: true }).text(text);
    const [placeholder] = /\[redacted:\w+\]/.exec(alone)!;
    expect(alone).toBe(text.replace(value, placeholder));
  });

  it('is nothing when everything is off', () => {
    expect(createRedactor(off).text(text)).toBe(text);
  });

  it('are headers with secrets under either rule', () => {
    const header = 'Cookie: sid=abc123def';
    expect(createRedactor({ ...off, secrets: true }).text(header)).toBe('Cookie: [redacted:cookie]');
    expect(createRedactor({ ...off, keys: true }).text('x-api-key: abc123def')).toBe('x-api-key: [redacted:api_key]');
  });
});

describe('patterns of the application', () => {
  it('are all replaced, with their name or as custom, and are not moved', () => {
    const sticky = /ACME-\d+/y;
    sticky.lastIndex = 3;
    const own = createRedactor({ patterns: [sticky, { name: 'badge', pattern: /b\d{3}/i }, /x*/] });
    expect(own.text('a ACME-1 ACME-22 B123 end')).toBe('a [redacted:custom] [redacted:custom] [redacted:badge] end');
    expect(sticky.lastIndex).toBe(3);
  });

  it('come before ours, so that they see the text as it was', () => {
    const own = createRedactor({ patterns: [{ name: 'account', pattern: /acct 4111111111111111/ }] });
    expect(own.text('acct 4111111111111111')).toBe('[redacted:account]');
  });

  it.each([
    [{ patterns: ['x'] }, 'redaction.patterns[0] must be a RegExp or { name, pattern: RegExp }, but is string'],
    [{ patterns: [/a/, { pattern: /a/ }] }, 'redaction.patterns[1] must be'],
    [{ redact: 'x' }, 'redaction.redact must be a function, but is string'],
  ])('must be patterns: %j', (options, message) => {
    expect(() => createRedactor(options as unknown as RedactionOptions)).toThrow(message);
  });

  it('are tried on numbers in values too', () => {
    const badges = createRedactor({ patterns: [{ name: 'badge', pattern: /^42\d\d$/ }] });
    expect(badges.value({ badge: 4217, count: 17 })).toEqual({ badge: '[redacted:badge]', count: 17 });
  });

  it('are tried on numbers in attributes too, of which a list stays one of a single type', () => {
    const badges = createRedactor({ patterns: [{ name: 'badge', pattern: /^42\d\d$/ }] });
    const attributes = { 'app.badge': 4217, 'app.count': 17, 'app.badges': [1, 4218], 'app.counts': [1, 2] };
    expect(plainAttributes(attributes, badges)).toEqual({
      'app.badge': '[redacted:badge]',
      'app.count': 17,
      'app.badges': ['1', '[redacted:badge]'],
      'app.counts': [1, 2],
    });
    expect(plainAttributes(attributes, redactor)).toBe(attributes);
  });
});

describe('the function of the application', () => {
  it('comes last, and is told under which name a text stands', () => {
    const seen: unknown[] = [];
    const own = createRedactor({
      redact: (text, context) => {
        seen.push([text, context]);
        return text.toUpperCase();
      },
    });
    expect(own.value({ city: `bonn ${KEY}`, list: ['a'] })).toEqual({
      CITY: 'BONN [REDACTED:ANTHROPIC_KEY]',
      LIST: ['A'],
    });
    expect(seen).toContainEqual(['bonn [redacted:anthropic_key]', { key: 'city' }]);
    expect(seen).toContainEqual(['a', { key: 'list' }]);
    expect(own.text('x')).toBe('X');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('raw');
      },
    ],
    ['answers no text', () => undefined as unknown as string],
    ['answers a promise', () => Promise.resolve('raw') as unknown as string],
  ])('that %s leaves a placeholder, never the text', (_, redact) => {
    const own = createRedactor({ redact });
    expect(own.text('raw')).toBe('[redaction failed]');
    expect(own.value(['raw'])).toEqual(['[redaction failed]']);
  });
});

describe('a redacted value', () => {
  it('has no secrets under their names, at any depth and in any spelling', () => {
    const value = {
      apiKey: 'abcd1234',
      headers: { Authorization: `Bearer ${TOKEN}`, 'X-API-Key': 'k-12345', cookie: 'sid=1', accept: '*/*' },
      users: [{ name: 'ada', password: 'correct horse', pin: 1 }],
      credentials: { user: 'bobby', other: 'value' },
      refresh_tokens: ['abcdef', 'ghijkl'],
      arguments: JSON.stringify({ client_secret: 'abcdefg' }),
      phone: '0170 1234567',
      card: 4111111111111111,
      password: 48151623,
    };
    expect(redactor.value(value)).toEqual({
      apiKey: '[redacted:api_key]',
      headers: {
        Authorization: 'Bearer [redacted:bearer_token]',
        'X-API-Key': '[redacted:api_key]',
        cookie: '[redacted:cookie]',
        accept: '*/*',
      },
      users: [{ name: 'ada', password: '[redacted:password]', pin: 1 }],
      credentials: { user: '[redacted:credentials]', other: '[redacted:credentials]' },
      refresh_tokens: ['[redacted:token]', '[redacted:token]'],
      arguments: '{"client_secret":"[redacted:secret]"}',
      phone: '[redacted:phone]',
      card: '[redacted:card]',
      password: '[redacted:password]',
    });
  });

  it.each(['passphrases', 'passwds', 'contraseñas', 'senhas', 'kennworts'])(
    'has no secrets under %s, as under one',
    (name) => {
      expect(redactor.value({ [name]: ['hunter2'] })).toEqual({ [name]: ['[redacted:password]'] });
      expect(redactor.text(`{"${name}":["hunter2"]}`)).toBe(`{"${name}":["[redacted:password]"]}`);
    },
  );

  it('has no telephone number under a name that says in a text as well that it is one', () => {
    const numbers = { phone: '0170 1234567', telefon: '0170 1234567', telefonnummer: '0170 1234567' };
    const redacted = { phone: '[redacted:phone]', telefon: '[redacted:phone]', telefonnummer: '[redacted:phone]' };
    expect(redactor.value(numbers)).toEqual(redacted);
    expect(redactor.text(JSON.stringify(numbers))).toBe(JSON.stringify(redacted));
  });

  it('keeps counts, schemas and what is no secret under such a name', () => {
    const value = {
      usage: { input_tokens: 1234567, max_tokens: 4096, token: 12345678 },
      parameters: { properties: { password: { type: 'string', description: 'The password' } } },
      credentials: { type: 'object', properties: { key: { type: 'string' } } },
      password: null,
      token: '',
      secret: true,
      apiKey: '${API_KEY}',
    };
    expect(redactor.value(value)).toEqual(value);
  });

  it('is plain JSON, whatever the value is made of', () => {
    class Weather {
      readonly city = 'Bonn';
      get hidden(): string {
        return 'not own';
      }
    }
    const value = {
      date: new Date(0),
      never: new Date(Number.NaN),
      numbers: [Number.NaN, Infinity, -0, 1.5],
      big: 12345678901234567890n,
      map: new Map<unknown, unknown>([
        ['a', 1],
        [2, 'two'],
      ]),
      pairs: new Map([[{ a: 1 }, 'b']]),
      set: new Set([1, 'two']),
      bytes: Buffer.from('secret'),
      array: new Uint16Array(4),
      buffer: new ArrayBuffer(3),
      error: new TypeError(`failed with ${KEY}`),
      ofAnotherRealm: runInNewContext('Object.assign(new TypeError("bad"), { requestBody: "canary" })') as unknown,
      url: new URL('https://ada:pw1@x.test/'),
      pattern: /a+/g,
      weather: new Weather(),
      boxed: Object('text') as unknown,
      json: { toJSON: (key: string) => ({ key }) },
      nothing: undefined,
      call: () => 'secret',
      [Symbol('s')]: 'secret',
      list: [undefined, () => 1, Symbol('s')],
      sparse: Array.from({ length: 2 }),
      half: '\uD800',
      '\uDFFF': 1,
    };
    const copy = redactor.value(value);
    expect(copy).toEqual({
      date: '1970-01-01T00:00:00.000Z',
      never: 'Invalid Date',
      numbers: ['NaN', 'Infinity', -0, 1.5],
      big: '12345678901234567890',
      map: { a: 1, 2: 'two' },
      pairs: [[{ a: 1 }, 'b']],
      set: [1, 'two'],
      bytes: '[binary: 6 bytes]',
      array: '[binary: 8 bytes]',
      buffer: '[binary: 3 bytes]',
      error: 'TypeError: failed with [redacted:anthropic_key]',
      ofAnotherRealm: 'TypeError: bad',
      url: 'https://[redacted:url_credentials]@x.test/',
      pattern: '/a+/g',
      weather: { city: 'Bonn' },
      boxed: 'text',
      json: { key: 'json' },
      list: [null, null, null],
      sparse: [null, null],
      half: '\uFFFD',
      '\uFFFD': 1,
    });
    expect(JSON.parse(redactor.json(value))).toEqual(JSON.parse(JSON.stringify(copy)));
    expect([undefined, () => 1, Symbol('s'), null].map((top) => redactor.json(top))).toEqual(Array(4).fill('null'));
  });

  it('does not change the value', () => {
    const value = Object.freeze({ list: Object.freeze([KEY]), map: new Map([['k', KEY]]) });
    redactor.value(value);
    expect(value.list[0]).toBe(KEY);
    expect(value.map.get('k')).toBe(KEY);
  });

  it('has no secrets in the names of members, and still all members', () => {
    expect(redactor.value({ 'ada@mail.org': 1, 'bo@mail.org': 2, [KEY]: 3 })).toEqual({
      '[redacted:email]': 1,
      '[redacted:email] (2)': 2,
      '[redacted:anthropic_key]': 3,
    });
  });

  it('has all members also where one is called what another one is called from now on', () => {
    const own = createRedactor({ redact: (text) => text.replaceAll('gold', 'metal') });
    expect(own.value({ gold: 1, metal: 2, 'ada@mail.org': 3, 'bo@mail.org': 4, '[redacted:email] (4)': 5 })).toEqual({
      metal: 1,
      'metal (2)': 2,
      '[redacted:email]': 3,
      '[redacted:email] (4)': 4,
      '[redacted:email] (4) (5)': 5,
    });
  });

  it.each([
    ['become the same', 'seat'],
    ['become what others are called', '[redacted:email]'],
  ])('takes time linear in how many names of members %s', (_, other) => {
    // With a function of the application no name is remembered.
    const own = createRedactor({ redact: (text) => text });
    const seats = ({ length }: string): unknown => {
      const ids = Array.from({ length }, (_, id) => id);
      const names = [...ids.map((id) => `${other} (${length + id})`), ...ids.map((id) => `ada${id}@mail.org`)];
      return own.value(Object.fromEntries(names.map((name) => [name, 1])));
    };
    expect(costOfLength('x', 2_048, seats)).toBeLessThan(8);
  });

  it('survives whatever throws', () => {
    const throwing = (): never => {
      throw new Error('trap');
    };
    const traps = { get: throwing, has: throwing, ownKeys: throwing, getPrototypeOf: throwing };
    const value = {
      get trap(): never {
        return throwing();
      },
      proxy: new Proxy({}, traps),
      list: new Proxy([1], traps),
      json: { toJSON: throwing },
      revoked: revokedProxy(),
      date: Object.assign(new Date(0), { toISOString: throwing }),
      good: 1,
    };
    expect(redactor.value(value)).toEqual({
      trap: '[unreadable]',
      proxy: '[unreadable]',
      list: '[unreadable]',
      json: '[unreadable]',
      revoked: '[unreadable]',
      date: '[unreadable]',
      good: 1,
    });
    expect(redactor.value(value.proxy)).toBe('[unreadable]');
  });

  it('ends where a value does not', () => {
    const loop: Record<string, unknown> = { name: 'loop' };
    loop['self'] = loop;
    loop['list'] = [loop];
    expect(redactor.value(loop)).toEqual({ name: 'loop', self: '[circular]', list: ['[circular]'] });

    const same = { toJSON: () => same, a: 1 };
    expect(redactor.value(same)).toEqual({ a: 1 });
    const endless = (): unknown => ({ toJSON: endless });
    expect(redactor.json(endless())).toBe('"[nested too deep]"');
    const deeper = {
      get next(): unknown {
        return Object.create(deeper, { next: Object.getOwnPropertyDescriptor(deeper, 'next')! });
      },
    };
    expect(redactor.json(deeper)).toContain('[nested too deep]');
  });

  it('is shared where the value is, but not without end', () => {
    let value: unknown = 'leaf';
    for (let level = 0; level < 30; level += 1) value = [value, value];
    expect(redactor.json(value).length).toBeLessThan(1_000_000);
    const shared = { a: 1 };
    expect(redactor.value([shared, shared])).toEqual([shared, shared]);
  });

  it('is bounded in depth', () => {
    let value: unknown = 'leaf';
    for (let level = 0; level < 100_000; level += 1) value = level % 2 === 0 ? [value] : { a: value };
    const json = redactor.json(value);
    expect(json).toContain('[nested too deep]');
    expect(json.length).toBeLessThan(400);
  });

  it('is bounded in the number of values, of which no more are read', () => {
    let reads = 0;
    const list = new Proxy([], {
      get: (target, property) => {
        if (property === 'length') return 2 ** 32 - 1;
        if (typeof property === 'string') reads += 1;
        return property === 'constructor' ? Array : Reflect.get(target, property);
      },
    });
    const copy = redactor.value(list) as readonly unknown[];
    expect(reads).toBeLessThan(20_100);
    expect(copy.length).toBeLessThan(20_100);
    expect(copy.at(-1)).toMatch(/^\[42\d{8} left out\]$/);

    const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`k${index}`, index]));
    const members = Object.entries(redactor.value(wide) as Record<string, unknown>);
    expect(members.length).toBeLessThan(20_100);
    expect(members.at(-1)).toEqual(['…', expect.stringMatching(/^\[\d+ left out\]$/)]);

    const many = new Set(Array.from({ length: 50_000 }, (_, index) => index));
    expect((redactor.value(many) as readonly unknown[]).length).toBeLessThan(20_100);
  });

  it('is bounded in text', () => {
    const text = 'word '.repeat(2_000_000);
    const json = redactor.json({ a: text, b: text, list: [text, 'end'] });
    expect(json.length).toBeLessThan(2 ** 20 + 1_000);
    expect(json).toContain('characters left out]');
  });

  it('has members called like those of every object, and moves no prototype', () => {
    const value: unknown = JSON.parse(`{"__proto__":{"polluted":true,"k":"${KEY}"},"constructor":1,"toString":"x"}`);
    const copy = redactor.value(value);
    expect(JSON.stringify(copy)).toBe(
      '{"__proto__":{"polluted":true,"k":"[redacted:anthropic_key]"},"constructor":1,"toString":"x"}',
    );
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(redactor.value(Object.assign(Object.create(null) as object, { a: KEY }))).toEqual({
      a: '[redacted:anthropic_key]',
    });
  });

  it('never throws and is always JSON', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
    });
    for (const value of fc.sample(anything, 1_000)) {
      expect(JSON.parse(redactor.json(value))).toEqual(JSON.parse(JSON.stringify(redactor.value(value))));
    }
  });
});

function revokedProxy(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
