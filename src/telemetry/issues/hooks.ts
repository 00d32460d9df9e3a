import type { Problem, Reporter } from '../diagnostics.ts';
import { createClassification } from './classification.ts';
import type { IssueOptions } from './options.ts';
import { reviewed } from './review.ts';
import type { SentryEvent } from './sentry-event.ts';

/** The hooks of the application, which decide about Issues: code that may throw, capture, or end the process. */
export interface Hooks {
  /**
   * Does the work for one failure. An Issue that cannot be built is no reason to trouble the program it is about.
   * What a hook captures in it would make the next Issue, and so on for ever, so that is refused.
   */
  readonly undisturbed: <T>(work: () => T) => T | undefined;
  /** Whether an error is an Issue. Should the hook end the process, `orElse` is done where it is one without it. */
  isIssue(error: unknown, orElse: () => void): boolean;
  /** The event as it is to be sent, `null` when it is not. Should the hook end the process, `orElse` is done. */
  review(event: SentryEvent, orElse: () => void): SentryEvent | null;
  /** Says that the process ends now, maybe by one of the hooks. That is asked no more. */
  processEnds(): void;
}

const CAPTURED_IN_HOOK: Problem = {
  key: 'captured-in-hook',
  message:
    'beforeSend or classify captured something by itself, which was not sent, because it would be asked about that ' +
    'as well; capture it elsewhere',
};

const ENDED_IN_HOOK: Problem = {
  key: 'ended-in-hook',
  message:
    'beforeSend or classify ended the process, so neither was asked any more, and the Issues left were sent as they were',
};

/** Creates the way to ask them. */
export function createHooks(options: IssueOptions, report: Reporter): Hooks {
  const isIssue = createClassification(options, report);
  const { classify: _, ...unclassified } = options;
  const isUnclassifiedIssue = createClassification(unclassified, report);
  let isBusy = false;
  /** What is to be done when the hook that is being asked ends the process instead of answering. */
  let unanswered: (() => void) | undefined;
  /** A hook that has ended the process is asked no more: a second `process.exit()` leaves no time to send. */
  let mayAsk = true;

  const undisturbed = <T>(work: () => T): T | undefined => {
    if (isBusy) {
      report(CAPTURED_IN_HOOK);
      return undefined;
    }
    isBusy = true;
    try {
      return work();
    } catch {
      return undefined;
    } finally {
      isBusy = false;
    }
  };

  const ask = <T>(hook: () => T, orElse: () => void): T => {
    unanswered = orElse;
    try {
      return hook();
    } finally {
      unanswered = undefined;
    }
  };

  return {
    undisturbed,
    isIssue(error, orElse) {
      if (!mayAsk) return isUnclassifiedIssue(error);
      return ask(
        () => isIssue(error),
        () => {
          if (isUnclassifiedIssue(error)) orElse();
        },
      );
    },
    review: (event, orElse) => (mayAsk ? ask(() => reviewed(event, options, report), orElse) : event),
    processEnds() {
      isBusy = false;
      const inHand = unanswered;
      unanswered = undefined;
      if (inHand === undefined) return;
      mayAsk = false;
      report(ENDED_IN_HOOK);
      undisturbed(inHand);
    },
  };
}
