import { describe } from './kinds.ts';
import type { Reporter } from './settings.ts';

/** What Sentry takes for the name of something: see `validate_release` of getsentry/sentry-release-parser. */
interface NameRule {
  readonly key: string;
  readonly what: string;
  /** In bytes of UTF-8. */
  readonly maxLength: number;
  /** Words that mean something else to Sentry, in any case. */
  readonly reserved: readonly string[];
}

const RELEASE: NameRule = { key: 'SENTRY_RELEASE', what: 'release', maxLength: 200, reserved: ['.', '..', 'latest'] };
const ENVIRONMENT: NameRule = {
  key: 'SENTRY_ENVIRONMENT',
  what: 'environment',
  maxLength: 64,
  reserved: ['.', '..', 'none'],
};

/** Says which names Sentry will leave out of what it is sent. Other backends take any. */
export function reportRefusedNames(release: string | undefined, environment: string, report: Reporter): void {
  if (release !== undefined) reportRefused(release, RELEASE, report);
  reportRefused(environment, ENVIRONMENT, report);
}

function reportRefused(name: string, { key, what, maxLength, reserved }: NameRule, report: Reporter): void {
  const length = Buffer.byteLength(name);
  const isTaken =
    length <= maxLength && !/[/\r\n\t\f]/.test(name) && !reserved.some((word) => word === name.toLowerCase());
  if (isTaken) return;
  const shown = length <= maxLength ? describe(name) : `${length} bytes long`;
  report({
    key,
    message: `The ${what} is ${shown}, which Sentry leaves out: give it at most ${maxLength} bytes without slashes and line breaks, and not the name ${reserved.at(-1)!}.`,
  });
}
