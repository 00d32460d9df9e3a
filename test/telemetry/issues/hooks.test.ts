import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  captureException,
  setupTracing,
  traceAgent,
  traceTool,
  type SentryEvent,
  type SetupOptions,
} from '../../../src/index.ts';
import { startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { runScript } from '../../support/run-script.ts';
import { receivedEvents } from './sending.ts';

let sentry: FakeSentry;
let lines: string[];
beforeEach(async () => {
  sentry = await startFakeSentry();
  lines = [];
});
afterEach(() => sentry.close());

class BookingError extends Error {}

/** Hooks as an application without types may write them. */
type Hooks = Readonly<Record<keyof Pick<SetupOptions, 'beforeSend' | 'classify' | 'ignoreErrors'>, unknown>>;

/** The Issues of a run that fails under the given options. */
async function issuesOf(hooks: Partial<Hooks>, fail: () => void = failingRun): Promise<readonly SentryEvent[]> {
  const options = { env: {}, dsn: sentry.dsn, onDiagnostic: (line: string) => lines.push(line), ...hooks };
  const tracing = setupTracing(options as SetupOptions);
  try {
    fail();
  } finally {
    await tracing.shutdown();
  }
  return receivedEvents(sentry);
}

function failingRun(error: Error = new BookingError('no seat left')): void {
  const run = (): unknown =>
    traceAgent({ name: 'helper' }, () => {
      throw error;
    });
  expect(run).toThrow(error.message);
}

const classes = (events: readonly SentryEvent[]): unknown[] =>
  events.map(({ exception }) => exception?.values?.at(-1)?.type);

/** A program whose hooks are wrong, and which catches its failure by itself. */
const program = (options: string): string => `
  import { setupTracing, traceAgent } from 'DIST/index.js';
  setupTracing({ ${options} });
  try { traceAgent({ name: 'helper' }, () => { throw new Error('caught by the application'); }); } catch {}
  setTimeout(() => console.log('answer'), 20);
`;

describe('beforeSend', () => {
  it.each([
    ['a promise', (event: SentryEvent) => Promise.resolve(event)],
    ['a text', () => 'x'],
    ['true', () => true],
    ['a list', (event: SentryEvent) => [event]],
    ['nothing', () => undefined],
    ['a number', () => 5],
    ['a function', () => () => {}],
    ['an object that is none of them', () => ({})],
    ['an object that is none of them', () => ({ tags: { team: 'search' }, event_id: undefined })],
    ['an object that is none of them', (event: SentryEvent) => Object.create(event) as SentryEvent],
    ['an object that is none of them', (event: SentryEvent) => ({ ...event, toJSON: () => undefined })],
    [
      'an object that is none of them',
      (event: SentryEvent) => ({
        ...event,
        toJSON: () => {
          throw new Error('my event');
        },
      }),
    ],
  ])('that returns %s has the Issue sent as it was, which is said once', async (what, beforeSend) => {
    const events = await issuesOf({ beforeSend }, () => {
      failingRun();
      failingRun();
    });
    expect(classes(events)).toEqual(['BookingError', 'BookingError']);
    expect(events[0]).toMatchObject({ level: 'error', tags: { agent: 'helper' } });
    expect(lines).toEqual([
      `beforeSend must return an event or null at once, but returned ${what}; the Issue was sent as it was`,
    ]);
  });

  it('that returns an object nobody can read, as `classify` may, has the Issue sent as it was', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(classes(await issuesOf({ beforeSend: () => proxy, classify: () => proxy }))).toEqual(['BookingError']);
    expect(lines).toEqual([
      expect.stringMatching(/^classify must return .* returned an object that is none of them;/),
      expect.stringMatching(/^beforeSend must return .* returned an object that is none of them;/),
    ]);
  });

  it.each([
    ['event_id', ({ event_id }: SentryEvent) => ({ event_id })],
    ['exception', ({ exception }: SentryEvent) => ({ exception })],
    ['message', () => ({ message: 'a text of its own' })],
    ['logentry', () => ({ toJSON: () => ({ logentry: { formatted: 'a text of its own' } }) })],
  ])('that returns an event of which only %s is left has it sent like that', async (field, beforeSend) => {
    const events = await issuesOf({ beforeSend });
    expect(events.map((event) => Object.keys(event))).toEqual([[field]]);
    expect(lines).toEqual([]);
  });

  it('that returns null drops the Issue without a word', async () => {
    expect(await issuesOf({ beforeSend: () => null })).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('that fails later does not end the process', async () => {
    const ended = await runScript(program(`beforeSend: async () => { throw new Error('my hook'); }`), {
      env: { SENTRY_DSN: sentry.dsn },
    });
    expect(ended).toMatchObject({ code: 0, stdout: 'answer\n' });
    expect(ended.stderr).toMatch(/^faultline: beforeSend must return an event or null at once, [^\n]*\n$/);
    expect(classes(receivedEvents(sentry))).toEqual(['Error']);
  });

  it('is not asked about what it captures itself, which is said once', async () => {
    let asked = 0;
    const beforeSend = (event: SentryEvent): SentryEvent => {
      asked += 1;
      captureException(new RangeError('of the hook'));
      traceAgent({ name: 'hook' }, () => {
        try {
          traceTool({ name: 'lookup' }, () => {
            throw new RangeError('of the hook');
          });
        } catch {
          // The hook does without.
        }
      });
      return event;
    };
    expect(classes(await issuesOf({ beforeSend }))).toEqual(['BookingError']);
    expect(asked).toBe(1);
    expect(lines).toEqual([expect.stringMatching(/^beforeSend or classify captured something/)]);
  });
});

describe('classify', () => {
  it.each([
    ['a promise', () => Promise.resolve('operational')],
    ['true', () => true],
    ['a text', () => 'Operational'],
  ])('that returns %s decides nothing, which is said once', async (what, classify) => {
    const events = await issuesOf({ classify, ignoreErrors: ['RangeError'] }, () => {
      failingRun();
      failingRun(new RangeError('of no interest'));
    });
    expect(classes(events)).toEqual(['BookingError']);
    expect(lines).toEqual([
      `classify must return 'issue', 'operational' or undefined at once, but returned ${what}; it decided nothing`,
    ]);
  });

  it.each([undefined, null])('that returns %s leaves it to ignoreErrors', async (answer) => {
    expect(await issuesOf({ classify: () => answer, ignoreErrors: ['BookingError'] })).toEqual([]);
    expect(lines).toEqual([]);
  });

  it("that returns 'issue' outranks ignoreErrors", async () => {
    const options: Partial<Hooks> = { classify: () => 'issue', ignoreErrors: ['BookingError'] };
    expect(classes(await issuesOf(options))).toEqual(['BookingError']);
    expect(lines).toEqual([]);
  });

  it('that throws hides no failure, which is said once', async () => {
    const classify = (): never => {
      throw new Error('my hook');
    };
    expect(classes(await issuesOf({ classify }))).toEqual(['BookingError']);
    expect(lines).toEqual([expect.stringMatching(/^classify threw, so it decided nothing/)]);
  });

  it('that fails later does not end the process', async () => {
    const ended = await runScript(program(`classify: async () => { throw new Error('my hook'); }`), {
      env: { SENTRY_DSN: sentry.dsn },
    });
    expect(ended).toMatchObject({ code: 0, stdout: 'answer\n' });
    expect(classes(receivedEvents(sentry))).toEqual(['Error']);
  });
});

it.each(['beforeSend', 'classify'] as const)('%s that returns a query does not have it asked', async (hook) => {
  let asked = 0;
  // As query builders are: lazy, and sent by whoever awaits them.
  // oxlint-disable-next-line unicorn/no-thenable -- a lazy thenable is what is tested
  const query = { then: (resolve: (rows: number) => void): void => resolve((asked += 1)) };
  expect(classes(await issuesOf({ [hook]: () => query }))).toEqual(['BookingError']);
  expect(asked).toBe(0);
  expect(lines).toEqual([expect.stringMatching(new RegExp(`^${hook} must return .* returned a promise`))]);
});

describe('a hook that ends the process', () => {
  /** A run in which a tool has failed when another error makes an Issue. */
  const ending = (options: string): string => `
    import { captureException, setupTracing, traceAgent, traceTool } from 'DIST/index.js';
    class BookingError extends Error {}
    setupTracing({ ${options} });
    traceAgent({ name: 'helper' }, async () => {
      try { traceTool({ name: 'book' }, () => { throw new BookingError('no seat left'); }); } catch {}
      captureException(new RangeError('the end'));
      await new Promise(() => {});
    });
  `;
  const end = `if (is('RangeError')) process.exit(3);`;
  const beforeSend = `beforeSend(event) {
    const is = (type) => event.exception.values.at(-1).type === type;
    ${end}
    return event;
  }`;
  const classify = `classify(error) { const is = (type) => error.name === type; ${end} }`;

  it.each([
    ['beforeSend', beforeSend],
    ['beforeSend, with a recorder', `${beforeSend}, recorder: { directory: './recorder' }`],
    ['classify', classify],
  ])('loses no Issue, which is said: %s', async (_, options) => {
    const ended = await runScript(ending(options), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 3, stdout: '' });
    expect(ended.stderr).toBe(
      'faultline: beforeSend or classify ended the process, so neither was asked any more, and the Issues left were sent as they were\n',
    );
    expect(receivedEvents(sentry).map(({ level, exception }) => [exception?.values.at(-1)?.type, level])).toEqual(
      expect.arrayContaining([
        ['RangeError', 'error'],
        ['BookingError', 'warning'],
      ]),
    );
    expect(sentry.envelopes).toHaveLength(2);
  });

  it.each(['beforeSend', 'classify'])('is asked about the crash of a transport when that is told: %s', async (hook) => {
    const script = `
      import { setupTracing, traceTransport } from 'DIST/index.js';
      setupTracing({ ${hook}: () => process.exit(3) });
      traceTransport({ name: 'slack' }, () => { throw new Error('no connection'); });
    `;
    const ended = await runScript(script, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 3, stdout: '' });
    const told = sentry.spans.map(({ name, attributes }) => [name, attributes['error.type']]);
    expect(told).toEqual([['transport.crash slack', 'Error']]);
    expect(classes(receivedEvents(sentry))).toEqual(['Error']);
  });

  it('sends nothing that ignoreErrors rules out', async () => {
    await runScript(ending(`${classify}, ignoreErrors: ['RangeError']`), { env: { SENTRY_DSN: sentry.dsn } });
    expect(classes(receivedEvents(sentry))).toEqual(['BookingError']);
  });

  it('is asked about what is left when it is not the end itself', async () => {
    const drops = `beforeSend: (event) => (event.exception.values.at(-1).type === 'BookingError' ? null : event)`;
    const ended = await runScript(`${ending(drops)} process.exit(3);`, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 3, stderr: '' });
    expect(classes(receivedEvents(sentry))).toEqual(['RangeError']);
  });
});

describe('ignoreErrors', () => {
  it.each([
    ['frozen', Object.freeze(/^booking/i)],
    ['global', /^booking/gi],
    ['sticky', /booking/iy],
  ])('takes a pattern that is %s, each time and without touching it', async (_, pattern) => {
    const { lastIndex } = pattern;
    const events = await issuesOf({ ignoreErrors: [pattern] }, () => {
      failingRun();
      failingRun();
      failingRun(new RangeError('of interest'));
    });
    expect(classes(events)).toEqual(['RangeError']);
    expect(pattern.lastIndex).toBe(lastIndex);
    expect(lines).toEqual([]);
  });
});

describe('a wrong option', () => {
  it.each([
    [{ ignoreErrors: 'boom' }, 'ignoreErrors must be a list of class names, statuses and patterns, but is "boom".'],
    [
      { ignoreErrors: ['A', null] },
      'ignoreErrors[1] must be a class name, an HTTP status or a RegExp, but is nothing.',
    ],
    [
      { ignoreErrors: [{ test: () => true }] },
      'ignoreErrors[0] must be a class name, an HTTP status or a RegExp, but is of type object.',
    ],
    [{ classify: 'operational' }, 'classify must be a function, but is "operational".'],
    [{ beforeSend: true }, 'beforeSend must be a function, but is true.'],
  ])('%j is a TypeError, with and without a DSN', (options, message) => {
    for (const dsn of [sentry.dsn, '']) {
      expect(() => setupTracing({ env: {}, dsn, ...options } as unknown as SetupOptions)).toThrow(
        new TypeError(message),
      );
    }
  });

  it('that is null is not set', async () => {
    expect(classes(await issuesOf({ ignoreErrors: null, classify: null, beforeSend: null }))).toEqual(['BookingError']);
  });
});
