import { BLOCK_BEGIN, typeAt } from './characters.ts';
import { matchAt, type Finding } from './finding.ts';
import { isSecretValue } from './named-value.ts';
import { isWords, looksRandom } from './randomness.ts';
import type { SecretKind } from './secret-names.ts';

/** What opens a block of YAML, where anything does, the end of the line as it is or escaped, and the indentation. */
const OPENING = /([|>][-+\d]{0,2}[ \t]{0,8})?((?:\\{1,7}r)?\\{1,7}n|\r?\n)([ \t]{1,64})(?:- )?["']?/y;
const LINE = /[^\r\n\\"]{1,4096}/y;
/** A word that is all of its line, and no path or name of a variable. */
const ONLY_WORD = /^(?![A-Z\d]+_|\/)[\w+/=!#%&*@^~-]{8,}'?$/;

/**
 * The value on the lines below its name, farther in: a block of YAML behind `|` or `>`, or a single word, given the
 * position behind the sign of assignment.
 */
export function findBelow(text: string, position: number, kind: SecretKind, name: string): Finding | undefined {
  const opening = (typeAt(text, position) & BLOCK_BEGIN) === 0 ? null : matchAt(OPENING, text, position);
  if (opening === null) return undefined;
  const [all, scalar, lineEnd = '', indentation = ''] = opening;
  const start = position + all.length;
  const first = matchAt(LINE, text, start)?.[0] ?? '';
  if (!isSecretValue(first, kind, name)) return undefined;
  let end = start + first.length;
  if (scalar === undefined) {
    return ONLY_WORD.test(first) && looksRandom(first) && !isWords(first) ? { start, end, kind } : undefined;
  }
  for (let next = end; ; next = end) {
    // Empty lines belong to the block where more of it follows.
    while (text.startsWith(lineEnd, next)) next += lineEnd.length;
    if (next === end || !text.startsWith(indentation, next)) return { start, end, kind };
    end = next + indentation.length;
    end += matchAt(LINE, text, end)?.[0].length ?? 0;
  }
}
