import { afterEach, describe, expect, it } from 'vitest';

import { findSentrySdk } from '../../../src/telemetry/issues/sentry-sdk.ts';

// What is beside a real one is in test/compat/sentry-issues.test.ts.
describe('without a Sentry SDK', () => {
  const holder = globalThis as { __SENTRY__?: unknown };
  afterEach(() => {
    delete holder.__SENTRY__;
  });

  it('none is found', () => {
    expect(findSentrySdk()).toBeUndefined();
  });

  it.each([
    ['a text', 'sentry'],
    ['null', null],
    ['an SDK that is imported and not initialised', { version: '11.12.0', '11.12.0': {} }],
    ['an SDK of another version', { version: '9.0.0', '9.0.0': { acs: { getCurrentScope: () => ({}) } } }],
    ['a scope without a client', { '11.12.0': { acs: { getCurrentScope: () => ({ getClient: () => undefined }) } } }],
    [
      'a carrier that throws',
      Object.defineProperty({}, '11.12.0', {
        enumerable: true,
        get: () => {
          throw new Error('no');
        },
      }),
    ],
  ])('none is found in %s', (_, value) => {
    holder.__SENTRY__ = value;
    expect(findSentrySdk()).toBeUndefined();
  });
});
