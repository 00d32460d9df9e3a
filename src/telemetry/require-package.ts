import { untraced } from './untraced.ts';

/**
 * Loads a package at once: from where this file is, else from where the application is, because a bundle in
 * CommonJS does not know its own address.
 *
 * The module of Node is asked for here, not imported: the helpers load this file, and hardly ever a package. And a
 * bundle may begin with an import of that name, which can be there only once.
 *
 * An instrumentation of the file system would make spans of it, in the first run of an agent.
 *
 * @throws what the first place says, when the package is in none of them
 */
export const requirePackage: (name: string) => unknown = untraced((name) => {
  const { createRequire } = process.getBuiltinModule('node:module');
  const places = [() => import.meta.url, () => process.argv[1]!, () => `${process.cwd()}/`];
  const errors: unknown[] = [];
  for (const place of places) {
    try {
      return createRequire(place())(name) as unknown;
    } catch (error) {
      errors.push(error);
    }
  }
  throw errors[0];
});
