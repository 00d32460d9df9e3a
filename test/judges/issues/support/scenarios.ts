import { runDemo, type DemoRun } from '../../support/demo.ts';

/** Scenarios of the demo in which something fails that somebody should look at. */
const FAILURES = ['tool-failure', 'memory-failure', 'models-exhausted', 'agent-error', 'transport-crash'] as const;

/** Scenarios that end well, or as the user wanted. */
const UNTROUBLED = ['success', 'fallback', 'abort'] as const;

/** What the Issue of a scenario says. */
export interface ExpectedIssue {
  readonly type: string;
  readonly transaction: string;
  readonly level: 'error' | 'warning';
  readonly point: string;
  /** Whether the run went on. */
  readonly handled: boolean;
  /** The span it happened in. */
  readonly span: string;
  /** Function and file it was thrown in. */
  readonly thrownIn: RegExp;
  /** Function and file of the innermost frame that is neither Faultline's nor a package's. */
  readonly ownCode: RegExp;
}

/** The Issues of the failures, in the order they happen. */
const ISSUES: Readonly<Record<(typeof FAILURES)[number], ExpectedIssue>> = {
  'tool-failure': {
    type: 'WeatherServiceError',
    transaction: 'agent.invoke trip-helper',
    level: 'warning',
    point: 'tool.execution',
    handled: true,
    span: 'execute_tool get_weather',
    thrownIn: /execute in .*dist\/cli\/demo\.js$/,
    ownCode: /execute in .*dist\/cli\/demo\.js$/,
  },
  'memory-failure': {
    type: 'SqliteError',
    transaction: 'agent.invoke trip-helper',
    level: 'warning',
    point: 'memory.search',
    handled: true,
    span: 'search_memory traveller-notes',
    thrownIn: /search in .*dist\/cli\/demo\.js$/,
    ownCode: /search in .*dist\/cli\/demo\.js$/,
  },
  'models-exhausted': {
    type: 'AllModelsFailedError',
    transaction: 'agent.invoke trip-helper',
    level: 'error',
    point: 'model.fallback_exhausted',
    handled: false,
    span: 'agent.invoke trip-helper',
    thrownIn: /^askChain in .*dist\/faultline\/[\w-]+\.js$/,
    ownCode: /^endsWith in .*dist\/cli\/demo\.js$/,
  },
  'agent-error': {
    type: 'MaxTurnsError',
    transaction: 'agent.invoke trip-helper',
    level: 'error',
    point: 'conversation.unhandled',
    handled: false,
    span: 'agent.invoke trip-helper',
    thrownIn: /^takeTurns in .*dist\/faultline\/[\w-]+\.js$/,
    ownCode: /^endsWith in .*dist\/cli\/demo\.js$/,
  },
  'transport-crash': {
    type: 'SocketClosedError',
    transaction: 'transport.crash chat-socket',
    level: 'error',
    point: 'transport.crash',
    handled: false,
    span: 'transport.crash chat-socket',
    thrownIn: /start in .*dist\/cli\/demo\.js$/,
    ownCode: /start in .*dist\/cli\/demo\.js$/,
  },
};

export const EXPECTED_ISSUES: readonly ExpectedIssue[] = FAILURES.map((scenario) => ISSUES[scenario]);

/** An Issue of the demo's, in the words of its own report. */
export interface DemoIssue {
  readonly scenario: string;
  readonly eventId: string;
  readonly traceId: string;
  readonly spanId: string;
}

export interface IssueRun extends DemoRun {
  readonly issues: readonly DemoIssue[];
}

/** Runs the scenarios that fail, or those that do not. */
export async function runScenarios(
  kind: 'failures' | 'untroubled',
  env: Readonly<Record<string, string>>,
): Promise<IssueRun> {
  return (await runDemo(env, kind === 'failures' ? FAILURES : UNTROUBLED)) as IssueRun;
}
