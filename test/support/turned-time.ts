/**
 * The first import of a script that blocks its thread to wait. Its clock stands still but for such waits, each of which
 * takes it on by exactly its length when it ends because it is over; `waits` are their lengths, and `turn(ms)` lets time
 * pass.
 */
export const TURNED_TIME = `import { turn, waits } from 'data:text/javascript;base64,${btoa(`
  export const waits = [];
  let nowMs = 1_000_000;
  export const turn = (ms) => (nowMs += ms);
  performance.now = () => nowMs;
  {
    const { wait } = Atomics;
    Atomics.wait = (cells, index, value, ms) => {
      const outcome = wait(cells, index, value, ms);
      if (outcome === 'timed-out') {
        waits.push(ms);
        turn(ms);
      }
      return outcome;
    };
  }
`)}';`;
