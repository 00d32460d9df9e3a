/** Imports a package by name, or resolves with `undefined` when it is not installed. */
export type ImportPackage = (name: string) => Promise<Readonly<Record<string, unknown>> | undefined>;

export const importPackage: ImportPackage = async (name) => {
  try {
    return (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    // A package that is there but misses one of its own is broken, which is another story.
    if (code === 'ERR_MODULE_NOT_FOUND' && String(message).includes(`'${name}'`)) return undefined;
    // Vite puts a module that throws in the place of an optional peer that is not installed.
    if (String(message).startsWith(`Could not resolve "${name}"`)) return undefined;
    throw error;
  }
};
