import type { Pricing } from './attributes/cost.ts';
import { OPERATIONS } from './semconv.ts';

/**
 * What `setup.ts` decided and `spans.ts` needs to know: the only thing the two share, and the one mutable
 * slot of the telemetry half.
 */
export interface Active {
  /** First word of an agent span's name. */
  readonly agentSpanName: string;
  /** Whether a tool call hangs below the `chat` span that asked for it, or beside it. */
  readonly toolSpanParent: 'chat' | 'agent';
  /** Prices model calls; absent until someone set tracing up. */
  readonly price?: Pricing;
}

const DEFAULTS: Active = { agentSpanName: OPERATIONS.agent.spanName, toolSpanParent: 'chat' };

/**
 * The slot lives on the global object under a registered symbol, so that two copies of this package in
 * one process (an app's and a library's) see one setup, as the OpenTelemetry API does for its globals.
 */
const SLOT = Symbol.for('faultline.active.v1');
const holder = globalThis as { [SLOT]?: Active };

/** The current decisions. */
export function active(): Active {
  return holder[SLOT] ?? DEFAULTS;
}

/** Puts decisions into force. The function it returns takes them back. */
export function activate(decisions: Partial<Active>): () => void {
  const mine: Active = { ...DEFAULTS, ...decisions };
  holder[SLOT] = mine;
  return () => {
    if (holder[SLOT] === mine) delete holder[SLOT];
  };
}
