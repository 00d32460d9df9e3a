/** `faultline demo`: a real agent in every situation Faultline is about, and the traces that come of it. */
import { once } from 'node:events';

import { startStubProvider, type StubProvider } from '../testing/stub-provider.ts';
import type { ReceivedSpan } from '../receiver/received-span.ts';
import { buildTrees } from '../receiver/span-forest.ts';
import { list, parseFlags, parsePort, UsageError, type Command } from './command.ts';
import { startDelivery, type Delivery } from './demo/delivery.ts';
import { jsonReport, type ScenarioTraces } from './demo/json-report.ts';
import { SCENARIOS, type Scenario, type Stage } from './demo/scenarios.ts';
import { createShow, type Show } from './demo/show.ts';
import { createWatcher } from './demo/watcher.ts';

const NAMES = Object.keys(SCENARIOS);

const USAGE = `faultline demo: a real agent against a model provider on this machine, and the traces of its runs

Usage: faultline demo [--scenario NAME]... [--once] [--json] [--port N]

  --scenario NAME  one of ${NAMES.slice(0, 6).join(' ')}
                   ${NAMES.slice(6).join(' ')}
                   (default: all of them)
  --once           end when everything is delivered: exit code 0, or 1 when something was not
  --json           print one JSON object with every span, and nothing else
  --port N         port of the local receiver (default: 4318, or any free one when that is taken)

Spans go to the destination the environment names (SENTRY_DSN or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT), else to a
receiver started here, which stays open on a terminal until Ctrl-C.
`;

export const demo: Command = {
  usage: USAGE,
  async run(args, context) {
    const options = parse(args);
    const show = createShow(context, options.json);
    const others = createWatcher((spans) => show.trace(spans));
    const delivery = await startDelivery({
      env: context.env,
      port: options.port,
      onForeignSpans: (spans) => others.receive(spans),
      onProblem: (message) => void context.stderr.write(`faultline: ${message}\n`),
    });
    try {
      show.start(options.scenarios.length, delivery.headlines);
      const done: ScenarioTraces[] = [];
      let asIntended = true;
      for (const name of options.scenarios) {
        const { intended, ...traces } = await play(name, SCENARIOS[name]!, delivery, show);
        asIntended &&= intended;
        done.push(traces);
      }
      const totals = await delivery.finish();
      show.end(done, totals);
      if (options.json) context.stdout.write(`${jsonReport(done, totals)}\n`);

      const { receiver } = delivery;
      if (receiver !== undefined && !options.once && !options.json && context.stdout.isTTY) {
        show.open(receiver);
        await others.watchUntil(once(context, 'SIGINT'));
        show.leave();
      }
      return totals.undelivered + totals.undeliveredIssues === 0 && asIntended ? 0 : 1;
    } finally {
      await delivery.close();
    }
  },
};

interface DemoOptions {
  readonly scenarios: readonly string[];
  readonly once: boolean;
  readonly json: boolean;
  readonly port: number | undefined;
}

function parse(args: readonly string[]): DemoOptions {
  const { values, positionals } = parseFlags(
    'demo',
    {
      scenario: { type: 'string', multiple: true },
      once: { type: 'boolean' },
      json: { type: 'boolean' },
      port: { type: 'string' },
    },
    args,
  );
  if (positionals.length > 0) {
    throw new UsageError(`faultline demo takes flags only; a scenario is named with --scenario ${positionals[0]}.`);
  }
  const scenarios = values.scenario ?? NAMES;
  const unknown = scenarios.find((name) => !Object.hasOwn(SCENARIOS, name));
  if (unknown !== undefined) throw new UsageError(`There is no scenario ${unknown}; the scenarios are ${list(NAMES)}.`);
  return {
    scenarios,
    once: values.once === true,
    json: values.json === true,
    port: parsePort(values.port),
  };
}

/** Runs one scenario and shows what came of it. */
async function play(
  name: string,
  scenario: Scenario,
  delivery: Delivery,
  show: Show,
): Promise<ScenarioTraces & { readonly intended: boolean }> {
  show.scenario(name, scenario.title);
  const providers: StubProvider[] = [];
  const stage: Stage = {
    async provider(script) {
      const provider = await startStubProvider(script);
      providers.push(provider);
      return provider;
    },
    show: (text) => show.text(text),
  };
  let outcome: string;
  let intended = true;
  try {
    outcome = await scenario.run(stage);
  } catch (error) {
    intended = false;
    outcome = `this did not go as intended: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
  } finally {
    await Promise.all(providers.map((provider) => provider.close()));
  }
  const { spans, issues } = await delivery.take();
  const traces = groupByTrace(spans);
  show.outcome(traces, issues, outcome, intended);
  return { scenario: name, traces, issues, intended };
}

/** The spans of each trace, the trace that began first coming first. */
function groupByTrace(spans: readonly ReceivedSpan[]): readonly (readonly ReceivedSpan[])[] {
  const traces = new Map<string, ReceivedSpan[]>();
  // The forest comes in that order already.
  for (const { span } of buildTrees(spans)) traces.set(span.traceId, []);
  for (const span of spans) traces.get(span.traceId)?.push(span);
  return [...traces.values()];
}
