import { fileURLToPath } from 'node:url';

import { difference, ratio, runNode, summarize } from './measure.mjs';
import { spread } from './report.mjs';

const WORKER = fileURLToPath(new URL('traced-run/worker.mjs', import.meta.url));

const PROCESSES = 4;

const LIMIT = 1.1;

/** What tracing one agent run costs, through Faultline's helpers and written by hand. */
export function measureTracedRun() {
  const succeeding = measureIn('succeeding');
  const failing = measureIn('failing');
  const unconfigured = measureIn('unconfigured');
  const factor = ratio(succeeding.faultline, succeeding.byHand);
  return {
    title: 'CPU of one traced agent run',
    compares: [
      'One agent, three model calls and three tool calls, metadata only, traced by the helpers of `faultline/spans`',
      'and, as the baseline, by hand: OpenTelemetry calls written for this one agent, without a helper it does not need.',
      'Both make the same seven spans with the same names, kinds, parents, attributes and events, price each model',
      'call by the same function, and send through a `NodeTracerProvider` with a `BatchSpanProcessor` to an exporter',
      'that counts. CPU is that of all threads of the process, garbage collection and export included.',
    ].join('\n'),
    columns: ['One run', 'µs of CPU', '× by hand'],
    rows: [...rows('', succeeding), ...rows('one tool fails: ', failing), ...rows('no provider: ', unconfigured)],
    targets: [
      {
        what: 'Faultline',
        limit: `≤ ${LIMIT.toFixed(2)} × by hand`,
        measured: `${spread(factor, 2)} ×`,
        met: factor.median <= LIMIT,
      },
    ],
    notes: [
      `With no provider registered, Faultline adds ${added(unconfigured)} µs to a run.`,
      [
        'A failed tool costs more than by hand because it does more: secrets are taken out of the message, and the',
        'stacks of all causes are recorded.',
      ].join('\n'),
    ],
  };
}

/** The rounds of several processes: no two of them compile and inline the same functions in the same way. */
function measureIn(situation) {
  const processes = Array.from({ length: PROCESSES }, () => JSON.parse(runNode(['--expose-gc', WORKER, situation])));
  const names = Object.keys(processes[0]);
  return Object.fromEntries(names.map((name) => [name, processes.flatMap((samples) => samples[name])]));
}

function rows(situation, { untraced, byHand, faultline }) {
  return [
    [`${situation}not traced`, spread(summarize(untraced), 1), ''],
    [`${situation}by hand`, spread(summarize(byHand), 1), ''],
    [`${situation}Faultline`, spread(summarize(faultline), 1), spread(ratio(faultline, byHand), 2)],
  ];
}

function added({ faultline, untraced }) {
  return difference(faultline, untraced).median.toFixed(1);
}
