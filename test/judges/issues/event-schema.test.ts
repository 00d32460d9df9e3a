import { beforeAll, describe, expect, it } from 'vitest';

import { startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { loadEventSchema, type EventSchema } from './support/event-schema.ts';
import { EXPECTED_ISSUES, runScenarios, type IssueRun } from './support/scenarios.ts';

/** The schema Sentry publishes for its own ingestion, Relay, judges the events of the demo. */
describe("Relay's event schema", () => {
  let problemsOf: EventSchema;
  let sentry: FakeSentry;
  let demo: IssueRun;
  beforeAll(() => {
    problemsOf = loadEventSchema();
  });
  beforeAll(async () => {
    sentry = await startFakeSentry();
    return () => sentry.close();
  });
  beforeAll(async () => {
    demo = await runScenarios('failures', { SENTRY_DSN: sentry.dsn });
  });

  function events(): readonly Readonly<Record<string, unknown>>[] {
    const items = sentry.envelopes.flatMap((envelope) => envelope.items);
    return items.map(({ payload }) => payload as Readonly<Record<string, unknown>>);
  }

  it('accepts the events of all five failures', () => {
    expect(demo).toMatchObject({ code: 0, stderr: '' });
    expect(events().map(problemsOf)).toEqual(EXPECTED_ISSUES.map(() => []));
  });

  it.each([
    ['a level there is none of', { level: 'catastrophe' }],
    ['a property Relay does not know', { failure_point: 'tool.execution' }],
    ['an error that is a text', { exception: { values: ['it broke'] } }],
    ['breadcrumbs outside of their list', { breadcrumbs: [{ category: 'chat' }] }],
  ])('refuses the same events with %s', (_, change) => {
    const accepted = events().filter((event) => problemsOf({ ...event, ...change }).length === 0);
    expect(accepted).toEqual([]);
  });
});
