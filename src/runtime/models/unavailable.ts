import type { ModelLike } from '../types.ts';
import { parseModelRef, type Providers } from './resolve.ts';

/**
 * Stands in a chain for a model that could not be made. It fails each time it is asked, so that the chain goes on
 * to the next model, and the trace says why this one was passed over.
 */
export function unavailableModel(ref: string, providers: Providers, error: unknown): ModelLike {
  const { prefix, modelId } = parseModelRef(ref, providers);
  const fail = (): Promise<never> => Promise.reject(error);
  return { specificationVersion: 'v3', provider: prefix, modelId, doGenerate: fail, doStream: fail };
}
