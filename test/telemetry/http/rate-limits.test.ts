import { describe, expect, it } from 'vitest';

import { askedPauseMs, type RateLimitRules } from '../../../src/telemetry/http/rate-limits.ts';
import { fc } from '../../support/properties.ts';

const NOW_MS = Date.parse('2026-11-20T12:00:00Z');

const ERRORS: RateLimitRules = { categories: new Set(['error', 'default']), unsaidPauseMs: 60_000 };
const SPANS: RateLimitRules = { categories: new Set(['span']), unsaidPauseMs: 0 };

/** The pause an answer asks those who send errors for. */
function pause(status: number, headers: Readonly<Record<string, string>> = {}, rules = ERRORS): number {
  return askedPauseMs({ status, headers }, rules, NOW_MS);
}

const limits = (value: string): Readonly<Record<string, string>> => ({ 'x-sentry-rate-limits': value });
const retryAfter = (value: string): Readonly<Record<string, string>> => ({ 'retry-after': value });

describe('X-Sentry-Rate-Limits', () => {
  it.each([
    ['30:error:organization:quota_exceeded', 30_000],
    ['30:default:organization', 30_000],
    ['30::organization', 30_000],
    ['30', 30_000],
    ['30: Error ;transaction:key', 30_000],
    ['2.5:error:key', 2_500],
    ['30:error;metric_bucket:organization:quota_exceeded:custom;spans', 30_000],
    ['10:error:key, 60:transaction:key , 40::organization:usage', 40_000],
    ['120:span:organization, 5:error:project', 5_000],
    ['30:error:key, ', 30_000],
  ])('%s stops errors for %i ms', (value, expected) => {
    expect(pause(429, limits(value))).toBe(expected);
    expect(pause(200, limits(value))).toBe(expected);
  });

  it.each(['60:span:organization', '60:transaction;attachment:key', '60:replay:organization, 60:span:key'])(
    '%s does not concern errors',
    (value) => {
      expect(pause(200, limits(value))).toBe(0);
      expect(pause(429, limits(value))).toBe(0);
    },
  );

  it('stops whoever sends what it names, and nobody else', () => {
    expect(pause(429, limits('60:span:organization'), SPANS)).toBe(60_000);
    expect(pause(429, limits('60:error:organization'), SPANS)).toBe(0);
    expect(pause(200, limits('60::organization'), SPANS)).toBe(60_000);
  });

  it('outranks Retry-After, and an empty one does not', () => {
    expect(pause(429, { ...limits('7:error:key'), ...retryAfter('99') })).toBe(7_000);
    expect(pause(429, { ...limits(' '), ...retryAfter('99') })).toBe(99_000);
  });

  it('with a time nobody can read stops errors for a minute', () => {
    expect(pause(429, limits('soon:error:key'))).toBe(60_000);
    expect(pause(200, limits('-5:error:key'))).toBe(60_000);
  });

  it('of zero seconds is no pause, but beside a 429 a short one', () => {
    expect(pause(200, limits('0:error:key'))).toBe(0);
    expect(pause(429, limits('0:error:key'))).toBe(1_000);
  });

  it('of a day stops errors for an hour', () => {
    expect(pause(429, limits('86400:error:organization'))).toBe(3_600_000);
  });
});

describe('Retry-After', () => {
  it.each([
    ['30', 30_000],
    ['1.5', 1_500],
    ['Fri, 20 Nov 2026 12:00:20 GMT', 20_000],
    ['0', 1_000],
    ['Fri, 20 Nov 2026 11:00:00 GMT', 1_000],
    ['Sat, 21 Nov 2026 12:00:00 GMT', 3_600_000],
    ['999999999999', 3_600_000],
    ['-1', 60_000],
    ['soon', 60_000],
    ['Fri, 99 Nov', 60_000],
    ['Fri, 99 Nov 2026 12:00:20 GMT', 60_000],
    ['1 day', 60_000],
    ['', 60_000],
  ])('of "%s" beside a 429 stops errors for %i ms', (value, expected) => {
    expect(pause(429, retryAfter(value))).toBe(expected);
  });

  it('is a minute when a 429 does not say', () => {
    expect(pause(429)).toBe(60_000);
  });

  it.each(['', 'soon', '-1'])('"%s" beside a 429 leaves the wait to those who know how to grow one', (value) => {
    expect(pause(429, retryAfter(value), SPANS)).toBe(0);
    expect(pause(429, retryAfter('0'), SPANS)).toBe(1_000);
  });

  it('beside a 503 counts when it can be read', () => {
    expect(pause(503, retryAfter('20'))).toBe(20_000);
    expect(pause(503, retryAfter('Fri, 20 Nov 2026 12:00:20 GMT'))).toBe(20_000);
    expect(pause(503, retryAfter('soon'))).toBe(0);
    expect(pause(503)).toBe(0);
  });

  it('beside anything else asks for nothing', () => {
    expect(pause(200, retryAfter('30'))).toBe(0);
    expect(pause(500, retryAfter('30'))).toBe(0);
  });
});

it('no answer of a server makes a pause that is negative, endless or no number', () => {
  const seconds = fc.oneof(fc.string(), fc.double().map(String), fc.integer().map(String));
  const limit = fc
    .tuple(seconds, fc.constantFrom('', 'error', 'default;span', 'span'), fc.string())
    .map((parts) => parts.join(':'));
  const header = fc.option(
    fc.oneof(
      fc.string(),
      seconds,
      fc.array(limit).map((all) => all.join(',')),
    ),
    { nil: undefined },
  );
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), header, header, (status, limits, after) => {
      const headers = { 'x-sentry-rate-limits': limits, 'retry-after': after };
      const pauseMs = askedPauseMs({ status, headers }, ERRORS, NOW_MS);
      expect(pauseMs).toBeGreaterThanOrEqual(0);
      expect(pauseMs).toBeLessThanOrEqual(3_600_000);
    }),
  );
});
