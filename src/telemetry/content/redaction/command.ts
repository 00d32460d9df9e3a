import { matchAt, type Finding } from './finding.ts';
import { isSecretValue } from './named-value.ts';

/** Longest way back to the name of the program. */
const MAX_BEFORE = 256;

/** What a line says before an option, and the option with the password at its end. */
const OPTIONS: readonly (readonly [before: RegExp, option: RegExp])[] = [
  [/\bcurl/, /(?:-u|--user) ["']?[^\s:"'\\$[]{1,64}:([^\s"'\\]{3,128})(?![^\s"'\\])/y],
  [/\bmysql/, /-p([^\s"'\\]{3,128})/y],
  [/\bsshpass $|\bmongo|\b(?:docker|podman|helm|az|cf) (?:registry )?login /, /-p \\{0,7}["']?([^\s"'\\]{3,128})/y],
  [/\b(?:sqlcmd|bcp|zip|unzip) /, /-P \\{0,7}["']?([^\s"'\\]{3,128})/y],
  [/\bredis-cli /, /-a \\{0,7}["']?([^\s"'\\]{3,128})/y],
];
/** The program of Oracle, and its password. */
export const LOGIN = 'sqlplus ';
const LOGIN_PASSWORD = /\bsqlplus (?:-\w{1,8} ){0,4}[^\s/:[]{1,64}\/([^\s@"'\\]{3,128})$/;
/** What a shell hands to `sudo -S`. */
const PIPED = /\becho (?:-\w )?\\{0,7}["']?([^\s"'\\|]{3,128})(\\{0,7}["']? ?\| ?sudo )$/;

/** The password of `curl -u name:password`, `mysql -ppassword`, `sshpass -p …`, `echo … | sudo -S`, given the option. */
export function findOption(text: string, start: number): Finding | undefined {
  if (text[start - 1] !== ' ') return undefined;
  for (const [before, option] of OPTIONS) {
    const match = matchAt(option, text, start);
    if (match === null || !before.test(lineBefore(text, start))) continue;
    return passwordBefore(start + match[0].length, match[1]!);
  }
  const piped = text.startsWith('-S', start) ? PIPED.exec(lineBefore(text, start)) : null;
  return piped === null ? undefined : passwordBefore(start - piped[2]!.length, piped[1]!);
}

function passwordBefore(end: number, password: string): Finding | undefined {
  return isSecretValue(password, 'password', '') ? { start: end - password.length, end, kind: 'password' } : undefined;
}

/** The password of `sqlplus name/password@host`, given the position of the `@`. */
export function findLogin(text: string, at: number): Finding | undefined {
  const match = LOGIN_PASSWORD.exec(lineBefore(text, at));
  return match === null ? undefined : passwordBefore(at, match[1]!);
}

function lineBefore(text: string, start: number): string {
  const before = text.slice(Math.max(0, start - MAX_BEFORE), start);
  return before.slice(before.lastIndexOf('\n') + 1);
}
