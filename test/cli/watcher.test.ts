import { once } from 'node:events';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createWatcher } from '../../src/cli/demo/watcher.ts';
import type { ReceivedSpan } from '../../src/receiver/received-span.ts';
import { span as anySpan } from '../receiver/span.ts';

function span(traceId: string, spanId: string, parentSpanId?: string): ReceivedSpan {
  return anySpan({ traceId, spanId, name: spanId, ...(parentSpanId === undefined ? {} : { parentSpanId }) });
}

/** A watcher, the names of the spans of each trace it handed out, and the way to end the watch. */
function watching(): {
  readonly receive: (...spans: ReceivedSpan[]) => void;
  readonly traces: string[][];
  readonly start: () => void;
  readonly stop: () => Promise<void>;
} {
  const traces: string[][] = [];
  const watcher = createWatcher((spans) => traces.push(spans.map(({ name }) => name)));
  const end = new AbortController();
  let watch: Promise<void> = Promise.resolve();
  return {
    receive: (...spans) => watcher.receive(spans),
    traces,
    start: () => {
      watch = watcher.watchUntil(once(end.signal, 'abort'));
    },
    stop: async () => {
      end.abort();
      await watch;
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a watcher', () => {
  test('hands out a trace once, shortly after its root has come, with what came before and just after', () => {
    const { receive, traces, start } = watching();
    start();

    receive(span('t1', 'child', 'root'));
    vi.advanceTimersByTime(1_000);
    receive(span('t1', 'root'));
    vi.advanceTimersByTime(100);
    receive(span('t1', 'late', 'root'));
    vi.advanceTimersByTime(199);
    expect(traces).toEqual([]);
    vi.advanceTimersByTime(1);

    expect(traces).toEqual([['child', 'root', 'late']]);
    vi.advanceTimersByTime(10_000);
    expect(traces).toHaveLength(1);
  });

  test('waits for the root of a trace, but not for ever', () => {
    const { receive, traces, start } = watching();
    start();

    receive(span('t1', 'child', 'elsewhere'));
    vi.advanceTimersByTime(1_999);
    expect(traces).toEqual([]);
    vi.advanceTimersByTime(1);

    expect(traces).toEqual([['child']]);
  });

  test('keeps traces apart that arrive in one request', () => {
    const { receive, traces, start } = watching();
    start();

    receive(span('t1', 'a'), span('t2', 'b'), span('t1', 'c', 'a'));
    vi.advanceTimersByTime(200);

    expect(traces).toEqual([['a', 'c'], ['b']]);
  });

  test('keeps what came before the watch until it starts, and says nothing after its end', async () => {
    const { receive, traces, start, stop } = watching();

    receive(span('t1', 'early'));
    vi.advanceTimersByTime(10_000);
    expect(traces).toEqual([]);
    start();
    vi.advanceTimersByTime(200);
    expect(traces).toEqual([['early']]);

    receive(span('t2', 'too late'));
    await stop();
    vi.advanceTimersByTime(10_000);
    expect(traces).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
