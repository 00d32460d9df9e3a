/**
 * Whether there is a number to be written: a program without types may have given anything else.
 *
 * Each attribute is then written under its constant name where it is asked for: V8 writes a name it is told at run
 * time ten times as slowly.
 */
export function isNumber(value: number | undefined): value is number {
  return Number.isFinite(value);
}
