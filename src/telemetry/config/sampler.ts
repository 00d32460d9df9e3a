import { TRACES_SAMPLER, TRACES_SAMPLER_ARG, TRACES_SAMPLE_RATE, type SamplerName } from './catalog.ts';
import { first, type Settings } from './settings.ts';

/** How a trace without a parent is decided. */
export type RootSampler =
  | { readonly kind: 'always_on' }
  | { readonly kind: 'always_off' }
  | { readonly kind: 'traceidratio'; readonly ratio: number };

/** Head sampling as data: the names of the OpenTelemetry specification, without the SDK's classes. */
export type SamplerDescription = RootSampler | { readonly kind: 'parentbased'; readonly root: RootSampler };

/** The sampler of the strongest source that sets one; without any, the specification's `parentbased_always_on`. */
export function resolveSampler(settings: Settings): SamplerDescription {
  for (const layer of settings.layers) {
    const name = first(layer.read(TRACES_SAMPLER));
    const share = first(layer.read(TRACES_SAMPLE_RATE));
    if (name !== undefined && share !== undefined) {
      settings.report({
        key: 'SENTRY_TRACES_SAMPLE_RATE',
        message: 'SENTRY_TRACES_SAMPLE_RATE is not used because OTEL_TRACES_SAMPLER is set: keep only one of them.',
      });
    }
    if (name !== undefined) return describeSampler(name, settings);
    if (share !== undefined) return parentBased(ratioSampler(share));
  }
  return parentBased({ kind: 'always_on' });
}

/**
 * The share of traces that is kept, when it is not all of them.
 *
 * Sentry multiplies its counts by it. 0 is left out: Relay accepts only rates above it, and what is still
 * sent then was sampled by a parent elsewhere.
 */
export function clientSampleRate(sampler: SamplerDescription): number | undefined {
  const root = sampler.kind === 'parentbased' ? sampler.root : sampler;
  return root.kind === 'traceidratio' ? root.ratio : undefined;
}

function describeSampler(name: SamplerName, settings: Settings): SamplerDescription {
  switch (name) {
    case 'always_on':
    case 'always_off':
      return { kind: name };
    case 'parentbased_always_on':
      return parentBased({ kind: 'always_on' });
    case 'parentbased_always_off':
      return parentBased({ kind: 'always_off' });
    case 'traceidratio':
      return ratioSampler(samplerArgument(settings));
    case 'parentbased_traceidratio':
      return parentBased(ratioSampler(samplerArgument(settings)));
  }
}

function samplerArgument(settings: Settings): number {
  const share = settings.get(TRACES_SAMPLER_ARG);
  if (share !== undefined) return share;
  settings.report({
    key: 'OTEL_TRACES_SAMPLER_ARG',
    message: 'OTEL_TRACES_SAMPLER_ARG must say which share of traces to keep, from 0 to 1: without it all are kept.',
  });
  return 1;
}

/** A ratio of 1 or 0 is the constant sampler, so that a ratio is always strictly between. */
function ratioSampler(ratio: number): RootSampler {
  if (ratio === 1) return { kind: 'always_on' };
  return ratio === 0 ? { kind: 'always_off' } : { kind: 'traceidratio', ratio };
}

function parentBased(root: RootSampler): SamplerDescription {
  return { kind: 'parentbased', root };
}
