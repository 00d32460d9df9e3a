import { matchAt, type Finding } from './finding.ts';
import { judge, MAX_READ, type SecretName } from './judgement.ts';
import type { Runs } from './runs.ts';
import { secretKindOf, type SecretKind } from './secret-names.ts';
import { quotedAt, writtenAt } from './written-value.ts';

/** The value of an option of a command line, such as `--password`, given the bounds of its name. */
export function findOptionValue(
  text: string,
  runs: Runs,
  wordStart: number,
  wordEnd: number,
  known?: SecretKind,
): Finding | undefined {
  const kind = known ?? secretKindOf(text.slice(wordStart, wordEnd));
  if (kind === undefined) return undefined;
  const name: SecretName = { name: '', kind, quote: '' };
  if (known === undefined && text[wordEnd] !== ' ') return findArgument(text, runs, wordStart, wordEnd, name);
  const start = wordEnd + 1;
  if (text[start] === '-') return undefined;
  const written = writtenAt(text, runs, start, name);
  return written === undefined ? undefined : judge(text, runs, written, name, known === undefined);
}

/** The value behind an option where each is a text of a list: `["--password", "…"]`. Descriptions follow there, too. */
function findArgument(
  text: string,
  runs: Runs,
  optionStart: number,
  optionEnd: number,
  name: SecretName,
): Finding | undefined {
  const between = matchAt(BETWEEN_ARGUMENTS, text, optionEnd);
  const written = between === null ? undefined : quotedAt(text, optionEnd + between[0].length);
  if (written === undefined) return undefined;
  // Where the option is a value of an object, a name follows.
  const isMember = COLON_BEFORE.test(text.slice(Math.max(0, optionStart - 16), optionStart));
  if (isMember && matchAt(COLON_BEHIND, text, written.after) !== null) return undefined;
  const value = text.slice(written.start, Math.min(written.end, written.start + MAX_READ));
  const isName = value.startsWith('-') || secretKindOf(value) !== undefined;
  return isName || /\s/.test(value) ? undefined : judge(text, runs, written, name, true);
}

/** Options in backticks are those of a description in Markdown. */
const BETWEEN_ARGUMENTS = /\\{0,7}["'],(?:\s|\\{1,7}[nrt]){0,64}/y;
const COLON_BEFORE = /:\s{0,8}\\{0,7}["']$/;
const COLON_BEHIND = /\s{0,8}:/y;
