import { expect, test } from 'vitest';

import { interruptedSpan } from '../../../../src/telemetry/export/interrupted-span.ts';
import { record, temporaryDirectory } from './recorded.ts';

test('an interrupted span has failed, and the live one stays as it is', () => {
  const { tracer, spans } = record({ directory: temporaryDirectory() });
  const live = tracer.startSpan('agent', { startTime: [10, 5], attributes: { 'error.type': 'early', run: 1 } });
  live.addEvent('turn');
  live.end([12, 0]);
  const [span] = spans;
  if (span === undefined) throw new Error('no span ended');

  const interrupted = interruptedSpan(span, [15, 6]);

  expect(interrupted).toMatchObject({
    name: 'agent',
    startTime: [10, 5],
    endTime: [15, 6],
    duration: [5, 1],
    ended: true,
    status: { code: 2, message: 'The process ended before this span did.' },
    attributes: { 'error.type': 'interrupted', 'faultline.interrupted': true, run: 1 },
    events: [{ name: 'turn' }],
  });
  expect(interrupted.spanContext()).toEqual(live.spanContext());
  expect(span).toMatchObject({ endTime: [12, 0], status: { code: 0 }, attributes: { 'error.type': 'early', run: 1 } });
});

test('an interrupted span never ends before it began', () => {
  const { tracer, spans } = record({ directory: temporaryDirectory() });
  tracer.startSpan('agent', { startTime: [10, 5] }).end([12, 0]);

  expect(spans.map((span) => interruptedSpan(span, [10, 4]))).toMatchObject([{ endTime: [10, 5], duration: [0, 0] }]);
});
