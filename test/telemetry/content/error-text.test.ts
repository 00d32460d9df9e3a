import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import {
  AllModelsFailedError,
  MaxTurnsError,
  ModelResponseError,
  ToolNotFoundError,
} from '../../../src/runtime/errors.ts';
import { createContentPolicy, strictPolicy, type ContentOptions } from '../../../src/telemetry/content/policy.ts';
import { afterMessage, stackLines } from '../../../src/telemetry/content/stack-lines.ts';
import { linkedErrors } from '../../../src/telemetry/linked-errors.ts';
import { costOfLength } from '../../support/cost.ts';

/** What is sent of an error. */
function said(error: unknown, options: ContentOptions = {}, content?: () => unknown): string {
  return linkedErrors(error, createContentPolicy(options), content)[0]!.message;
}

function named(name: string, message: string, fields: object = {}): Error {
  return Object.assign(new Error(message), { name }, fields);
}

describe('what is sent of an error while content is not recorded', () => {
  it('is nothing of the message of a class that is not known', () => {
    expect(said(named('WeatherServiceError', 'no weather for canary'))).toBe('[message withheld]');
    expect(said('canary')).toBe('[message withheld]');
    expect(said(new Error('canary'))).toBe('[message withheld]');
  });

  it('is the message of an error of ours, which is made of names and numbers', () => {
    expect(said(new MaxTurnsError(3))).toBe('no final answer within 3 turns');
    const attempts = [{ model: 'gpt-5', provider: 'openai', attempts: 1, reason: '401', error: new Error('canary') }];
    expect(said(new AllModelsFailedError(attempts))).toBe('no model answered: gpt-5 (401)');
    expect(said(new ToolNotFoundError('fly', ['walk']))).toBe('there is no tool fly; the tools are walk');
  });

  it('is nothing an error of ours quotes of a provider or of a model', () => {
    const report = new ModelResponseError('error', 'the provider reported an error: canary', { statusCode: 400 });
    expect(said(report)).toBe('the provider reported an error (400)');
    expect(said(new ToolNotFoundError('look up canary', ['walk']))).toBe('there is no tool of that name');
  });

  it('is what any error says of itself under the registered symbol', () => {
    class BookingError extends Error {
      get [Symbol.for('faultline.safe_message')](): string {
        return 'the booking service answered 503';
      }
    }
    expect(said(new BookingError('no seat for canary'))).toBe('the booking service answered 503');
  });

  it.each<[string, Error, string]>([
    [
      'AI SDK',
      named('AI_APICallError', 'canary', {
        statusCode: 429,
        data: { error: { code: 'rate_limit_exceeded', type: 'requests' } },
      }),
      'Too Many Requests (rate_limit_exceeded)',
    ],
    [
      'AI SDK, which has tried again',
      named('AI_RetryError', 'canary', {
        lastError: named('AI_APICallError', 'canary', {
          statusCode: 429,
          data: { error: { code: 'insufficient_quota', type: 'insufficient_quota' } },
        }),
      }),
      'Too Many Requests (insufficient_quota)',
    ],
    [
      'OpenAI',
      named('BadRequestError', 'canary', {
        status: 400,
        code: 'invalid_prompt',
        error: { code: 'invalid_prompt', message: 'canary' },
      }),
      'Bad Request (invalid_prompt)',
    ],
    [
      'Anthropic',
      named('APIError', 'canary', {
        status: 529,
        error: { type: 'error', error: { type: 'overloaded_error', message: 'canary' } },
      }),
      'HTTP status 529 (overloaded_error)',
    ],
    [
      'no known provider',
      named('HttpError', 'canary', { status: 503, code: 'the canary is down' }),
      'Service Unavailable',
    ],
    [
      'AWS',
      named('ValidationException', 'canary', { $fault: 'client', $metadata: { httpStatusCode: 400, attempts: 1 } }),
      'Bad Request',
    ],
    ['ky', named('HTTPError', 'canary', { response: new Response('canary', { status: 503 }) }), 'Service Unavailable'],
    [
      'got',
      named('HTTPError', 'canary', { code: 'ERR_NON_2XX_3XX_RESPONSE', response: { statusCode: 404, body: 'canary' } }),
      'Not Found (ERR_NON_2XX_3XX_RESPONSE)',
    ],
    [
      'a client that lets nobody see its answer',
      Object.defineProperty(named('HTTPError', 'canary', { status: 503 }), 'response', {
        get() {
          throw new TypeError('it is read already');
        },
      }),
      'Service Unavailable',
    ],
  ])('is status and code of an answer of a provider: %s', (_name, error, expected) => {
    expect(said(error)).toBe(expected);
  });

  it('is the failed system call, without the file or the host it was about', () => {
    const system = Object.assign(new Error('getaddrinfo ENOTFOUND canary.example'), {
      code: 'ENOTFOUND',
      syscall: 'getaddrinfo',
      hostname: 'canary.example',
    });
    expect(said(system)).toBe('getaddrinfo ENOTFOUND');
    expect(said(new TypeError('fetch failed', { cause: system }))).toBe('fetch failed (ENOTFOUND)');
    expect(said(named('SqliteError', 'no such table: canary', { code: 'SQLITE_ERROR' }))).toBe(
      '[message withheld] (SQLITE_ERROR)',
    );
  });

  it.each<[string, object, string]>([
    ['of a certificate', { code: 'CERT_HAS_EXPIRED' }, 'CERT_HAS_EXPIRED'],
    ['of Node', { code: 'ERR_NON_2XX_3XX_RESPONSE' }, 'ERR_NON_2XX_3XX_RESPONSE'],
    ['of a lookup', { code: 'ESERVFAIL' }, 'ESERVFAIL'],
    ['of a mail server', { code: 'EAUTH', command: 'canary' }, 'EAUTH'],
    ['of a system call nobody knows', { code: 'ENEWONE', syscall: 'open' }, 'ENEWONE'],
    ['of SQLite in Node', { code: 'ERR_SQLITE_ERROR', errcode: 2067, errstr: 'canary' }, 'ERR_SQLITE_ERROR 2067'],
    ['of MySQL', { code: 'ER_DUP_ENTRY', errno: 1062, sql: 'canary' }, 'ER_DUP_ENTRY'],
    ['of Postgres', { code: '23505', severity: 'FEHLER', routine: '_bt_check_unique', detail: 'canary' }, '23505'],
    ['of PgBouncer', { code: '08P01', severity: 'FATAL' }, '08P01'],
    ['of Prisma', { name: 'PrismaClientKnownRequestError', code: 'P2002', meta: 'canary' }, 'P2002'],
    ['of MCP, a number', { code: -32_602, data: 'canary' }, '-32602'],
    ['of JSON-RPC, the lowest one', { code: -32_768 }, '-32768'],
    ['of JSON-RPC, the highest one', { code: -32_000 }, '-32000'],
    ['of gRPC, a number', { code: 5, details: 'canary', metadata: {} }, '5'],
    ['of gRPC, the highest one', { code: 16, details: 'canary', metadata: {} }, '16'],
    ['of MongoDB, a number', { name: 'MongoServerError', code: 11_000, keyValue: 'canary' }, '11000'],
    ['of MongoDB under another name, a number', { code: 13, codeName: 'Unauthorized' }, '13'],
    ['of a cause', { cause: named('error', 'canary', { code: '40P01', severity: 'ERROR' }) }, '40P01'],
    [
      'of the answer that is a cause',
      { cause: named('BadRequestError', 'canary', { error: { code: 'context_length_exceeded', message: 'canary' } }) },
      'context_length_exceeded',
    ],
    [
      'of what the AI SDK met when it tried for the last time',
      { name: 'AI_RetryError', lastError: new Error('canary', { cause: { code: 'ECONNREFUSED' } }) },
      'all retries failed (ECONNREFUSED)',
    ],
  ])('is the code %s', (_name, fields, code) => {
    const text = said(named('Error', 'canary', fields));
    expect(text).toContain(code);
    expect(text).not.toContain('canary');
  });

  it.each(
    [
      ['canary', 'CANARY', 'the canary', 'CANARY SANG', ['ENOENT'], 'SAVE5', 'SAVE_50', '94103', 'P2002', 'AB12C'],
      ['EUR', 'EZE', 'EXKQZT', 'EK203', 'E12345678', 'ORD_8814213', 'ERR_42'],
      [94_103, 1234, 7, 0, -5, 4_111_111_111_111_111, 0.5, Number.NaN, -32_000.5, -31_999, -32_769],
    ].flatMap((codes) => codes.map((code) => ({ code }))),
  )('is no code that may be anything: $code', ({ code }) => {
    for (const beside of [{}, { severity: 'high', details: 'canary', codeName: 'the canary', metadata: 'canary' }]) {
      const inside = named('Error', 'canary', { code, ...beside });
      expect(said(inside)).toBe('[message withheld]');
      expect(said(named('Error', 'canary', { cause: inside }))).toBe('[message withheld]');
    }
  });

  it.each<[string, object]>([
    ['a system', { code: 'SAVE5', syscall: 'open' }],
    ['Postgres', { code: 'CANARY', severity: 'ERROR', routine: 'canary' }],
    ['Prisma', { name: 'PrismaClientKnownRequestError', code: 'SAVE5' }],
    ['gRPC', { code: 17, details: 'canary', metadata: {} }],
    ['gRPC', { code: -1, details: 'canary', metadata: {} }],
    ['gRPC without its metadata', { code: 5, details: 'canary' }],
    ['gRPC without its details', { code: 5, metadata: {} }],
    ['MongoDB', { name: 'MongoServerError', code: 100_000 }],
    ['MongoDB', { name: 'MongoServerError', code: -1 }],
  ])('is no code that %s does not have, also in an error of its: %o', (_name, fields) => {
    expect(said(named('Error', 'canary', fields))).toBe('[message withheld]');
  });

  it.each([4_111_111_111_111_111, -1, 0.5])('is no number that SQLite does not fail with: %s', (errcode) => {
    expect(said(named('Error', 'canary', { code: 'ERR_SQLITE_ERROR', errcode }))).toBe(
      '[message withheld] (ERR_SQLITE_ERROR)',
    );
  });

  it('is no code of an error that stands where an API has its answer', () => {
    const inside = named('Error', 'canary', { code: 'SAVE50', type: 'canary', status: 'canary' });
    expect(said(named('SuppressedError', 'canary', { error: inside, suppressed: new Error('canary') }))).toBe(
      '[message withheld]',
    );
    for (const fields of [{ error: { error: inside } }, { data: { error: inside } }, { cause: { error: inside } }]) {
      expect(said(named('Error', 'canary', fields))).toBe('[message withheld]');
    }
    const answered = named('BadRequestError', 'canary', { code: 'SAVE50', error: { code: 'context_length_exceeded' } });
    expect(said(named('Error', 'canary', { error: answered }))).toBe('[message withheld] (context_length_exceeded)');
  });

  it('is nothing of the words a tool puts beside its error, with or without an HTTP status', () => {
    expect(said(named('OrderError', 'canary', { status: 'canary', type: 'canary' }))).toBe('[message withheld]');
    expect(said(named('OrderError', 'canary', { status: 404, code: 'canary', type: 'canary' }))).toBe('Not Found');
  });

  it('is the fixed part of a message of V8', () => {
    const missing = (): unknown => ({} as Record<string, { y: number }>)['canary']!.y;
    expect(() => missing()).toThrow(TypeError);
    const errorOf = (work: () => unknown): unknown => {
      try {
        return work();
      } catch (error) {
        return error;
      }
    };
    expect(said(errorOf(missing))).toBe('Cannot read properties of undefined');
    // As V8 and esbuild say it, and as TypeScript and SWC do.
    for (const suppressed of ['An error was suppressed during disposal', 'An error was suppressed during disposal.']) {
      expect(said(named('SuppressedError', suppressed))).toBe(suppressed);
    }
    expect(said(named('SuppressedError', 'canary'))).toBe('[message withheld]');
    expect(said(errorOf(() => Object.assign([], { length: -1 })))).toBe('Invalid array length');
    expect(said(errorOf(() => JSON.parse('canary')))).toBe('Syntax error');
  });

  it('is the kinds of issues of a validation, not where or what they found', () => {
    const result = z.record(z.string(), z.number().max(3)).safeParse({ canary: 'canary', carnival: 7 });
    for (const errorMessages of ['withheld', 'redacted', ['ZodError']] as const) {
      expect(said(result.error, { errorMessages })).toBe('Validation failed: invalid_type, too_big');
    }
  });

  it('is said of causes and members as well, and of a class without a trusted name', () => {
    const linked = linkedErrors(
      new AggregateError([new Error('canary')], 'canary', { cause: new RangeError('canary') }),
      strictPolicy(),
    );
    expect(linked.map(({ type, message }) => [type, message])).toEqual([
      ['AggregateError', '[message withheld]'],
      ['Error', '[message withheld]'],
      ['RangeError', '[message withheld]'],
    ]);
    expect(linkedErrors(named('Canary is the name', 'canary'), strictPolicy())[0]?.type).toBe('Error');
  });
});

describe('the frames of a stack', () => {
  it('are kept without the message above them, also one that has changed since and looks like a frame', () => {
    const error = new Error('no canary (/canary.js:1:1)\nat canary (/canary.js:1:1)');
    error.message = 'changed';
    const lines = stackLines(afterMessage(String(error.stack), error.message));
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.join('\n')).not.toContain('canary');
    expect(lines.every((line) => line.startsWith('    at '))).toBe(true);
  });

  it.each(['webpack://shop/src/plan.ts', 'webpack-internal:///(rsc)/./plan.ts', 'turbopack:///[project]/plan.ts'])(
    'are kept of a bundle, also under a message that has changed since: %s',
    (place) => {
      const stack = `Error: no plan\n    at plan (${place}:9:55)\n    at async main (${place}:1:1)`;
      expect(stackLines(afterMessage(stack, 'while planning: no plan'))).toEqual(stack.split('\n').slice(1));
    },
  );

  it('are read in no longer than the others where a line of one goes on and on', () => {
    for (const bait of ['    at async (', ' at ']) {
      expect(costOfLength(bait, 64_000, (text) => stackLines(`Error: x\n    at ${text}.js:1:2`))).toBeLessThan(8);
    }
  });

  it('are kept whatever V8 calls a function and a place', () => {
    const stack = [
      '    at Object.<anonymous> (/app/(shop)/My App/page.js:1:2)',
      '    at new Planner (C:\\agents\\planner.ts:3:4)',
      '    at get plan [as plan] (webpack-internal:///(rsc)/./app/plan.tsx:5:6)',
      '    at Array.map (<anonymous>)',
      '    at f (eval at <anonymous> (file:///app/a.mjs:9:7), <anonymous>:1:22)',
      '    at wasm-function[3] (wasm://wasm/a1b2:wasm-function[3]:0x1d)',
      '    at [eval]:1:1',
      '    at script.js:1:2',
      '    at node:internal/modules/cjs/loader:1554:14',
      '    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
      '    at async Promise.all (index 0)',
      '    at async file:///app/a.js:2:3',
    ];
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = stack.length;
    const kept = stackLines(['Error: x', ...stack].join('\n'));
    Error.stackTraceLimit = stackTraceLimit;
    expect(kept).toEqual(stack);
  });

  it('name no function by a text, which names of properties may be', () => {
    const stack = 'Error: x\n    at canary said (so) (/app/a.js:1:1)\n    at run [as canary said] (/app/a.js:2:3)';
    expect(stackLines(stack)).toEqual(['    at <anonymous> (/app/a.js:1:1)', '    at run (/app/a.js:2:3)']);
  });

  it.each([
    ['in words', 'canary said '.repeat(100)],
    ['in one word', 'canary-'.repeat(300)],
    ['with parentheses', 'canary (so) '.repeat(100)],
  ])('name no function by a text that is longer than a line is kept, %s', (_, text) => {
    const property = { [text]: () => new Error('x') };
    const [line] = stackLines(property[text]!().stack!);
    expect(line).toMatch(/^ {4}at <anonymous> \(.*error-text\.test\.ts:\d+:\d+\)$/);
  });

  it.each([
    ['a sentence', '    at noon the canary sang (in tune:1:1)\n    at canary:12:30'],
    ['a stack of another turn', '    at canary (/canary.js:1:1)\n    at async canary (/canary.js:2:2)'],
    ['a stack with its end', '    at canary (/canary.js:1:1)\n    at node:internal/main/run_main_module:36:49'],
    ['more frames than V8 keeps', Array.from({ length: 10 }, () => '    at canary (/canary.js:1:1)').join('\n')],
  ])('are not %s that stands at the end of a message of which only the first line was kept', (_, quoted) => {
    const error = new Error(`no answer\n${quoted}`);
    // V8 writes the stack, with the message, when it is read first.
    expect(error.stack).toContain('canary');
    error.message = 'no answer';
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 10;
    const lines = stackLines(afterMessage(String(error.stack), error.message));
    Error.stackTraceLimit = stackTraceLimit;
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.join('\n')).not.toContain('canary');
  });

  it('have neither the source of a module that is a URL nor the query of one', () => {
    const stack =
      'Error: x\n    at run (data:text/javascript,const canary = (1):1:1)\n    at file:///app/a.js?token=canary:2:3';
    expect(stackLines(stack)).toEqual(['    at run (data:text/javascript:1:1)', '    at file:///app/a.js:2:3']);
  });

  it('have nothing of a source or of a place that is longer than a line is kept', () => {
    const source = 'const canary = (1);'.repeat(100);
    const stack = [
      'Error: x',
      `    at run (data:text/javascript,${source}:1:1)`,
      `    at data:text/javascript,${source}:2:2`,
      `    at canary said (data:text/javascript,${source}:3:3)`,
      `    at /canary/${'canary '.repeat(200)}:4:4`,
      `    at run (/${'canary/'.repeat(200)}app.js:5:5)`,
    ].join('\n');
    expect(stackLines(stack)).toEqual([
      '    at run (data:text/javascript:1:1)',
      '    at data:text/javascript:2:2',
      '    at <anonymous> (data:text/javascript:3:3)',
      '    at <anonymous>',
      '    at <anonymous>',
    ]);
  });
});

describe('what is sent of an error when messages may leave', () => {
  it('is the message without secrets and without the content that is known', () => {
    const key = ['sk', 'proj', 'abcdefgh12345678'].join('-');
    const error = named('WeatherServiceError', `no weather for Lisbon with ${key}`);
    expect(said(error, { errorMessages: 'redacted' }, () => ['Lisbon'])).toMatch(
      /^no weather for \[content\] with \[redacted/,
    );
  });

  it('is the message of the classes that are listed, and of no other', () => {
    const options: ContentOptions = { errorMessages: ['WeatherServiceError'] };
    expect(said(named('WeatherServiceError', 'answered 503'), options)).toBe('answered 503');
    expect(said(named('OtherError', 'answered 503'), options)).toBe('[message withheld]');
  });

  it('is still no more than status and code where a provider refuses a request, because it quotes the prompt', () => {
    const refused = named('AI_APICallError', 'canary', {
      statusCode: 400,
      data: { error: { code: 'content_filter' } },
    });
    expect(said(refused, { errorMessages: 'redacted' })).toBe('Bad Request (content_filter)');
    const byAws = named('ValidationException', 'canary', { $metadata: { httpStatusCode: 400 } });
    expect(said(byAws, { errorMessages: 'redacted' })).toBe('Bad Request');
    const limited = named('AI_APICallError', 'Rate limit reached for gpt-5.', { statusCode: 429 });
    expect(said(limited, { errorMessages: 'redacted' })).toBe('Rate limit reached for gpt-5.');
  });

  it.each<[string, object]>([
    ['the SDK of AWS', { $metadata: { httpStatusCode: 400, attempts: 1 } }],
    ['the SDK of Ollama', { status_code: 400, error: 'canary' }],
    ['a client that has it in the answer alone', { response: new Response('canary', { status: 400 }) }],
    ['the AI SDK, which has tried again,', { lastError: named('AI_APICallError', 'canary', { statusCode: 400 }) }],
  ])('is no more than the status where %s says that a provider refused a request', (_sdk, fields) => {
    const refused = (): Error => named('ValidationException', 'canary', fields);
    expect(said(refused(), { errorMessages: 'redacted' })).toBe('Bad Request');
    expect(said(refused())).toBe('Bad Request');
  });

  it('is what an error says of itself where it has no message, also once all content is recorded', () => {
    class BookingError extends Error {
      get [Symbol.for('faultline.safe_message')](): string {
        return 'the booking service answered 503';
      }
    }
    const sent = ['no seat for Ada', ''].map((message) => said(new BookingError(message), { captureContent: true }));
    expect(sent).toEqual(['no seat for Ada', 'the booking service answered 503']);
  });

  it('is the message once all content is recorded, unless the application wants it otherwise', () => {
    const refused = (): Error => named('AI_APICallError', 'no such thing', { statusCode: 400 });
    expect(said(refused(), { captureContent: true })).toBe('no such thing');
    expect(said(refused(), { captureContent: { inputs: true } })).toBe('Bad Request');
    expect(said(refused(), { captureContent: true, errorMessages: 'withheld' })).toBe('Bad Request');
  });
});
