import { fileURLToPath } from 'node:url';

import { inject } from 'vitest';

import { runNode } from '../../support/run-node.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const LONGEST_RUN_MS = 20_000;

/** A span of the demo's, in the words of its own report. */
export interface DemoSpan {
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly kind: string;
  readonly status: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface DemoTrace {
  readonly scenario: string;
  readonly traceId: string;
  readonly spans: readonly DemoSpan[];
}

export interface DemoIssue {
  readonly eventId: string;
}

/** How a run of the demo ended. */
export interface DemoRun {
  readonly code: number | null;
  readonly stderr: string;
  readonly traces: readonly DemoTrace[];
  readonly issues: readonly DemoIssue[];
  readonly delivered: number;
  readonly undelivered: number;
}

/** Runs `faultline demo --once --json` in an environment of its own. */
export async function runDemo(
  env: Readonly<Record<string, string>>,
  scenarios: readonly string[] = [],
): Promise<DemoRun> {
  const args = ['demo', '--once', '--json', ...scenarios.flatMap((name) => ['--scenario', name])];
  const { code, stdout, stderr } = await runNode([MAIN, ...args], {
    // It has no `.env`, so that only the given environment counts.
    cwd: inject('scratchDirectory'),
    env,
    timeoutMs: LONGEST_RUN_MS,
  });
  if (stdout === '') throw new Error(`the demo printed no report and ended with code ${code}:\n${stderr}`);
  return { code, stderr, ...(JSON.parse(stdout) as Omit<DemoRun, 'code' | 'stderr'>) };
}
