import { readFileSync } from 'node:fs';

import { parse } from 'dotenv';

import { dsn } from '../../telemetry/config/dsn.ts';
import { encodingProblem } from '../../telemetry/config/environment.ts';

/** Environment variables that can be set, as `process.env`. */
export type MutableEnvironment = Record<string, string | undefined>;

/**
 * Sets the variables of a file, if there is one. A variable that is set already stays, also when it is empty:
 * that is how a run is kept from what the file says.
 */
export function loadEnvFile(path: string, environment: MutableEnvironment, notice: (message: string) => void): void {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return;
  }
  const problem = encodingProblem(path, text);
  if (problem !== undefined) notice(problem);
  // As `.env` is read without a configuration file. Node's own parser makes other variables of some lines.
  for (const [name, value] of Object.entries(parse(text))) environment[name] ??= value;
}

/** The DSN a configuration file points at, or why it is not used. */
export type ResolvedDsn =
  | { readonly status: 'found'; readonly dsn: string }
  /** The variable is not set, or telemetry reads it by itself. */
  | { readonly status: 'none' }
  | { readonly status: 'unusable'; readonly why: string };

const USUAL_VARIABLE = 'SENTRY_DSN';

/** Looks up `runtime.sentry.dsn_env`. A wrong value in the environment is no reason to stop. */
export function resolveDsn(variable: string, environment: Readonly<MutableEnvironment>): ResolvedDsn {
  const text = environment[variable]?.trim() ?? '';
  // `SENTRY_DSN` is read with the rest of the environment, which also knows how to say that it is wrong.
  if (variable === USUAL_VARIABLE || text === '') return { status: 'none' };
  const { problem } = dsn.fromText(text, variable);
  if (problem !== undefined) return { status: 'unusable', why: `${variable} ${problem}` };
  const usual = environment[USUAL_VARIABLE]?.trim() ?? '';
  if (usual !== '' && usual !== text) {
    return { status: 'unusable', why: `${USUAL_VARIABLE} is set too and wins over ${variable}: unset one of the two` };
  }
  return { status: 'found', dsn: text };
}
