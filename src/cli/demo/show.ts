/** What a person sees of the demo while it runs. */
import type { Receiver } from '../../receiver/server.ts';
import type { ReceivedSpan } from '../../receiver/received-span.ts';
import { count, type CommandProcess } from '../command.ts';
import { createPaint } from '../paint.ts';
import { printable, renderTrace } from '../trace-tree.ts';
import type { Totals } from './delivery.ts';
import type { IssueSummary } from './issue-summary.ts';
import type { ScenarioTraces } from './json-report.ts';

/** The demo's output, in the order of its methods. */
export interface Show {
  start(scenarios: number, headlines: readonly string[]): void;
  scenario(name: string, title: string): void;
  /** Text as a model writes it. */
  text(piece: string): void;
  outcome(
    traces: readonly (readonly ReceivedSpan[])[],
    issues: readonly IssueSummary[],
    outcome: string,
    intended: boolean,
  ): void;
  end(done: readonly ScenarioTraces[], totals: Totals): void;
  /** The receiver stays open for other programs. */
  open(receiver: Receiver): void;
  /** A trace of another program. */
  trace(spans: readonly ReceivedSpan[]): void;
  /** The person left. */
  leave(): void;
}

const NARROWEST = 60;
const WIDEST = 110;
/** When the output is not a terminal, nobody says how wide it is. */
const DEFAULT_WIDTH = 100;
const INDENT = '  ';

/**
 * Creates the output. A quiet one leaves standard output to somebody else and says on standard error only
 * what went wrong.
 */
export function createShow({ stdout, stderr, env }: CommandProcess, quiet: boolean): Show {
  const paint = createPaint(stdout, env);
  const width = Math.min(WIDEST, Math.max(NARROWEST, stdout.columns ?? DEFAULT_WIDTH));
  let streaming = false;

  const say = (line = ''): void => {
    if (!quiet) stdout.write(`${line}\n`);
  };
  const tree = (spans: readonly ReceivedSpan[], sender = ''): void => {
    say(`${INDENT}${paint('dim', `trace ${spans[0]?.traceId}${sender}`)}`);
    for (const line of renderTrace(spans, { width: width - INDENT.length, paint })) say(`${INDENT}${line}`);
  };

  return {
    start(scenarios, headlines) {
      const all = scenarios === 1 ? 'one scenario' : count(scenarios, 'scenario');
      say(`A travel agent in ${all}, against a model provider on this machine.`);
      for (const headline of headlines) say(headline);
    },
    scenario(name, title) {
      say();
      say(`${paint(['bold', 'cyan'], name)}  ${title}`);
    },
    text(piece) {
      if (quiet) return;
      stdout.write(streaming ? piece : `${INDENT}${paint('dim', '…')} ${piece}`);
      streaming = true;
    },
    outcome(traces, issues, outcome, intended) {
      if (streaming) say();
      streaming = false;
      if (traces.length === 0) say(`${INDENT}${paint('dim', 'no trace: sampled out, or not delivered')}`);
      for (const spans of traces) tree(spans);
      for (const { level, type, handled, culprit } of issues) {
        const kind = `${level}, ${handled ? 'handled' : 'unhandled'}`;
        const place = culprit === null ? '' : paint('dim', ` in ${printable(culprit)}`);
        say(`${INDENT}${paint('yellow', '⚑')} Issue: ${printable(type)} (${kind})${place}`);
      }
      say(`${INDENT}→ ${intended ? outcome : paint('red', outcome)}`);
      if (quiet && !intended) stderr.write(`faultline: ${outcome}\n`);
    },
    end(done, { delivered, undelivered, issues, undeliveredIssues, reason }) {
      const traces = count(done.flatMap((scenario) => scenario.traces).length, 'trace');
      say();
      if (undelivered + undeliveredIssues === 0) {
        const counts =
          issues === 0 ? count(delivered, 'span') : `${count(delivered, 'span')}, ${count(issues, 'Issue')}`;
        say(paint('green', `${traces}, ${counts} delivered.`));
        return;
      }
      const ofSpans = `${delivered} of ${count(delivered + undelivered, 'span')}`;
      const ofIssues = `${issues} of ${count(issues + undeliveredIssues, 'Issue')}`;
      const all = undeliveredIssues === 0 ? ofSpans : `${ofSpans} and ${ofIssues}`;
      const sum = `${all} delivered, ${undelivered + undeliveredIssues} not: ${reason}`;
      say(paint('red', `${traces}, ${sum}`));
      if (quiet) stderr.write(`faultline: ${sum}\n`);
    },
    open({ url }) {
      say();
      say(`The receiver stays open: OTEL_EXPORTER_OTLP_ENDPOINT=${url} brings the traces of any program here.`);
      say(paint('dim', 'Ctrl-C to leave.'));
    },
    trace(spans) {
      const service = spans[0]?.resource['service.name'];
      say();
      tree(spans, typeof service === 'string' ? ` from ${printable(service)}` : '');
    },
    // The terminal has written ^C.
    leave: () => say(),
  };
}
