import type { Breadcrumb, CapturedFailure } from '../captured.ts';
import { defined } from '../config/records.ts';
import type { Taken } from './taken.ts';

/** A failure that turned out to be the reason of a crash. It stays where it happened. */
export function crashOf(failure: CapturedFailure, { level, mechanism, point, tags }: CapturedFailure): CapturedFailure {
  if (point === undefined) return { ...failure, handled: false, level, mechanism };
  return { ...failure, handled: false, level, tags: { ...tags, ...failure.tags } };
}

/** A crash that comes of a failure, with what is known of the way to that one. It has no failure point of its own. */
export function crashWith(part: CapturedFailure | undefined, crash: CapturedFailure): CapturedFailure {
  if (part === undefined) return crash;
  const { transaction, trace, user, policy } = part;
  const { 'failure.point': _, ...tags } = part.tags;
  return {
    ...defined({ transaction, trace, user }),
    ...crash,
    // What its run has decided about its content holds wherever that is told.
    ...defined({ policy }),
    tags: { ...tags, ...crash.tags },
    contexts: { ...part.contexts, ...crash.contexts },
    breadcrumbs: [...part.breadcrumbs, ...breadcrumbsSince(part, crash.breadcrumbs)],
  };
}

/** A crash of an error that was told as survived is one more event of that Issue. */
export function inIssueOf(last: Taken | undefined, crash: CapturedFailure): CapturedFailure {
  return last?.isSurvived === true && last.fingerprint !== undefined ? { ...crash, issue: last.fingerprint } : crash;
}

/** Those that are not told of the way to a failure, and not because they were too old for that. */
function breadcrumbsSince({ breadcrumbs: told }: CapturedFailure, later: readonly Breadcrumb[]): readonly Breadcrumb[] {
  const known = told.map(identityOf);
  const oldest = told.find(({ timestampMs }) => timestampMs !== undefined)?.timestampMs ?? -Infinity;
  return later.filter((each) => {
    const place = known.indexOf(identityOf(each));
    // Where steps have no time, the next one of a name looks like the one that is told.
    if (place !== -1) known.splice(place, 1);
    return place === -1 && !(each.timestampMs! < oldest);
  });
}

/** What tells breadcrumbs apart. Those of a step are made anew whenever they are told, and have no data. */
function identityOf(breadcrumb: Breadcrumb): unknown {
  const { timestampMs, category, message, data } = breadcrumb;
  return data === undefined ? [timestampMs, category, message].map(String).join(' ') : breadcrumb;
}
