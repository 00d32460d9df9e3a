import { createRedactor, type Redactor } from '../../../../src/telemetry/content/redactor.ts';
import { lookAlikes } from './look-alikes.ts';
import { secretCases } from './secrets.ts';

/** One kind of text of the corpus, and what came of it. */
export interface Row {
  readonly name: string;
  readonly total: number;
  /** The texts that were treated wrongly, as they came out. */
  readonly wrong: readonly string[];
}

/** How many characters of a secret may not be left in one piece. */
const MAX_LEFT = 8;

/** Which secrets were not taken out whole, by format. */
export function measureSecrets(redactor: Redactor = createRedactor()): readonly Row[] {
  return group(
    secretCases().map(({ name, context, text, secret }) => {
      const output = redactor.text(text);
      return { name, wrong: isLeftIn(output, secret) ? `${context}: ${text} -> ${output}` : undefined };
    }),
  );
}

/** Which look-alikes did not come back as they were, by kind. */
export function measureLookAlikes(redactor: Redactor = createRedactor()): readonly Row[] {
  return group(
    lookAlikes().map(({ name, text }) => {
      const output: string = redactor.text(text);
      return { name, wrong: output === text ? undefined : `${text} -> ${output}` };
    }),
  );
}

function isLeftIn(output: string, secret: string): boolean {
  const length = Math.min(MAX_LEFT, secret.length);
  for (let start = 0; start + length <= secret.length; start += 1) {
    if (output.includes(secret.slice(start, start + length))) return true;
  }
  return false;
}

function group(results: readonly { readonly name: string; readonly wrong: string | undefined }[]): readonly Row[] {
  const names = [...new Set(results.map(({ name }) => name))];
  return names.map((name) => {
    const members = results.filter((result) => result.name === name);
    return { name, total: members.length, wrong: members.flatMap(({ wrong }) => wrong ?? []) };
  });
}
