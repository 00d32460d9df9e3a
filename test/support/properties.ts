import fc from 'fast-check';

/**
 * fast-check with a seed of its own, so that the same commit passes or fails the same way everywhere. Other
 * inputs come with `PROPERTY_SEED=random` (or any number, to repeat a run), more of them with `PROPERTY_RUNS`.
 */
const { PROPERTY_SEED: seed = '20261', PROPERTY_RUNS: runs = '100' } = process.env;

fc.configureGlobal({ numRuns: Number(runs), ...(seed === 'random' ? {} : { seed: Number(seed) }) });

export { fc };
