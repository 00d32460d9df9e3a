import { expect, it, onTestFinished } from 'vitest';

import { dsn as dsnKind, type Dsn } from '../../../src/telemetry/config/dsn.ts';
import { createReporter } from '../../../src/telemetry/diagnostics.ts';
import { createIssueSender, type IssueSender } from '../../../src/telemetry/issues/sender.ts';
import { FAKE_PUBLIC_KEY, startFakeSentry } from '../../../src/testing/fake-sentry.ts';
import { hurriedClock } from '../http/clocks.ts';
import { startProxy } from '../http/loopback-proxy.ts';
import { anEvent } from './sending.ts';

/** A sender to a Sentry behind a proxy, and what it says. */
function senderThrough(proxyUrl: string): { readonly sender: IssueSender; readonly lines: string[] } {
  const lines: string[] = [];
  const { value } = dsnKind.fromText(`http://${FAKE_PUBLIC_KEY}@sentry.test/1`, 'SENTRY_DSN');
  const sender = createIssueSender({
    dsn: value as Dsn,
    report: createReporter((line) => lines.push(line)),
    proxyEnvironment: { HTTP_PROXY: proxyUrl },
    clock: hurriedClock(),
  });
  onTestFinished(() => sender.close());
  return { sender, lines };
}

it('an Issue goes through the proxy the environment names', async () => {
  const sentry = await startFakeSentry();
  onTestFinished(() => sentry.close());
  const proxy = await startProxy({ leadsTo: new URL(sentry.origin).host });
  const { sender } = senderThrough(proxy.url);
  sender.send(anEvent());
  await sender.flush();
  expect(sender.status).toMatchObject({ sent: 1, pending: 0 });
  expect(proxy.asked).toEqual(['POST http://sentry.test/api/1/envelope/']);
  expect(sentry.envelopes).toHaveLength(1);
});

it('a proxy that refuses is said without its credentials', async () => {
  const proxy = await startProxy({ authorization: 'Basic dTpw' });
  const { sender, lines } = senderThrough(proxy.url.replace('://', '://user:wrong@'));
  sender.send(anEvent());
  await sender.flush();
  expect(sender.status).toMatchObject({ sent: 0, failed: 1 });
  expect(lines).toEqual([
    `an Issue was not delivered: the proxy ${proxy.host} wants other credentials (407); put user and password into HTTP_PROXY`,
  ]);
});
