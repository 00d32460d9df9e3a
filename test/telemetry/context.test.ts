import { createContextKey, ROOT_CONTEXT, trace, type Context, type Span } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';

import { strictPolicy } from '../../src/telemetry/content/policy.ts';
import { createFrame, withFrame } from '../../src/telemetry/context.ts';
import { frameOf } from '../../src/telemetry/run-frame.ts';
import { Scope } from '../../src/telemetry/scope.ts';

const KEY = createContextKey('test.value');
const frame = createFrame({ agent: 'helper' }, new Scope(), strictPolicy());

function spanNamed(id: string): Span {
  return trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId: id.repeat(16), traceFlags: 1 });
}

describe('a context inside a run', () => {
  it('keeps the span and the values that were set before it', () => {
    const span = spanNamed('1');
    const inside = withFrame(trace.setSpan(ROOT_CONTEXT.setValue(KEY, 'before'), span), frame);

    expect([frameOf(inside), trace.getSpan(inside), inside.getValue(KEY)]).toEqual([frame, span, 'before']);
  });

  it('is never changed: what is set or deleted is so in a new context only', () => {
    const span = spanNamed('1');
    const inside = withFrame(trace.setSpan(ROOT_CONTEXT, span), frame).setValue(KEY, 'set');
    const inner = createFrame({ agent: 'researcher' }, new Scope(), strictPolicy());

    expect(trace.getSpan(trace.setSpan(inside, spanNamed('2')))).toEqual(spanNamed('2'));
    expect(trace.getSpan(trace.deleteSpan(inside))).toBeUndefined();
    expect(frameOf(withFrame(inside, inner))).toBe(inner);
    expect(inside.deleteValue(KEY).getValue(KEY)).toBeUndefined();
    expect([frameOf(inside), trace.getSpan(inside), inside.getValue(KEY)]).toEqual([frame, span, 'set']);
  });
});

describe('a context that holds more than values, as that of New Relic', () => {
  const transactionContext = (transaction: string, values: ReadonlyMap<symbol, unknown> = new Map()): Context => {
    const theirs = {
      transaction,
      getValue: (key: symbol) => values.get(key),
      setValue: (key: symbol, value: unknown) => transactionContext(transaction, new Map([...values, [key, value]])),
      deleteValue: () => theirs,
    };
    return theirs;
  };

  it('is one inside of runs as well, and knows what it knows', () => {
    const inside = withFrame(transactionContext('GET /trip'), frame);
    const deeper = trace.setSpan(withFrame(inside, frame), spanNamed('1'));

    expect(deeper).toMatchObject({ transaction: 'GET /trip' });
    expect([frameOf(deeper), trace.getSpan(deeper)]).toEqual([frame, spanNamed('1')]);
  });
});
