import { matchAt, type Finding } from './finding.ts';
import { isSecretValue } from './named-value.ts';

/** Longest way back to the name of the program. */
const MAX_BEFORE = 256;

const USER_AND_PASSWORD = /["']?([^\s:"'\\$]{1,64}:)([^\s"'\\]{3,128})(?![^\s"'\\])/y;
const ATTACHED_PASSWORD = /-p([^\s"'\\]{3,128})/y;

/** The password of `curl -u name:password`, given the bounds of the option. */
export function findUserOption(text: string, start: number, end: number): Finding | undefined {
  if (text[end] !== ' ' || !isBehindProgram(text, start, 'curl')) return undefined;
  const match = matchAt(USER_AND_PASSWORD, text, end + 1);
  if (match === null || !isSecretValue(match[2]!, 'password', '')) return undefined;
  const passwordEnd = end + 1 + match[0].length;
  return { start: passwordEnd - match[2]!.length, end: passwordEnd, kind: 'password' };
}

/** The password of `mysql -ppassword`, which follows its option without a space. */
export function findAttachedPassword(text: string, start: number): Finding | undefined {
  if (text[start - 1] !== ' ' || !isBehindProgram(text, start, 'mysql')) return undefined;
  const match = matchAt(ATTACHED_PASSWORD, text, start);
  if (match === null || !isSecretValue(match[1]!, 'password', '')) return undefined;
  return { start: start + 2, end: start + match[0].length, kind: 'password' };
}

/** Whether a program of that name, or one whose name begins with it, is called in the same line. */
function isBehindProgram(text: string, start: number, program: string): boolean {
  const before = text.slice(Math.max(0, start - MAX_BEFORE), start);
  const at = before.lastIndexOf(program);
  return at !== -1 && !/\w/.test(before[at - 1] ?? '') && !before.includes('\n', at);
}
