import { createRequire } from 'node:module';

import { MissingJudgeError } from '../../support/judge.ts';

/** Installs the judges that come from npm. */
export const INSTALL_FROM_NPM = 'npm ci --prefix test/judges/issues';

/** What a judge's npm package exports. They are none of the repository's own dependencies. */
export function loadPackage(name: string): unknown {
  const require = createRequire(import.meta.url);
  try {
    require.resolve(name);
  } catch {
    throw new MissingJudgeError(name, INSTALL_FROM_NPM);
  }
  return require(name);
}
