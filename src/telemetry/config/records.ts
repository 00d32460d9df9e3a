/** An object type without `undefined` in its values: keys that allowed it become optional. */
export type Defined<T> = { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] } & {
  [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined>;
};

/** Options in which everything is decided: nothing is left out, and nothing `undefined`. */
export type Decided<T> = { readonly [Key in keyof T]-?: Exclude<T[Key], undefined> };

/**
 * Leaves out the keys whose value is `undefined`. Under `exactOptionalPropertyTypes` an optional property is
 * absent or has a value, and providers tell the two apart as well.
 */
export function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** Leaves out the keys whose value is `null` as well, as a vendor writes for what it does not know, or not yet. */
export function known<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<T>;
}

/** What a table has under a name itself: every object has a `constructor` and a `toString` besides. */
export function ownEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Records laid over each other, strongest first. */
export function overlay<V>(records: readonly Readonly<Record<string, V>>[]): Record<string, V> {
  return Object.fromEntries(records.toReversed().flatMap((record) => Object.entries(record)));
}
