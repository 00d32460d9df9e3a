import { expect, test } from 'vitest';

import { dropRoutes } from '../../../src/telemetry/sampling/drop-routes.ts';

test.each([
  ['/healthz', '/healthz', true],
  ['/healthz', '/healthz?full=1', true],
  ['/healthz', '/healthz/', true],
  ['/healthz', '/healthzz', false],
  ['/healthz', '/api/healthz', false],
  ['/agents/*/events', '/agents/helper/events', true],
  ['/agents/*/events', '/agents/helper/more/events', false],
  ['/agents/*/events', '/agents/events', false],
  ['/internal/**', '/internal', true],
  ['/internal/**', '/internal/a/b?c=d', true],
  ['/internal/**', '/internals', false],
  ['/**', '/', true],
  ['/', '/', true],
  ['/', '/x', false],
])('the route %s and the request for %s: %s', (route, url, dropped) => {
  expect(dropRoutes([route])({ url })).toBe(dropped);
});

test('a subscription is dropped wherever it is, unless it was asked to stay', () => {
  const subscription = { method: 'GET', url: '/events', headers: { accept: 'text/event-stream' } };
  const page = { method: 'GET', url: '/events', headers: { accept: 'text/html, */*' } };
  const run = { method: 'POST', url: '/agents/helper/run', headers: { accept: 'text/event-stream' } };

  expect([subscription, page, run].map(dropRoutes([]))).toEqual([true, false, false]);
  expect(dropRoutes([], { subscriptions: undefined })(subscription)).toBe(true);
  expect(dropRoutes([], { subscriptions: false })(subscription)).toBe(false);
});

test('a route that is no path is refused', () => {
  expect(() => dropRoutes(['healthz'])).toThrow('a route must begin with /; got "healthz"');
});
