import type { Captured } from '../captured.ts';
import { guard } from '../guard.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import type { SentryEvent } from './sentry-event.ts';

/** What is read of an event. */
type JudgedEvent = Pick<SentryEvent, 'level' | 'fingerprint' | 'exception' | 'logentry'>;

/**
 * Lets the first events of a kind through and holds the others back, so that one failure is not a storm. One that cannot
 * be read is of no kind, and let through: `beforeSend` may have made it. Never throws.
 */
export interface StormGuard {
  /**
   * Of an event that is let through, how many of its kind were held back since the last one was; undefined when it is
   * held back itself.
   *
   * @param detail what tells kinds of one fingerprint apart
   */
  admit(event: JudgedEvent, detail?: string): number | undefined;
  /**
   * Whether an event may be kept on disk until it is known whether it is sent: of a kind no more than would be let
   * through. The function gives the place back, to be called before the event is judged.
   */
  reserve(event: JudgedEvent, detail?: string): (() => void) | undefined;
  /** Events held back so far. */
  readonly heldBack: number;
  /** Those among them that no event let through since has told of. */
  readonly untold: number;
}

/** Most events of one kind that are let through in a window. */
const MAX_PER_WINDOW = 5;
/** It starts with the first event of a kind. */
const WINDOW_MS = 60_000;
/** Most kinds of failure that are told apart at a time; of more, the ones not seen for longest are forgotten. */
const MAX_KINDS = 500;
/** Longest name of a kind; `beforeSend` may make a fingerprint of any length. */
const MAX_KIND_LENGTH = 2_000;

/** One kind of failure in its current window. */
interface Kind {
  startedAtMs: number;
  passed: number;
  /** Places on disk that were taken in this window, and not given back. */
  reserved: number;
  heldBack: number;
}

/** Creates a guard that has seen nothing yet. */
export function createStormGuard(clock: Clock = systemClock): StormGuard {
  /** The one not seen for longest comes first. */
  const kinds = new Map<string, Kind>();
  let heldBack = 0;
  let untold = 0;

  const kindOf = (event: JudgedEvent, detail: string | undefined): Kind | undefined => {
    const name = guard(() => nameOf(event, detail));
    if (name === undefined) return undefined;
    const nowMs = clock.now();
    const known = kinds.get(name);
    const kind = known ?? { startedAtMs: nowMs, passed: 0, reserved: 0, heldBack: 0 };
    kinds.delete(name);
    kinds.set(name, kind);
    if (known === undefined && kinds.size > MAX_KINDS) {
      for (const oldest of kinds.keys()) {
        kinds.delete(oldest);
        break;
      }
    }
    if (nowMs - kind.startedAtMs >= WINDOW_MS) {
      kind.startedAtMs = nowMs;
      kind.passed = 0;
      kind.reserved = 0;
    }
    return kind;
  };

  return {
    get heldBack() {
      return heldBack;
    },
    get untold() {
      return untold;
    },
    admit(event, detail) {
      const kind = kindOf(event, detail);
      if (kind === undefined) return 0;
      if (kind.passed >= MAX_PER_WINDOW) {
        kind.heldBack += 1;
        heldBack += 1;
        untold += 1;
        return undefined;
      }
      kind.passed += 1;
      const toTell = kind.heldBack;
      kind.heldBack = 0;
      untold -= toTell;
      return toTell;
    },
    reserve(event, detail) {
      const kind = kindOf(event, detail);
      if (kind === undefined) return () => {};
      if (kind.passed + kind.reserved >= MAX_PER_WINDOW) return undefined;
      const { startedAtMs } = kind;
      kind.reserved += 1;
      return () => {
        if (kind.startedAtMs === startedAtMs) kind.reserved -= 1;
      };
    },
  };
}

/** An event, or what one is made of, that says in `contexts.faultline.held_back` how many were held back before it. */
export function withHeldBack<T extends Partial<Pick<Captured, 'contexts'>>>(told: T, held_back: number): T {
  if (held_back === 0) return told;
  const telling = (): T => ({
    ...told,
    contexts: { ...told.contexts, faultline: { ...told.contexts?.['faultline'], held_back } },
  });
  // `beforeSend` may have made anything of it.
  return guard(telling) ?? told;
}

/**
 * Name of an event's kind. The level is part of it: the failure that ends the process must get through,
 * also when it was survived a hundred times before.
 */
function nameOf({ level, fingerprint, exception, logentry }: JudgedEvent, detail: string | undefined): string {
  const parts: unknown[] = [level, detail, fingerprint];
  // `beforeSend` may leave the grouping to Sentry, which then goes by class and place of the error.
  if (!Array.isArray(fingerprint) || fingerprint.length === 0 || fingerprint.includes('{{ default }}')) {
    parts.push(logentry?.formatted);
    for (const { type, stacktrace } of exception?.values ?? []) {
      const { function: name, filename, lineno } = stacktrace?.frames.at(-1) ?? {};
      parts.push(type, name, filename, lineno);
    }
  }
  return JSON.stringify(parts).slice(0, MAX_KIND_LENGTH);
}
