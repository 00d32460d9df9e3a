import { resolve } from 'node:path';

import { requirePackage } from '../require-package.ts';
import type { Host } from './host.ts';
import { defined } from './records.ts';
import type { Reporter } from './settings.ts';

/** Environment variables by name, as in `process.env`. An empty value is the same as none. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment laid over the variables of an env file, as a new object.
 *
 * As with dotenv, a variable the process has is never overridden, also when it is empty:
 * `SENTRY_DSN= node app.js` is how one run is kept out of Sentry. Nothing is written to `process.env`.
 *
 * @param envFile path relative to the working directory, `false` for none, `undefined` for `.env` if there is one
 */
export function readEnvironment(
  environment: Environment,
  envFile: string | false | undefined,
  host: Host,
  report: Reporter,
): Environment {
  if (envFile === false) return environment;
  const file = envFile ?? '.env';
  const text = host.readTextFile(resolve(host.workingDirectory, file));
  if (text !== undefined) {
    const problem = encodingProblem(file, text);
    if (problem !== undefined) report({ key: 'envFile', message: `${problem}.` });
    return { ...parseEnvFile(text, report), ...defined(environment) };
  }
  if (envFile !== undefined) {
    report({
      key: 'envFile',
      message: `envFile must be the path of a file that can be read, but "${envFile}" cannot.`,
    });
  }
  return environment;
}

/**
 * What is wrong with an env file of which not everything is understood: Windows PowerShell writes and appends UTF-16.
 * A letter of another encoding spoils no more than the value it is in.
 */
export function encodingProblem(file: string, text: string): string | undefined {
  return text.includes('\0') ? `${file} must be UTF-8 text, but is not: save it as UTF-8` : undefined;
}

/** dotenv is loaded only for a file that exists: a process without one pays nothing for it. */
function parseEnvFile(text: string, report: Reporter): Environment {
  try {
    const { parse } = requirePackage('dotenv') as typeof import('dotenv');
    return parse(text);
  } catch {
    // A bundler does not see the package, and the files it would be in are not there.
    report({
      key: 'dotenv',
      message:
        'the env file was not read, because the package dotenv is not beside the bundled application; ' +
        'leave faultline out of the bundle, or start the application with --env-file',
    });
    return {};
  }
}
