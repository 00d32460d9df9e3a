import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';

import { giveWay, registeredGlobal } from './global-place.ts';

/**
 * Hears when another copy of the API refuses a provider of the application's because ours is in its place. Only the
 * API's logger is told of that, so nothing is heard where the application has one, which is told then. The function
 * it returns ends it.
 */
export function hearRefusedProviders(onRefused: () => void): () => void {
  if (registeredGlobal('diag') !== undefined) return () => {};
  diag.setLogger(listenerFor(onRefused), DiagLogLevel.ERROR);
  const ours = registeredGlobal('diag');
  const isOurs = (): boolean => ours !== undefined && registeredGlobal('diag') === ours;
  const stopYielding = giveWay<DiagLogger, 'setLogger'>(diag, 'setLogger', { isOurs });
  return () => {
    stopYielding();
    if (isOurs()) diag.disable();
  };
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
