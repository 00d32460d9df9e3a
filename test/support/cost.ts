/**
 * How many times as long something takes with one long text as with 64 texts of its parts: about once where it takes
 * time linear in the length, about 64 times where that is quadratic. Both are tried a few times in turn, and the best
 * of each counts, so that what else the machine does is left out.
 */
export function costOfLength(bait: string, length: number, work: (text: string) => void): number {
  const long = textOf(bait, length);
  const part = textOf(bait, length / 64);
  let best = { long: Infinity, parts: Infinity };
  for (let attempt = 0; attempt < 10; attempt += 1) {
    best = {
      long: Math.min(
        best.long,
        timeOf(() => work(long)),
      ),
      parts: Math.min(
        best.parts,
        timeOf(() => {
          for (let count = 0; count < 64; count += 1) work(part);
        }),
      ),
    };
  }
  return best.long / best.parts;
}

function textOf(bait: string, length: number): string {
  return bait.repeat(Math.ceil(length / bait.length)).slice(0, length);
}

function timeOf(work: () => void): number {
  const startedAtMs = performance.now();
  work();
  return performance.now() - startedAtMs;
}
