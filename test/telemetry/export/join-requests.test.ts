import { describe, expect, it } from 'vitest';

import { joinRequests } from '../../../src/telemetry/export/join-requests.ts';

const joined = (...requests: readonly string[]): unknown =>
  JSON.parse(
    Buffer.from(
      joinRequests(
        requests.map((request) => Buffer.from(request)),
        'http/json',
      ),
    ).toString(),
  );

describe('OTLP requests that are joined', () => {
  it('hold what all of them held', () => {
    expect(joined('{"resourceSpans":[{"a":1},{"b":"]}"}]}', '{"resourceSpans":[{"c":3}]}')).toEqual({
      resourceSpans: [{ a: 1 }, { b: ']}' }, { c: 3 }],
    });
    expect(joined('{"resourceSpans":[]}', '{"resourceSpans":[{"c":3}]}', '{"resourceSpans":[]}')).toEqual({
      resourceSpans: [{ c: 3 }],
    });
    expect(joined()).toEqual({ resourceSpans: [] });
  });

  it('may be written in a way nobody expected', () => {
    expect(joined('{ "resourceSpans": [{ "a": 1 }] }', '{"resourceSpans":[{"c":3}]}', '{}')).toEqual({
      resourceSpans: [{ a: 1 }, { c: 3 }],
    });
  });
});
