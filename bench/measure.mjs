import { spawnSync } from 'node:child_process';

/**
 * Measures variants against each other: every round runs each of them once, in random order, so that what slows
 * the machine down for a while slows all of them down and none of them always comes after the same other one.
 *
 * @param variants Functions by name. Each does its work once and answers what it cost, as a number.
 * @returns the costs by name, one per round.
 */
export async function interleave(variants, { rounds, warmUpRounds }) {
  const names = Object.keys(variants);
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    for (const name of shuffle(names)) {
      const cost = await variants[name]();
      if (round >= 0) samples[name].push(cost);
    }
  }
  return samples;
}

function shuffle(names) {
  const ranks = new Map(names.map((name) => [name, Math.random()]));
  return names.toSorted((left, right) => ranks.get(left) - ranks.get(right));
}

/** Median, tenth and ninetieth percentile. */
export function summarize(samples) {
  const sorted = samples.toSorted((left, right) => left - right);
  const at = (share) => {
    const position = share * (sorted.length - 1);
    const below = sorted[Math.floor(position)];
    return below + (sorted[Math.ceil(position)] - below) * (position % 1);
  };
  return { p10: at(0.1), median: at(0.5), p90: at(0.9) };
}

/**
 * How many times the cost of the baseline a variant costs, compared round by round: two measurements of one
 * round have seen the same weather.
 */
export function ratio(samples, baseline) {
  return summarize(samples.map((cost, round) => cost / baseline[round]));
}

/** How much more than the baseline a variant costs, compared round by round. */
export function difference(samples, baseline) {
  return summarize(samples.map((cost, round) => cost - baseline[round]));
}

/** Microseconds of CPU, of all threads of this process, that some work takes. */
export async function cpuMicros(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Runs Node to its end and answers what it printed. */
export function runNode(args, options = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status ?? signal}:\n${stderr}`);
  return stdout;
}
