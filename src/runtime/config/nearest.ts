/**
 * What a person who wrote `word` most likely meant: the known word that is the fewest slips away, three at most
 * and one for every third letter. `undefined` when there is none.
 */
function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = slips(word.toLowerCase(), candidate.toLowerCase());
    const isNear = distance <= Math.max(1, Math.min(3, Math.floor(candidate.length / 3)));
    // `dsn` is more than a slip away from `dsn_env`, and means nothing else.
    const isBeginning = word.length >= 3 && candidate.startsWith(`${word}_`);
    if (!isNear && !isBeginning) continue;
    if (best === undefined || distance < best.distance) best = { word: candidate, distance };
  }
  return best?.word;
}

/** A hint that continues a sentence about an unknown word. */
export function hint(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${meant}?`;
}

/** Letters added, left out, changed or swapped with their neighbour. */
function slips(from: string, to: string): number {
  // Far longer than any key: not worth counting.
  if (from.length > 64) return Infinity;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        previous[column]! + 1,
        current[column - 1]! + 1,
        previous[column - 1]! + (isSame ? 0 : 1),
        isSwapped ? beforePrevious[column - 2]! + 1 : Infinity,
      );
    }
    [beforePrevious, previous] = [previous, current];
  }
  return previous[to.length]!;
}
