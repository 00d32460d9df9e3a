import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';

import { setupTracing, type SentryEvent, type Tracing } from '../../../src/index.ts';
import { createAgent, createRuntime, defineTool, type Agent, type MemoryStore } from '../../../src/runtime/index.ts';
import { slackTransport } from '../../../src/runtime/transports/slack.ts';
import { startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { scriptedModel } from '../../../src/testing/scripted-model.ts';
import { rejection } from '../support/agents.ts';
import { ask, parseEvents, serve } from './serving.ts';
import { direct, workspace } from './slack-workspace.ts';

const SECRET = 'sk-proj-1234567890';

let sentry: FakeSentry;
let tracing: Tracing;
beforeEach(async () => {
  sentry = await startFakeSentry();
  tracing = setupTracing({ env: {}, dsn: sentry.dsn, release: 'app@1.2.3', onDiagnostic: () => {} });
});
afterEach(async () => {
  await tracing.shutdown(1_000);
  trace.disable();
  context.disable();
  propagation.disable();
  await sentry.close();
});

/** The five failure points but the crash, each as an agent that runs into it. */
const FAILURES: Readonly<
  Record<string, { readonly agent: () => Agent; readonly span: string; readonly text?: string }>
> = {
  'tool.execution': {
    span: 'execute_tool get_weather',
    text: 'No idea.',
    agent: () =>
      createAgent({
        name: 'helper',
        models: [scriptedModel([{ toolCalls: [{ name: 'get_weather', input: {} }] }, 'No idea.'])],
        tools: [
          defineTool({
            name: 'get_weather',
            input: z.object({}),
            execute: () => {
              throw new Error(`${SECRET} was refused`);
            },
          }),
        ],
      }),
  },
  'memory.search': {
    span: 'search_memory notes',
    text: 'Hello.',
    agent: () => createAgent({ name: 'helper', models: [scriptedModel(['Hello.'])], memory: brokenMemory() }),
  },
  'model.fallback_exhausted': {
    span: 'agent.invoke helper',
    agent: () =>
      createAgent({
        name: 'helper',
        maxRetries: 0,
        models: [scriptedModel([{ error: new Error(`${SECRET} was refused`) }])],
      }),
  },
  'conversation.unhandled': {
    span: 'agent.invoke helper',
    agent: () =>
      createAgent({
        name: 'helper',
        models: [scriptedModel(['never asked'])],
        instructions: () => {
          throw new Error(`${SECRET} was refused`);
        },
      }),
  },
};

function brokenMemory(): MemoryStore {
  return {
    id: 'notes',
    add: () => Promise.resolve(),
    remove: () => Promise.resolve(false),
    search: () => Promise.reject(new Error(`${SECRET} was refused`)),
  };
}

interface Told {
  /** The answer, or undefined for a failure. */
  readonly text?: string;
  /** The trace the person is told to mention. */
  readonly traceId?: string;
  readonly raw: string;
}

/** What a person is told over each transport. */
const TRANSPORTS: Readonly<Record<string, (agent: Agent) => Promise<Told>>> = {
  'HTTP as JSON': async (agent) => {
    const { origin } = await serve(agent);
    const response = await ask(origin, { input: 'hi' });
    const raw = await response.text();
    const { text, error } = JSON.parse(raw) as { text?: string; error?: { traceId: string } };
    return told(raw, text, error?.traceId);
  },
  'HTTP as a stream': async (agent) => {
    const { origin } = await serve(agent);
    const response = await ask(origin, { input: 'hi' }, { headers: { accept: 'text/event-stream' } });
    const raw = await response.text();
    const { text, error } = parseEvents(raw).at(-1)!.data as { text?: string; error?: { traceId: string } };
    return told(raw, text, error?.traceId);
  },
  Slack: async (agent) => {
    const slack = workspace();
    const transport = slackTransport({ app: slack.app });
    const runtime = createRuntime({ agents: [agent], transports: [{ transport, agent: agent.name }] });
    const working = runtime.start();
    await slack.send(direct('hi'));
    await runtime.stop();
    await working;
    const raw = slack.messages[0]!.texts.at(-1)!;
    const traceId = /please mention ([0-9a-f]{32})\.$/.exec(raw)?.[1];
    return told(raw, traceId === undefined ? raw : undefined, traceId);
  },
};

function told(raw: string, text: string | undefined, traceId: string | undefined): Told {
  return { raw, ...(text === undefined ? {} : { text }), ...(traceId === undefined ? {} : { traceId }) };
}

function issues(): readonly SentryEvent[] {
  return sentry.envelopes.flatMap(({ items }) => items.map(({ payload }) => payload as SentryEvent));
}

describe.each(Object.entries(TRANSPORTS))('over %s', (name, answerOf) => {
  test.each(Object.entries(FAILURES))('%s is one span, one Issue and the right answer', async (point, failure) => {
    const answer = await answerOf(failure.agent());
    await tracing.flush();

    const [issue, ...others] = issues();
    const span = sentry.spans.find(({ attributes }) => attributes['faultline.failure.point'] === point);
    expect(others).toEqual([]);
    expect(span).toMatchObject({ name: failure.span, status: { code: SpanStatusCode.ERROR } });
    expect(issue).toMatchObject({
      level: failure.text === undefined ? 'error' : 'warning',
      tags: { 'failure.point': point, agent: 'helper', transport: name === 'Slack' ? 'slack' : 'http' },
      contexts: { trace: { trace_id: span!.traceId, span_id: span!.spanId } },
    });
    expect([answer.text, answer.traceId]).toEqual(
      failure.text === undefined ? [undefined, span!.traceId] : [failure.text, undefined],
    );
    expect(answer.raw).not.toContain(SECRET);
  });
});

describe('a crash', () => {
  test('of HTTP is a span and an Issue of its own', async () => {
    const agent = FAILURES['memory.search']!.agent();
    const { origin } = await serve(agent);

    expect(await rejection(serve(agent, { server: { port: Number(new URL(origin).port) } }))).toBeInstanceOf(Error);
    await tracing.flush();

    expect(sentry.spans.map((span) => span.name)).toEqual(['transport.crash http']);
    expect(issues()).toMatchObject([{ tags: { 'failure.point': 'transport.crash' } }]);
  });

  test('of Slack is one too', async () => {
    const agent = FAILURES['memory.search']!.agent();
    const slack = workspace(() => Promise.reject(new Error('An API error occurred: invalid_auth')));
    const transport = slackTransport({ app: slack.app });
    const runtime = createRuntime({ agents: [agent], transports: [{ transport, agent: 'helper' }] });
    onTestFinished(async () => {
      await runtime.stop();
    });

    expect(await rejection(runtime.start())).toMatchObject({ message: expect.stringContaining('invalid_auth') });
    await tracing.flush();

    expect(sentry.spans.map((span) => span.name)).toEqual(['transport.crash slack']);
    expect(issues()).toMatchObject([{ tags: { 'failure.point': 'transport.crash' } }]);
  });
});
