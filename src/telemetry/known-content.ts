import { createContextKey, type Context } from '@opentelemetry/api';

import { isUnawaited } from './content/unawaited.ts';

/**
 * Some work, and the content that is known of it.
 *
 * @internal
 */
export interface KnownWork {
  hasEnded: boolean;
  /** What errors may quote and must not say. */
  readonly content: () => readonly unknown[];
}

const KEY = createContextKey('faultline.content');

/**
 * A context for work of which content is known, besides that of the work around it. What has ended by then is left
 * out: work that starts its like in turn would otherwise hold on to all that was before it.
 *
 * @internal
 */
export function withKnownContent(context: Context, work: KnownWork): Context {
  return context.setValue(KEY, [...worksOf(context).filter(({ hasEnded }) => !hasEnded), work]);
}

/**
 * Gives the content that is known of the work a context is for, and of the work around it. That of the innermost stands
 * last, where a message is compared with it first: there is a bound, and an error quotes what is near more often.
 *
 * @internal
 */
export function knownContent(context: Context): () => unknown {
  // What is promised is not waited for.
  return () => worksOf(context).map(({ content }) => content().filter((given) => !isUnawaited(given)));
}

function worksOf(context: Context): readonly KnownWork[] {
  return (context.getValue(KEY) as readonly KnownWork[] | undefined) ?? [];
}
