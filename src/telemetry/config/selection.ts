import { DESTINATIONS, DSN, ENABLED, ENDPOINT, SDK_DISABLED, TRACES_EXPORTER } from './catalog.ts';
import { defined } from './records.ts';
import type { Dsn } from './dsn.ts';
import { DEFAULT_ENDPOINT } from './endpoint.ts';
import type { DestinationName } from './options.ts';
import type { Problem, Settings } from './settings.ts';

/** Whether anything is sent and where to, decided before any detail of sending is read. */
export interface Selection {
  readonly destinations: readonly DestinationName[];
  /** Why `destinations` is empty; present exactly then. */
  readonly offReason?: string;
  /** Absent when telemetry is turned off as a whole: Issues must stay in with the traces. */
  readonly dsn?: Dsn;
  /** URL of the `otlp` destination, whether it is among the destinations or not. */
  readonly endpoint: string;
}

const NO_DESTINATION =
  'No destination is configured: set SENTRY_DSN, or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT for another backend.';

/** Names whose problems explain why there is no destination. */
const DECISIVE = new Set(['envFile', ...[DSN, ENDPOINT, DESTINATIONS].flatMap(({ variables = [] }) => variables)]);

/**
 * Decides where spans go: as named, else to the endpoint, else to the DSN.
 *
 * With both at hand the endpoint wins for traces, because it is set for traces alone; Issues still go to
 * the DSN.
 *
 * @param problems what was reported so far, and is reported while this reads
 */
export function selectDestinations(settings: Settings, problems: readonly Problem[]): Selection {
  const off = { destinations: [], endpoint: DEFAULT_ENDPOINT };
  if (settings.get(ENABLED) === false) return { ...off, offReason: 'The option enabled is false.' };
  // A switch for operators: code that says `enabled: true` does not outrank it.
  if (settings.get(SDK_DISABLED) === true) return { ...off, offReason: 'OTEL_SDK_DISABLED is true.' };

  const dsn = settings.get(DSN);
  const endpoint = settings.get(ENDPOINT);
  const addresses = { endpoint: endpoint ?? DEFAULT_ENDPOINT, ...defined({ dsn }) };
  const named = settings.get(DESTINATIONS);
  const wanted = named ?? (endpoint !== undefined ? ['otlp'] : dsn !== undefined ? ['sentry'] : []);
  // It names exporters of every OpenTelemetry SDK in the process; destinations named for Faultline outrank it.
  if (named === undefined && wanted.length > 0 && settings.get(TRACES_EXPORTER)?.includes('none')) {
    return { ...addresses, destinations: [], offReason: 'OTEL_TRACES_EXPORTER is none.' };
  }

  const destinations = wanted.filter((name) => name !== 'sentry' || dsn !== undefined);
  if (destinations.length === 0) {
    const problem = problems.find(({ key }) => DECISIVE.has(key));
    return { ...addresses, destinations, offReason: problem?.message ?? NO_DESTINATION };
  }
  if (destinations.length < wanted.length) {
    settings.report({
      key: 'destinations',
      message: 'Sentry is named as a destination, but there is no usable DSN: set SENTRY_DSN, or name otlp alone.',
    });
  }
  return { ...addresses, destinations };
}
