import { createContextKey, type Context } from '@opentelemetry/api';

import type { Content } from './attributes/content.ts';
import { isUnawaited } from './content/unawaited.ts';
import { guard } from './guard.ts';

/**
 * Some work, and the content that is known of it.
 *
 * @internal
 */
export interface KnownWork {
  hasEnded: boolean;
  /** What errors may quote and must not say. Absent where no message of theirs may leave. */
  content: (() => readonly unknown[]) | undefined;
  /** What it has come to, which they may quote as well. */
  answer: Content | undefined;
}

/** Read by all copies of this package. The number stands for the form of what is there. */
const KEY = createContextKey('faultline.content.v1');

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
  return () => worksOf(context).map(contentOf);
}

function contentOf({ content, answer }: KnownWork): readonly unknown[] {
  // What is promised is not waited for, and what nobody can read was not quoted.
  return [...(content?.() ?? []), guard(() => answer?.())].filter((given) => !isUnawaited(given));
}

function worksOf(context: Context): readonly KnownWork[] {
  return (context.getValue(KEY) as readonly KnownWork[] | undefined) ?? [];
}
