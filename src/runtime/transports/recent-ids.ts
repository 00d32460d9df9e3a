import type { Time } from '../time.ts';

/** Ids that were seen a short while ago. */
export interface RecentIds {
  /** Whether none of these ids was seen before; from now on they all were. */
  areNew(ids: readonly string[]): boolean;
}

/** Creates a memory for ids: each is kept for `windowMs`, and no more than `most` of them when others come. */
export function createRecentIds(time: Time, windowMs: number, most: number): RecentIds {
  /** When each was seen first, the oldest first. */
  const seenAt = new Map<string, number>();
  return {
    areNew: (ids) => {
      const now = time.elapsed();
      for (const [id, at] of seenAt) {
        if (now - at < windowMs && seenAt.size <= most) break;
        seenAt.delete(id);
      }
      const isNew = !ids.some((id) => seenAt.has(id));
      for (const id of ids) if (!seenAt.has(id)) seenAt.set(id, now);
      return isNew;
    },
  };
}
