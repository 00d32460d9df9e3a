import { ModelUnavailableError } from '../errors.ts';
import { resolveModel } from '../models/resolve.ts';
import { unavailableModel } from '../models/unavailable.ts';
import { reasonOf } from '../reason.ts';
import type { ModelLike } from '../types.ts';
import type { MutableEnvironment } from './environment.ts';
import type { AgentConfig, RuntimeConfig } from './runtime-config.ts';

/** A model; `missing` says why it is none that answers. */
export interface MadeModel {
  readonly model: ModelLike;
  readonly missing?: string;
}

/** Makes each model of the agents once, by its reference. */
export async function makeModels(
  agents: Iterable<AgentConfig>,
  { providers }: RuntimeConfig,
  environment: MutableEnvironment,
): Promise<ReadonlyMap<string, MadeModel>> {
  const refs = new Set([...agents].flatMap(({ models }) => models.map(({ ref }) => ref)));
  const make = async (ref: string): Promise<[string, MadeModel]> => {
    try {
      return [ref, { model: await resolveModel(ref, environment, { providers }) }];
    } catch (error) {
      const why = error instanceof ModelUnavailableError ? error.message : `${ref} cannot be made: ${reasonOf(error)}`;
      return [ref, { model: unavailableModel(ref, providers, error), missing: why }];
    }
  };
  return new Map(await Promise.all([...refs].map(make)));
}
