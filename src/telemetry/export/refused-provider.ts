import { diag, type DiagLogger } from '@opentelemetry/api';

import { holdPlace, registeredGlobal } from './global-place.ts';

/**
 * Hears when another copy of the API refuses a provider of the application's because ours is in its place. Only the
 * API's logger is told of that, so nothing is heard where the application has one, which is told then. The function
 * it returns ends it.
 */
export function hearRefusedProviders(onRefused: () => void): () => void {
  if (registeredGlobal('diag') !== undefined) return () => {};
  const withdraw = holdPlace('diag', diag, 'setLogger', listenerFor(onRefused));
  return () => withdraw(false);
}

/** How every copy of the API 1.x says it. */
const REFUSED = 'Attempted duplicate registration of API: trace';

const ignore = (): void => {};

function listenerFor(onRefused: () => void): DiagLogger {
  const error = (message: unknown): void => {
    if (typeof message === 'string' && message.includes(REFUSED)) onRefused();
  };
  return { error, warn: ignore, info: ignore, debug: ignore, verbose: ignore };
}
