import { fields, type Fields } from './fields.ts';

/** Imports a package, or a module of Node, by name; resolves with `undefined` when it is not there. */
export type ImportPackage = (name: string) => Promise<Fields | undefined>;

export const importPackage: ImportPackage = async (name) => {
  try {
    return (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as Fields;
  } catch (error) {
    const { code, message } = fields(error);
    if (code === 'ERR_UNKNOWN_BUILTIN_MODULE' && name.startsWith('node:')) return undefined;
    // A package that is there but misses one of its own is broken, which is another story.
    if (code === 'ERR_MODULE_NOT_FOUND' && String(message).includes(`'${name}'`)) return undefined;
    // Vite puts a module that throws in the place of an optional peer that is not installed.
    if (String(message).startsWith(`Could not resolve "${name}"`)) return undefined;
    throw error;
  }
};
