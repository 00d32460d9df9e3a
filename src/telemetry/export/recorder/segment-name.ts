import { ownerKey, type Owner } from './owner.ts';

/** What the name of a file says. */
export interface SegmentName {
  /** When the file was begun, in milliseconds since 1970. Stays when the file changes hands. */
  readonly begunAt: number;
  readonly owner: Owner;
  /** Tells the files of one owner apart, in tickets as well. */
  readonly sequence: number;
}

/** The name of a file, which sorts by age: `1763675100123-9c1f0ab2d3e4-4711-884213-0-5ad31c22-1.jsonl` */
export function formatSegmentName({ begunAt, owner, sequence }: SegmentName): string {
  return `${begunAt}-${ownerKey(owner)}-${sequence}.jsonl`;
}

const NAME = /^(\d{1,16})-([0-9a-f]{12})-(\d{1,10})-(\d{1,16})-(\d{1,10})-([0-9a-f]{8})-(\d{1,10})\.jsonl$/;

/** Reads a name. `undefined` when the file is not a recorder's. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, begunAt, host = '', pid, startTime, thread, run = '', sequence] = match;
  return {
    begunAt: Number(begunAt),
    owner: { host, pid: Number(pid), startTime: Number(startTime), thread: Number(thread), run },
    sequence: Number(sequence),
  };
}

/** Orders files by age. */
export function byAge(one: SegmentName, other: SegmentName): number {
  return one.begunAt - other.begunAt || one.sequence - other.sequence;
}
