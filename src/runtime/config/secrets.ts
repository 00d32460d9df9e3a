import type { ConfigDocument } from './document.ts';
import type { ConfigProblem } from './config-error.ts';

/** A secret that stands in the file itself. */
export interface LiteralSecret {
  readonly text: string;
  readonly problem: ConfigProblem;
}

interface SecretKind {
  readonly name: string;
  readonly pattern: RegExp;
  /** The key that names a variable instead. */
  readonly instead: string;
}

/**
 * What no configuration file may hold, also not in a comment. Each pattern is a fixed beginning and bounded
 * classes of characters, so that matching stays linear.
 */
const KINDS: readonly SecretKind[] = [
  {
    name: 'a Sentry DSN',
    pattern: /\bhttps?:\/\/\w{6,64}(?::\w{0,64})?@[^\s"'`,{}[\]]{1,200}\/\d+/g,
    instead: 'runtime.sentry.dsn_env',
  },
  {
    name: 'a URL with a password',
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/@"'`]{0,200}:[^\s/@"'`]{1,200}@/g,
    instead: 'a key that ends in _env',
  },
  {
    name: 'a Slack token',
    pattern: /\b(?:xox[a-z]|xapp)-[-A-Za-z0-9]{8,}/g,
    instead: 'bot_token_env or app_token_env',
  },
  {
    name: 'an API key',
    pattern:
      /\b(?:(?:sk|pk|rk|gsk|xai|pplx|hf|r8|tvly|lsv2|ghp|gho|ghs|glpat)[-_](?=[-_A-Za-z]{0,64}\d)[-_A-Za-z0-9]{16,}|AKIA[A-Z0-9]{16}|AIza[-_A-Za-z0-9]{30,}|eyJ[-_A-Za-z0-9]{16,}\.[-_A-Za-z0-9]{8,})/g,
    instead: 'api_key_env of its provider',
  },
];

/** The literal secrets of a file, by what is written in it. */
export function findLiteralSecrets(text: string, document: ConfigDocument): readonly LiteralSecret[] {
  const found: LiteralSecret[] = [];
  const taken: [from: number, to: number][] = [];
  for (const { name, pattern, instead } of KINDS) {
    for (const { 0: match, index } of text.matchAll(pattern)) {
      const end = index + match.length;
      if (taken.some(([from, to]) => index < to && end > from)) continue;
      taken.push([index, end]);
      const message = `${name} does not belong in this file: put it into an environment variable, and name that variable in ${instead}`;
      found.push({ text: match, problem: { ...document.positionAt(index), message } });
    }
  }
  return found;
}

/** A text without those secrets. */
export function hideSecrets(text: string, secrets: readonly LiteralSecret[]): string {
  return secrets.reduce((hidden, secret) => hidden.replaceAll(secret.text, '[secret]'), text);
}
