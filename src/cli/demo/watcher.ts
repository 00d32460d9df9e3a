/** Traces of other programs, put together from the requests they arrive in. */
import type { ReceivedSpan } from '../../receiver/received-span.ts';

/** Collects spans and hands out one trace at a time. */
export interface Watcher {
  receive(spans: readonly ReceivedSpan[]): void;
  /** Hands out traces, those received before included, until the promise settles. */
  watchUntil(end: Promise<unknown>): Promise<void>;
}

/** A root ends last, so its trace is complete but for stragglers. */
const AFTER_ROOT_MS = 200;
/** The root may be in another program, or may never come. */
const AFTER_LAST_SPAN_MS = 2_000;

/** Creates a watcher. `onTrace` gets the spans of a trace when no more are expected. */
export function createWatcher(onTrace: (spans: readonly ReceivedSpan[]) => void): Watcher {
  const growing = new Map<string, { spans: ReceivedSpan[]; timer?: NodeJS.Timeout }>();
  let watching = false;

  const schedule = (traceId: string): void => {
    const trace = growing.get(traceId);
    if (!watching || trace === undefined) return;
    clearTimeout(trace.timer);
    const complete = trace.spans.some(({ parentSpanId }) => parentSpanId === undefined);
    trace.timer = setTimeout(
      () => {
        growing.delete(traceId);
        onTrace(trace.spans);
      },
      complete ? AFTER_ROOT_MS : AFTER_LAST_SPAN_MS,
    );
  };

  return {
    receive(spans) {
      for (const span of spans) {
        const trace = growing.get(span.traceId);
        if (trace === undefined) growing.set(span.traceId, { spans: [span] });
        else trace.spans.push(span);
      }
      for (const traceId of new Set(spans.map((span) => span.traceId))) schedule(traceId);
    },
    async watchUntil(end) {
      watching = true;
      for (const traceId of growing.keys()) schedule(traceId);
      await end;
      watching = false;
      for (const { timer } of growing.values()) clearTimeout(timer);
    },
  };
}
