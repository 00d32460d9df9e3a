/** Agents served over HTTP, asked by pages of another origin in a real browser. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { startStubProvider, type StubProvider } from '../../src/testing/stub-provider.ts';
import { serveFile, type ServingCli } from '../story/support/serving.ts';
import { launchChromium, type Browser, type Page } from './support/chromium.ts';
import { startPageServer, type PageServer } from './support/page-server.ts';

/** Where the pages come from that may ask, and where others come from. */
let application: PageServer;
let stranger: PageServer;
let provider: StubProvider;
let sentry: FakeSentry;
let directory: string;
let serving: ServingCli;
let browser: Browser;
/** Questions that had been asked before the test began. */
let asked: number;

beforeAll(async () => {
  browser = await launchChromium();
  [application, stranger] = await Promise.all([startPageServer(), startPageServer()]);
  sentry = await startFakeSentry();
  provider = await startStubProvider({
    talkative: () => ({ type: 'text', text: 'Take an umbrella.' }),
    silent: () => ({ type: 'hang', text: 'Well…' }),
  });
  directory = mkdtempSync(join(tmpdir(), 'faultline-browser-'));
  const file = join(directory, 'faultline.yaml');
  writeFileSync(
    file,
    `runtime: { http: { event_source: true, cors_origins: ['${application.origin}'] } }
providers: { gateway: { base_url: '${provider.baseUrl}', api_key_env: GATEWAY_KEY } }
agents: { helper: { models: [gateway/talkative] }, thinker: { models: [gateway/silent] } }
`,
  );
  serving = await serveFile(file, { GATEWAY_KEY: 'k-1', SENTRY_DSN: sentry.dsn, OTEL_BSP_SCHEDULE_DELAY: '20' });
});

afterAll(async () => {
  await browser.close();
  serving.child.kill('SIGKILL');
  await serving.finished;
  await Promise.all([application.close(), stranger.close(), provider.close(), sentry.close()]);
  rmSync(directory, { recursive: true });
});

beforeEach(() => {
  asked = provider.requests.length;
});

async function openTab({ origin }: PageServer = application): Promise<Page> {
  const tab = await browser.newPage();
  onTestFinished(() => tab.close());
  await tab.goto(origin);
  return tab;
}

function runOf(agent: string): string {
  return `${serving.origin}/agents/${agent}/run`;
}

/** Asks with an EventSource. */
function listen(tab: Page, agent: string): Promise<unknown> {
  return tab.evaluate(`listen(${JSON.stringify(`${runOf(agent)}?input=Rain%3F`)})`);
}

/** Asks with fetch. The answer is waited for with `heard`. */
function ask(tab: Page, agent: string, headers: Readonly<Record<string, string>> = {}): Promise<unknown> {
  return tab.evaluate(`void ask(${JSON.stringify(runOf(agent))}, 'Rain?', ${JSON.stringify(headers)})`);
}

/** Everything the page has heard, once there is something that contains the text. */
async function heard(tab: Page, text: string): Promise<readonly (readonly [string, unknown])[]> {
  await tab.waitForFunction(`JSON.stringify(heard).includes(${JSON.stringify(text)})`);
  return (await tab.evaluate('heard')) as readonly (readonly [string, unknown])[];
}

describe('a page of an origin that was let in', () => {
  test('hears a run with an EventSource, which does not ask a second time', async () => {
    const tab = await openTab();
    await listen(tab, 'helper');
    // The browser comes back after a while, because that is what it does at the end of a stream.
    const events = await heard(tab, 'closed');
    const said = events.flatMap(([event, data]) => (event === 'text.delta' ? [(data as { text: string }).text] : []));

    expect([...new Set(events.map(([event]) => event))]).toEqual(['run.start', 'text.delta', 'run.end', 'error']);
    expect(said.join('')).toBe('Take an umbrella.');
    expect(events.find(([event]) => event === 'run.end')).toMatchObject(['run.end', { text: 'Take an umbrella.' }]);
    expect(events.at(-1)).toEqual(['error', 'closed']);
    expect(provider.requests.length - asked).toBe(1);
  });

  test('has a run continue its own trace with fetch, and can read the id', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const spanId = 'b7ad6b7169203331';
    const tab = await openTab();
    await ask(tab, 'helper', { traceparent: `00-${traceId}-${spanId}-01` });
    const [response, ...pieces] = await heard(tab, 'run.end');
    const ofTrace = () => sentry.spans.filter((span) => span.traceId === traceId);
    while (!ofTrace().some(({ name }) => name === 'agent.invoke helper')) {
      await sentry.waitForSpans(sentry.spans.length + 1);
    }

    expect(response).toEqual(['response', { status: 200, traceId }]);
    expect(pieces.map(([, piece]) => piece).join('')).toContain('"text":"Take an umbrella."');
    expect(ofTrace().find(({ name }) => name === 'agent.invoke helper')).toMatchObject({ parentSpanId: spanId });
  });

  test.each([
    ['an EventSource', listen],
    ['fetch', ask],
  ])('takes the model call with it when its tab is closed, having asked with %s', async (_with, question) => {
    const aborted = provider.requests.filter(({ abortedByClient }) => abortedByClient).length;
    const gone = provider.waitForAbort(aborted + 1);
    const tab = await openTab();
    await question(tab, 'thinker');
    await heard(tab, 'Well…');
    await tab.close();

    expect(await gone).toMatchObject({ body: { model: 'silent' } });
  });
});

describe('a page of another origin', () => {
  test.each([
    ['an EventSource', listen, ['error', 'closed']],
    ['fetch', ask, ['error', 'TypeError']],
  ])('gets nothing with %s, and no model is asked', async (_with, question, error) => {
    const tab = await openTab(stranger);
    await question(tab, 'helper');

    expect(await heard(tab, 'error')).toEqual([error]);
    expect(provider.requests.length).toBe(asked);
  });
});
