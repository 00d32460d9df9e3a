import type { SpanContext } from '@opentelemetry/api';

import { traceTransport, TransportExitedError } from '../telemetry/spans.ts';
import { openScope, sleep, whenAborted } from './signals.ts';
import { systemTime, type Time } from './time.ts';
import type { IncomingMessage, Transport, TransportState } from './types.ts';

/** What becomes of a transport that crashed. */
export type OnCrash = 'stop' | 'restart';

/** How a transport is kept working, and who hears of its crashes. */
export interface SuperviseOptions {
  readonly receive: (message: IncomingMessage) => Promise<void>;
  /** Stops the transport. */
  readonly signal: AbortSignal;
  /** `stop` (default): the crash is the caller's. `restart`: the transport is started again, after a while. */
  readonly onCrash?: OnCrash | undefined;
  /** The runs the transport is carrying; the crash span links to them. */
  readonly runsInFlight?: (() => readonly SpanContext[]) | undefined;
  /** Told of every crash. Must not throw. */
  readonly onCrashed?: ((crash: TransportCrash) => void) | undefined;
  /** Told how the transport is, whenever that changes. Must not throw. */
  readonly onState?: ((state: TransportState) => void) | undefined;
}

/** A crash of a transport, as `onCrashed` is told of it. */
export interface TransportCrash {
  readonly transport: string;
  readonly error: unknown;
  /** How often it has crashed since it last worked for a while, this time included. */
  readonly crashes: number;
  /** When it is started again. Absent when it is not. */
  readonly restartInMs?: number;
}

/**
 * Keeps a transport working until it is stopped or says it is done. A rejection is a crash, and so is
 * returning early: both are traced, then `onCrash` decides. Rejects with what a transport crashed with.
 */
export function superviseTransport(transport: Transport, options: SuperviseOptions): Promise<void> {
  return superviseTransportWith(systemTime, transport, options);
}

const FIRST_RESTART_MS = 1_000;
const MAX_RESTART_MS = 60_000;
/** A transport that worked this long has recovered: its next crash is a new story. */
const RECOVERED_MS = 60_000;
/** How long a transport may take to return once it was stopped. */
const STOP_GRACE_MS = 5_000;

/** `superviseTransport` with a say in how time passes. */
export async function superviseTransportWith(
  time: Time,
  transport: Transport,
  options: SuperviseOptions,
): Promise<void> {
  const { signal, onState } = options;
  let crashes = 0;
  let since = '';
  while (!signal.aborted) {
    const startedAt = time.elapsed();
    onState?.({ state: 'running' });
    const end = await runOnce(time, transport, options);
    if (end.status !== 'crashed') {
      onState?.({ state: end.status });
      return;
    }
    crashes = time.elapsed() - startedAt >= RECOVERED_MS ? 1 : crashes + 1;
    const crash = { transport: transport.name, error: end.error, crashes };
    if (options.onCrash !== 'restart') {
      onState?.({ state: 'stopped' });
      options.onCrashed?.(crash);
      throw end.error;
    }
    const restartInMs = Math.min(FIRST_RESTART_MS * 2 ** (crashes - 1), MAX_RESTART_MS);
    if (crashes === 1) since = new Date(time.now()).toISOString();
    onState?.({ state: 'restarting', since });
    options.onCrashed?.({ ...crash, restartInMs });
    // Being stopped meanwhile ends the wait, and the loop.
    await sleep(restartInMs, signal, time).catch(() => {});
  }
  onState?.({ state: 'stopped' });
}

type TransportEnd = { readonly status: 'stopped' | 'done' } | { readonly status: 'crashed'; readonly error: unknown };

/** Starts a transport once and waits for its end. Only called while nothing has been stopped. */
async function runOnce(time: Time, transport: Transport, options: SuperviseOptions): Promise<TransportEnd> {
  const { receive, runsInFlight } = options;
  const scope = openScope(options.signal, time);
  const { signal } = scope;
  const watched = { name: transport.name, signal, runsInFlight };
  const grace = startGrace(signal, time);
  const wantedEnd = (): TransportEnd | undefined => {
    if (!signal.aborted) return undefined;
    return { status: options.signal.aborted ? 'stopped' : 'done' };
  };
  try {
    const work = traceTransport(watched, async () => transport.start(receive, signal, () => scope.abort()));
    await Promise.race([work, grace.over]);
    return wantedEnd() ?? { status: 'crashed', error: new TransportExitedError(transport.name) };
  } catch (error) {
    return wantedEnd() ?? { status: 'crashed', error };
  } finally {
    grace.cancel();
    scope.close();
  }
}

/** The time a stopped transport has to return: nobody waits for ever for one that does not listen. */
function startGrace(signal: AbortSignal, time: Time): { readonly over: Promise<void>; readonly cancel: () => void } {
  let stopTimer: (() => void) | undefined;
  let stopListening: (() => void) | undefined;
  const over = new Promise<void>((resolve) => {
    stopListening = whenAborted(signal, () => {
      stopTimer = time.startTimer(STOP_GRACE_MS, resolve);
    });
  });
  return {
    over,
    cancel: () => {
      stopListening?.();
      stopTimer?.();
    },
  };
}
