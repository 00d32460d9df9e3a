import type { ReceivedSpan } from '../../src/receiver/received-span.ts';

/** A received span with everything it needs, so that a test says only what it is about. */
export function span(fields: Partial<ReceivedSpan> = {}): ReceivedSpan {
  return {
    traceId: '1'.repeat(32),
    spanId: '2'.repeat(16),
    name: 'span',
    kind: 1,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 1n,
    attributes: {},
    status: { code: 0 },
    events: [],
    links: [],
    flags: 0x101,
    resource: {},
    scope: { name: '', version: '' },
    ...fields,
  };
}

/** A span id from a short word. */
export function id(word: string): string {
  return Buffer.from(word).toString('hex').padEnd(16, '0').slice(0, 16);
}
