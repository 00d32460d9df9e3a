import { describe, expect, it } from 'vitest';

import type { Environment } from '../../../src/telemetry/config/environment.ts';
import { proxyFor, type Proxy } from '../../../src/telemetry/http/proxy.ts';

const lines: string[] = [];

function proxyOf(url: string, environment: Environment): Proxy | undefined {
  lines.length = 0;
  return proxyFor(url, environment, ({ message }) => lines.push(message));
}

const P = 'http://proxy.test:3128';

describe('the proxy for a URL', () => {
  it.each<[url: string, environment: Environment, variable: string | undefined]>([
    ['https://sentry.test/', { HTTPS_PROXY: P }, 'HTTPS_PROXY'],
    ['https://sentry.test/', { https_proxy: P }, 'https_proxy'],
    ['https://sentry.test/', { https_proxy: P, HTTPS_PROXY: 'http://other.test' }, 'https_proxy'],
    ['https://sentry.test/', { HTTP_PROXY: P }, undefined],
    ['http://sentry.test/', { HTTP_PROXY: P }, 'HTTP_PROXY'],
    ['http://sentry.test/', { HTTPS_PROXY: P }, undefined],
    ['http://sentry.test/', { ALL_PROXY: P }, 'ALL_PROXY'],
    ['https://sentry.test/', { all_proxy: P, HTTPS_PROXY: '  ' }, 'all_proxy'],
    ['https://sentry.test/', {}, undefined],
  ])('%s with %o is the one of %s', (url, environment, variable) => {
    expect(proxyOf(url, environment)?.variable).toBe(variable);
    expect(lines).toEqual([]);
  });

  it('shows no credentials where it is shown', () => {
    const proxy = proxyOf('https://sentry.test/', { HTTPS_PROXY: 'http://user:p%40ss@proxy.test:3128/' });
    expect(proxy).toEqual({
      url: 'http://proxy.test:3128',
      host: 'proxy.test:3128',
      variable: 'HTTPS_PROXY',
      authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
    });
  });

  it('takes a password with a stray percent sign as it is', () => {
    const proxy = proxyOf('https://sentry.test/', { HTTPS_PROXY: 'http://u:50%@proxy.test' });
    expect(proxy?.authorization).toBe(`Basic ${Buffer.from('u:50%').toString('base64')}`);
  });

  it.each([
    ['http://token@proxy.test', 'token:'],
    ['http://:secret@proxy.test', ':secret'],
  ])('takes half of the credentials as well, as in %s', (value, credentials) => {
    const proxy = proxyOf('https://sentry.test/', { HTTPS_PROXY: value });
    expect(proxy?.authorization).toBe(`Basic ${Buffer.from(credentials).toString('base64')}`);
  });

  it('is an http one when it names no protocol, also for https URLs, and given nothing it was not told', () => {
    expect(proxyOf('https://sentry.test/', { HTTPS_PROXY: 'proxy.test:3128' })).toEqual({
      url: P,
      host: 'proxy.test:3128',
      variable: 'HTTPS_PROXY',
    });
  });

  it.each(['socks5://user:secret@proxy.test:1080', 'http://', 'http://a b', 'secret@@:'])(
    'that cannot be used, as in %s, is said without its value, and not used',
    (value) => {
      expect(proxyOf('https://sentry.test/', { ALL_PROXY: value })).toBeUndefined();
      expect(lines).toEqual([
        'ALL_PROXY must be the URL of an http or https proxy such as http://proxy.example:3128, but is not: requests go without it.',
      ]);
    },
  );

  it.each([
    'http://localhost:4318/',
    'http://127.0.0.1:4318/',
    'http://127.8.8.8/',
    'http://[::1]:4318/',
    'http://a.localhost/',
  ])('is none for this machine: %s', (url) => {
    expect(proxyOf(url, { HTTP_PROXY: P })).toBeUndefined();
  });
});

describe('NO_PROXY', () => {
  it.each<[noProxy: string, url: string, isExempt: boolean]>([
    ['sentry.test', 'https://sentry.test/', true],
    ['sentry.test', 'https://o1.ingest.sentry.test/', true],
    ['.sentry.test', 'https://o1.sentry.test/', true],
    ['*.sentry.test', 'https://o1.sentry.test/', true],
    ['SENTRY.test', 'https://Sentry.TEST/', true],
    ['sentry.test', 'https://mysentry.test/', false],
    ['other.test, sentry.test', 'https://sentry.test/', true],
    ['other.test sentry.test', 'https://sentry.test/', true],
    ['*', 'https://sentry.test/', true],
    ['sentry.test:443', 'https://sentry.test/', true],
    ['sentry.test:8443', 'https://sentry.test/', false],
    ['sentry.test:8443', 'https://sentry.test:8443/', true],
    ['10.0.0.0/8', 'http://10.1.2.3:4318/', true],
    ['10.0.0.0/8', 'http://11.1.2.3:4318/', false],
    ['10.0.0.0/8', 'https://sentry.test/', false],
    ['fd00::/8', 'http://[fd12::1]:4318/', true],
    ['10.1.2.3/32', 'http://10.1.2.3/', true],
    ['fd12::1/128', 'http://[fd12::1]/', true],
    ['fd12::1', 'http://[fd12::1]:4318/', true],
    ['[fd12::1]:4318', 'http://[fd12::1]:4318/', true],
    ['10.0.0.0/99', 'http://10.1.2.3/', false],
    ['10.0.0.0/', 'http://10.1.2.3/', false],
    ['10.0.0.0/x', 'http://10.1.2.3/', false],
    ['fd12::1/129', 'http://[fd12::1]/', false],
    ['nonsense/8', 'http://10.1.2.3/', false],
    ['nonsense/8', 'https://sentry.test/', false],
    ['1.2.3', 'http://10.1.2.3/', false],
    ['', 'https://sentry.test/', false],
    [',', 'https://sentry.test./', false],
  ])('%s of %s: %s', (noProxy, url, isExempt) => {
    for (const name of ['NO_PROXY', 'no_proxy']) {
      expect(proxyOf(url, { ALL_PROXY: P, [name]: noProxy }) === undefined).toBe(isExempt);
    }
  });
});
