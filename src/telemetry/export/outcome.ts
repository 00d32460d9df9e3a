import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Explanation } from '../http/explain-connection.ts';

/** What became of spans. Each of them is in exactly one of the first three, of which an absent one has none. */
export interface Outcome {
  /** Number of spans the backend took. */
  readonly accepted?: number;
  /**
   * Number of spans the backend refused for good: sending them again would change nothing. A partial success names
   * only a number, so which ones they are may not be known.
   */
  readonly rejected?: number;
  /** Spans nobody has decided on: sent again, they may be accepted. They are the very spans that were handed over. */
  readonly undecided?: readonly ReadableSpan[];
  /** Why spans are undecided. */
  readonly failure?: DeliveryFailure | undefined;
  /** Why spans were rejected. */
  readonly refusal?: DeliveryFailure | undefined;
  /** How long the backend asked to be sent nothing, which it may do although it accepted everything. 0 is none. */
  readonly pauseMs?: number;
}

/** Why spans were not accepted. */
export type DeliveryFailure = Explanation &
  (
    | {
        /** It may pass: overload, trouble of the server, of the network, of something in between. */
        readonly kind: 'passing';
        /** Whether the backend may have the spans all the same, because only its answer is missing. */
        readonly mayHaveArrived: boolean;
        /** Whether only a connection that was kept broke off. Absent when not. */
        readonly wasKept?: boolean;
        /** Whether it may be what it was sent that the backend fails on. Absent when not. */
        readonly isFault?: boolean;
      }
    /** There was too much in one request. */
    | { readonly kind: 'too_large' }
    /** It is about the set-up, not about these spans: the key, the path, the proxy. Trying again now changes nothing. */
    | { readonly kind: 'misconfigured' }
    /** It is about these spans. */
    | { readonly kind: 'refused' }
  );

/**
 * A step on the way of spans into requests, which says what became of every span; see `deliver`. It has no end of its
 * own: whoever owns the connection breaks that off.
 */
export interface DeliveringExporter {
  export(spans: readonly ReadableSpan[]): Promise<Outcome>;
}

/** Exports, and never rejects: spans that make an exporter throw would make it throw again, and count as rejected. */
export async function deliver(exporter: DeliveringExporter, spans: readonly ReadableSpan[]): Promise<Outcome> {
  try {
    return await exporter.export(spans);
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    const sentence = `they could not be exported (${name})`;
    return { rejected: spans.length, refusal: { kind: 'refused', cause: `thrown ${name}`, sentence } };
  }
}

/** What exports do together. Of their failures it names the last one. */
export function combined(one: Outcome, other: Outcome): Outcome {
  return {
    accepted: (one.accepted ?? 0) + (other.accepted ?? 0),
    rejected: (one.rejected ?? 0) + (other.rejected ?? 0),
    undecided: [...(one.undecided ?? []), ...(other.undecided ?? [])],
    failure: other.failure ?? one.failure,
    refusal: other.refusal ?? one.refusal,
    pauseMs: Math.max(one.pauseMs ?? 0, other.pauseMs ?? 0),
  };
}
