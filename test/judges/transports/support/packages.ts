import { createRequire } from 'node:module';

import { MissingJudgeError } from '../../support/judge.ts';

/** Installs the judges. */
export const INSTALL = 'npm ci --prefix test/judges/transports';

/** What a judge's package exports. They are none of the repository's own dependencies. */
export function loadPackage(name: string): unknown {
  const require = createRequire(import.meta.url);
  try {
    require.resolve(name);
  } catch {
    throw new MissingJudgeError(name, INSTALL);
  }
  return require(name);
}
