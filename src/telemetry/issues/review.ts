import { isUnawaited } from '../content/unawaited.ts';
import type { Reporter } from '../diagnostics.ts';
import { guard } from '../guard.ts';
import { isObject } from '../recorded-failures.ts';
import type { IssueOptions } from './options.ts';
import type { SentryEvent } from './sentry-event.ts';
import { wrongAnswer } from './wrong-answer.ts';

/** The event as `beforeSend` has it sent: itself where the hook answers with nothing that can be sent. */
export function reviewed(event: SentryEvent, { beforeSend }: IssueOptions, report: Reporter): SentryEvent | null {
  if (!beforeSend) return event;
  try {
    const answer: unknown = beforeSend(structuredClone(event));
    if (answer === null) return null;
    const written = writtenEvent(answer);
    if (written !== undefined) return written;
    const returned = wrongAnswer(answer);
    report({
      key: 'beforeSend',
      message: `beforeSend must return an event or null at once, but returned ${returned}; the Issue was sent as it was`,
    });
  } catch {
    report({
      key: 'beforeSend',
      message: 'beforeSend threw, so the Issue was sent as it was; it must return an event or null',
    });
  }
  return event;
}

/** The event, or what is left of one, as an answer is written down; undefined where that is none. */
function writtenEvent(answer: unknown): SentryEvent | undefined {
  if (!isObject(answer) || isUnawaited(answer)) return undefined;
  return guard(() => {
    if (Array.isArray(answer)) return undefined;
    const { toJSON } = answer as { readonly toJSON?: unknown };
    const written: unknown = typeof toJSON === 'function' ? toJSON.call(answer) : answer;
    if (!isObject(written)) return undefined;
    // What is only inherited is not written down, and what writes it is asked once.
    const { toJSON: _, ...own } = written as Partial<Record<string, unknown>>;
    return EVENT_FIELDS.some((field) => own[field] !== undefined) ? (own as unknown as SentryEvent) : undefined;
  });
}

/** However much is taken out of an event, one of these stays. */
const EVENT_FIELDS = ['event_id', 'exception', 'logentry', 'message'];
