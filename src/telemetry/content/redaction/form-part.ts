import { matchAt, type Finding } from './finding.ts';
import { isSecretValue } from './named-value.ts';
import { secretKindOf } from './secret-names.ts';

/** Behind the name other parameters, other headers, an empty line, and the value; with line ends as they are or escaped. */
const PART =
  /\\{0,7}["'](?:;[^\r\n\\]{0,128})?((?:\\{1,7}r)?\\{1,7}n|\r?\n)(?:[\w-]{1,32}:[^\r\n\\]{0,128}\1){0,3}\1([^\r\n\\"]{1,4096})/y;

/**
 * The value of a part of a form (RFC 7578), `Content-Disposition: form-data; name="password"`, given the position
 * behind the name.
 */
export function findFormPart(text: string, name: string, nameEnd: number): Finding | undefined {
  const part = matchAt(PART, text, nameEnd);
  const kind = part === null ? undefined : secretKindOf(name);
  if (part === null || kind === undefined || !isSecretValue(part[2]!, kind, name)) return undefined;
  const end = nameEnd + part[0].length;
  return { start: end - part[2]!.length, end, kind };
}
