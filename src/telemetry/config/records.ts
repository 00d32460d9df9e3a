/** An object's fields, each either absent or with a value. */
type Defined<T> = { -readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** The object without the fields that are `undefined`: an optional field of ours is absent, never present and empty. */
export function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** Records laid over each other, strongest first. */
export function overlay<V>(records: readonly Readonly<Record<string, V>>[]): Record<string, V> {
  return Object.fromEntries(records.toReversed().flatMap((record) => Object.entries(record)));
}
