import type { ContentPolicy } from './content/policy.ts';
import type { FailurePoint } from './failure-points.ts';

/** How much a failure matters, in Sentry's words. */
export type Level = 'fatal' | 'error' | 'warning' | 'info' | 'debug';

/** The levels Sentry takes. A JavaScript SDK has `log` beside them, which Sentry stores as `info`. */
const LEVELS: ReadonlyMap<unknown, Level> = new Map<unknown, Level>([
  ['fatal', 'fatal'],
  ['error', 'error'],
  ['warning', 'warning'],
  ['info', 'info'],
  ['log', 'info'],
  ['debug', 'debug'],
]);

/** What Sentry takes for a level; nothing where it is none. */
export function levelOf(value: unknown): Level | undefined {
  return LEVELS.get(value);
}

/** One step of a run, kept to tell how it came to a failure. */
export interface Breadcrumb {
  /** Epoch milliseconds. Absent where nobody asked the clock: in a trace that is not sampled, of what went well. */
  readonly timestampMs?: number | undefined;
  readonly type?: string | undefined;
  /** Default `default`. */
  readonly category?: string | undefined;
  readonly message?: string | undefined;
  readonly level?: Level | undefined;
  readonly data?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** Where and in which run something was captured. */
export interface Captured {
  /** Epoch milliseconds. */
  readonly occurredAtMs: number;
  readonly level: Level;
  /** The span it happened in. */
  readonly trace?: {
    readonly traceId: string;
    readonly spanId: string;
    readonly parentSpanId?: string;
    readonly op?: string;
    readonly status?: 'internal_error';
  };
  /** Name of the agent span of the run. */
  readonly transaction?: string;
  /** What may be sent of it. Absent where no run has decided: then what holds for the process. */
  readonly policy?: ContentPolicy;
  readonly tags: Readonly<Record<string, string>>;
  /** What may be sent of the user; e-mail, name and address are there only when they may. */
  readonly user?: {
    readonly id?: string;
    readonly email?: string;
    readonly username?: string;
    readonly ip_address?: string;
  };
  readonly contexts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Oldest first. */
  readonly breadcrumbs: readonly Breadcrumb[];
  /** How the application groups it, in place of how we would. */
  readonly fingerprint?: readonly string[];
}

/** A failure with everything that is known of it when it happens. */
export interface CapturedFailure extends Captured {
  /** Never serialised: errors of model SDKs carry the whole prompt. `linkedErrors` reads what may be sent. */
  readonly error: unknown;
  /** The message of a thrown value that is no object, as it may be sent. */
  readonly safeMessage?: string;
  /** Absent for an error the application captured by itself. */
  readonly point?: FailurePoint;
  /** The fingerprint of the Issue it is one more event of, as that was told. */
  readonly issue?: readonly string[];
  /** Whether the run went on. */
  readonly handled: boolean;
  /** What caught it, such as `faultline.tool.execution`. */
  readonly mechanism: string;
  /** Id of the span of the outermost agent of its run. Absent outside of runs. */
  readonly run?: string;
}

/** A sentence the application captured. */
export interface CapturedMessage extends Captured {
  readonly message: string;
}
