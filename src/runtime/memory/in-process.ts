import type { MemoryMatch, MemoryRecord, MemoryStore } from '../types.ts';
import { requireCount } from '../validate.ts';
import { isPrefix, queryWords, wordsOf } from './words.ts';

/** How much a memory in the process keeps, and what it is called. */
export interface InProcessMemoryOptions {
  /** Default: `in-process`. */
  readonly id?: string | undefined;
  /** Beyond this many the oldest are forgotten. Default: 10000. */
  readonly maxRecords?: number | undefined;
}

/** A record and how often each of its terms occurs. */
interface Entry {
  readonly record: MemoryRecord;
  readonly terms: ReadonlyMap<string, number>;
  readonly length: number;
  /** Grows with every record added: of two equally good records the newer one wins. */
  readonly position: number;
}

/** BM25: how soon repeating a term stops helping, and how much longer texts are held back. */
const SATURATION = 1.2;
const LENGTH_WEIGHT = 0.75;
/** A word that only begins like the one searched for counts for half. */
const PREFIX_WEIGHT = 0.5;

/**
 * A memory that lives and dies with the process: full-text search with BM25 ranking over records kept in
 * order of age. A query is only ever split into words, so no text can be a malformed one.
 */
export function inProcessMemory(options: InProcessMemoryOptions = {}): MemoryStore {
  const { id = 'in-process', maxRecords = 10_000 } = options;
  requireCount(`maxRecords of memory ${id}`, maxRecords, 1);
  // In insertion order, so the first key is the oldest record.
  const entries = new Map<string, Entry>();
  const index = new Map<string, Map<string, number>>();
  let totalLength = 0;
  let lastPosition = 0;

  const remove = (recordId: string): boolean => {
    const entry = entries.get(recordId);
    if (entry === undefined) return false;
    entries.delete(recordId);
    totalLength -= entry.length;
    for (const term of entry.terms.keys()) {
      const postings = index.get(term)!;
      postings.delete(recordId);
      if (postings.size === 0) index.delete(term);
    }
    return true;
  };

  const add = (record: MemoryRecord): void => {
    remove(record.id);
    const words = wordsOf(record.text);
    const terms = new Map<string, number>();
    for (const word of words) terms.set(word, (terms.get(word) ?? 0) + 1);
    for (const [term, count] of terms) {
      const postings = index.get(term) ?? new Map<string, number>();
      index.set(term, postings.set(record.id, count));
    }
    lastPosition += 1;
    entries.set(record.id, { record: { ...record }, terms, length: words.length, position: lastPosition });
    totalLength += words.length;
    if (entries.size > maxRecords) for (const oldest of entries.keys()) return void remove(oldest);
  };

  /** Adds to each record's score what one indexed term says about it. */
  const scoreTerm = (term: string, weight: number, scores: Map<string, number>): void => {
    const postings = index.get(term)!;
    const rarity = Math.log(1 + (entries.size - postings.size + 0.5) / (postings.size + 0.5));
    const averageLength = totalLength / entries.size;
    for (const [recordId, count] of postings) {
      const relativeLength = entries.get(recordId)!.length / averageLength;
      const damping = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * relativeLength);
      const score = (weight * rarity * count * (SATURATION + 1)) / (count + damping);
      scores.set(recordId, (scores.get(recordId) ?? 0) + score);
    }
  };

  const search = (query: string, limit: number, scopes: readonly string[] | undefined): readonly MemoryMatch[] => {
    const scores = new Map<string, number>();
    const searched = queryWords(query);
    for (const word of searched) if (index.has(word)) scoreTerm(word, 1, scores);
    const prefixes = searched.filter(isPrefix);
    for (const term of index.keys()) {
      if (prefixes.some((prefix) => term.length > prefix.length && term.startsWith(prefix))) {
        scoreTerm(term, PREFIX_WEIGHT, scores);
      }
    }
    const scoreOf = ({ record }: Entry): number => scores.get(record.id)!;
    return [...scores.keys()]
      .map((recordId) => entries.get(recordId)!)
      .filter(({ record }) => isIn(scopes, record))
      .toSorted((left, right) => scoreOf(right) - scoreOf(left) || right.position - left.position)
      .slice(0, limit)
      .map((entry) => Object.assign({}, entry.record, { score: scoreOf(entry) }));
  };

  return {
    id,
    add: async (record) => add(record),
    remove: async (recordId) => remove(recordId),
    search: async (query, { limit, scopes, signal }) => {
      signal.throwIfAborted();
      return search(query, limit, scopes);
    },
  };
}

function isIn(scopes: readonly string[] | undefined, { scope }: MemoryRecord): boolean {
  return scopes === undefined || (scope !== undefined && scopes.includes(scope));
}
