import { SamplingDecision, type Sampler } from '@opentelemetry/sdk-trace-node';

/** A sampler that knows how many spans it has turned down. */
export interface CountingSampler extends Sampler {
  readonly sampledOut: number;
}

/** Counts what `sampler` turns down: no span processor ever sees those spans. */
export function createCountingSampler(sampler: Sampler): CountingSampler {
  let sampledOut = 0;
  return {
    get sampledOut() {
      return sampledOut;
    },
    shouldSample(context, traceId, name, kind, attributes, links) {
      const result = sampler.shouldSample(context, traceId, name, kind, attributes, links);
      if (result.decision !== SamplingDecision.RECORD_AND_SAMPLED) sampledOut += 1;
      return result;
    },
    toString: () => sampler.toString(),
  };
}
