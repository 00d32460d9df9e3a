import type { Pricing } from './attributes/cost.ts';
import { strictPolicy, type ContentPolicy } from './content/policy.ts';
import type { CapturedFailure, CapturedMessage } from './captured.ts';
import { OPERATIONS } from './semconv.ts';
import { acrossCopies } from './across-copies.ts';

/**
 * What `setup.ts` decided and `spans.ts` needs to know: the only thing the two share, and the one mutable
 * slot of the telemetry half.
 */
export interface Active {
  /** First word of an agent span's name. */
  readonly agentSpanName: string;
  /** Whether a tool call hangs below the `chat` span that asked for it, or beside it. */
  readonly toolSpanParent: 'chat' | 'agent';
  /** Whether e-mail, name and address of a user may leave the process. */
  readonly sendDefaultPii: boolean;
  /** What may leave of the content of a run that has not decided for itself. */
  readonly content: ContentPolicy;
  /** Prices model calls; absent until someone set tracing up. */
  readonly price?: Pricing;
  /** Takes failures that become Issues; absent without a DSN. */
  readonly issues?: IssueSink;
  /**
   * Asks the clock or for a random number apart from the request at hand. Next.js gives up a page it prerenders as soon
   * as that asks for either, and cannot tell that the question is not its own.
   *
   * @see https://nextjs.org/docs/messages/blocking-prerender-current-time
   */
  readonly apart: <Answer>(ask: () => Answer) => Answer;
}

/** Where failures go that become Issues. Neither function throws. */
export interface IssueSink {
  /**
   * Takes a failure whose run is still going on: whether it is handled is known when the run ends. What is
   * still undecided when the process ends is sent as it is.
   */
  hold(failure: CapturedFailure): HeldFailure;
  /** Takes what is decided. */
  capture(captured: CapturedFailure | CapturedMessage): void;
}

/** A failure that waits for the end of its run. */
export interface HeldFailure {
  readonly failure: CapturedFailure;
  /** Whether it becomes an Issue, or is one already: what is operational does not. */
  readonly isIssue: boolean;
  /** Whether it is decided, and nobody has its error any more: nothing that ends the run can be about it. */
  readonly isOver: boolean;
  /** Sends it as it turned out, or drops it because it became part of another one. */
  readonly decide: (outcome: CapturedFailure | 'dropped') => void;
}

const DEFAULTS: Omit<Active, 'content'> = {
  agentSpanName: OPERATIONS.agent.spanName,
  toolSpanParent: 'chat',
  sendDefaultPii: false,
  apart: (ask) => ask(),
};

/** What holds where nobody set tracing up. Not made at import: its redactors take longer than all else here. */
let undecided: Active | undefined;

/** What is in force. */
const inForce = acrossCopies<{ decisions?: Active }>('active', () => ({}));

/** The current decisions. */
export function active(): Active {
  return inForce.decisions ?? (undecided ??= { ...DEFAULTS, content: strictPolicy() });
}

/** Whether somebody set tracing up. */
export function isSetUp(): boolean {
  return inForce.decisions !== undefined;
}

/** Puts decisions into force. The function it returns takes them back. */
export function activate(decisions: Partial<Active>): () => void {
  const mine: Active = { ...DEFAULTS, content: decisions.content ?? strictPolicy(), ...decisions };
  inForce.decisions = mine;
  return () => {
    if (inForce.decisions === mine) delete inForce.decisions;
  };
}
