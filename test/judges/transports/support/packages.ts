import { createRequire } from 'node:module';

import { MissingJudgeError } from '../../support/judge.ts';
import { installCommand } from '../../support/pinned-packages.ts';

/** Where the judges are pinned. */
export const HERE = 'test/judges/transports';

/** What a judge's package exports. They are none of the repository's own dependencies. */
export function loadPackage(name: string): unknown {
  const require = createRequire(import.meta.url);
  try {
    require.resolve(name);
  } catch {
    throw new MissingJudgeError(name, installCommand(HERE));
  }
  return require(name);
}
