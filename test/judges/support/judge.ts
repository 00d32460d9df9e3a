import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

/** Holds the Aspire dashboard. */
export const ASPIRE_PACKAGE = '@microsoft/aspire-cli-linux-x64';
/** Elastic's receiver, and with it the official proto files. */
export const MOCK_OTLP_SERVER_PACKAGE = '@elastic/mockotlpserver';

/** Installs the judges that come from npm. */
export const INSTALL_FROM_NPM = 'npm ci --prefix test/judges';
/** Installs the judges that come from Debian. */
const INSTALL_FROM_DEBIAN = 'apt-get install -y --no-install-recommends apache2-bin protobuf-compiler';

/** A judge is not there. That is a failure and no reason to skip: nothing was judged. */
export class MissingJudgeError extends Error {
  override readonly name = 'MissingJudgeError';

  constructor(judge: string, command: string) {
    super(`${judge} is missing, and without it nothing is judged: install it with ${command}`);
  }
}

/** Path of a file in a judge's npm package. */
export function fileOfPackage(name: string, file = 'package.json'): string {
  try {
    return join(createRequire(import.meta.url).resolve(`${name}/package.json`), '..', file);
  } catch {
    throw new MissingJudgeError(name, INSTALL_FROM_NPM);
  }
}

/** Path of a program of the system's, which need not be on the PATH of everybody. */
export function systemProgram(name: string): string {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  const path = directories.map((directory) => join(directory, name)).find(isExecutable);
  if (path === undefined) throw new MissingJudgeError(name, INSTALL_FROM_DEBIAN);
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
