import { backoffMs, halfJittered, jittered, type Backoff } from '../http/backoff.ts';
import type { Clock } from '../http/clock.ts';

/** Lets the exports of one destination send one after another while it is in trouble, and together while it is not. */
export interface SendingGate {
  /**
   * Resolves when an export may send, with a pass that must be given back once its result is known. Resolves with
   * `undefined` when it may not before `untilMs`, or never again.
   */
  enter(turn: Turn): Promise<GatePass | undefined>;
  /** Until this moment of the clock the destination asked to be sent nothing; `-Infinity` when it did not. */
  readonly pausedUntilMs: number;
  /** Somebody waits until then: waits of our own end now, and are short from now on. */
  hurry(untilMs: number | undefined): void;
  /** Lets nobody in any more. */
  close(): void;
}

/** Who wants to send. */
export interface Turn {
  readonly untilMs: number;
  /** How often it has failed: those that have least often go first, and of these the oldest. */
  readonly failures: number;
  /** Present where the destination seems to fail on it, and not on others. Such go last, and one at a time. */
  readonly suspect?: SuspectTurn | undefined;
}

export interface SuspectTurn {
  /** How often the destination has failed on it: it waits for itself then, longer and longer. */
  readonly failures: number;
  /** Whether there is no doubt: then it goes last, and nobody waits for it. */
  readonly isCertain: boolean;
}

export interface GatePass {
  /** Says how the attempt ended. To be called once. */
  leave(end: AttemptEnd): void;
}

export interface AttemptEnd {
  /** Whether it failed in a way that may pass. `undefined` where that says nothing of the destination. */
  readonly isTroubled: boolean | undefined;
  /** How long the destination asked to be sent nothing. */
  readonly pauseMs: number;
}

const BACKOFF: Backoff = { firstMs: 1_000, factor: 2, maxMs: 30_000 };
/** The same while somebody waits. */
const HURRIED_BACKOFF_MS = 1_000;
/** What the destination surely fails on is tried about so often, whoever waits. */
const CERTAIN_REST_MS = 300_000;
/** Of those that have failed more often none goes before another, so that each has its turn. */
const MAX_COUNTED = 3;
/** Longer waits are made of several: a timer takes no more than 24 days. */
const MAX_SLEEP_MS = 3_600_000;

interface Waiting extends Turn {
  fromMs: number;
  readonly settle: (pass: GatePass | undefined) => void;
}

/**
 * Creates the gate of a destination. After a failure that may pass, everybody waits, and then one export probes: only
 * when the destination answers it may the others go.
 *
 * @param onPause called when the destination asks for a pause
 */
export function createSendingGate(clock: Clock, onPause: () => void): SendingGate {
  const waiting = new Set<Waiting>();
  /** Failures in a row. Attempts that were under way together count as one. */
  let failures = 0;
  let round = 0;
  let isProbing = false;
  let isTryingSuspect = false;
  let pausedUntilMs = -Infinity;
  let restUntilMs = -Infinity;
  let hurriedUntilMs = -Infinity;
  let isClosed = false;
  let cancelTimer: (() => void) | undefined;

  const leave = (enteredIn: number, wasProbe: boolean, { isTroubled, pauseMs }: AttemptEnd): void => {
    const nowMs = clock.now();
    if (wasProbe || isTroubled === false) isProbing = false;
    const isPaused = pauseMs > 0;
    if (isPaused) pausedUntilMs = Math.max(pausedUntilMs, nowMs + jittered(pauseMs));
    if (isTroubled === false) {
      failures = 0;
      restUntilMs = -Infinity;
    } else if (isTroubled === true && enteredIn === round) {
      round += 1;
      failures += 1;
      restUntilMs = nowMs + restMs(failures);
    }
    admit();
    if (isPaused) onPause();
  };

  const restMs = (failed: number): number => {
    const longMs = backoffMs(failed, BACKOFF);
    return halfJittered(clock.now() < hurriedUntilMs ? Math.min(longMs, HURRIED_BACKOFF_MS) : longMs);
  };

  /** When somebody may go, as far as that depends on nobody else. */
  const fromMsOf = ({ suspect }: Turn): number => {
    if (suspect === undefined || suspect.failures === 0) return -Infinity;
    return clock.now() + (suspect.isCertain ? halfJittered(CERTAIN_REST_MS) : restMs(suspect.failures));
  };

  const letIn = (one: Waiting): void => {
    waiting.delete(one);
    const enteredIn = round;
    const isProbe = failures > 0;
    if (isProbe) isProbing = true;
    const isSuspect = one.suspect !== undefined;
    if (isSuspect) isTryingSuspect = true;
    one.settle({
      leave(end) {
        if (isSuspect) isTryingSuspect = false;
        leave(enteredIn, isProbe, end);
      },
    });
  };

  const turnAway = (one: Waiting): void => {
    waiting.delete(one);
    one.settle(undefined);
  };

  /** Whether somebody waits for what another one is told. */
  const isHeld = ({ suspect }: Turn): boolean => isProbing || (suspect !== undefined && isTryingSuspect);

  /** Lets in who may go, turns away who cannot go in time, and comes back when that may have changed. */
  const admit = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    const nowMs = clock.now();
    const openAtMs = Math.max(pausedUntilMs, restUntilMs);
    const startsAtMs = ({ fromMs }: Waiting): number => Math.max(openAtMs, fromMs);
    for (const one of [...waiting].toSorted(inOrder)) {
      if (isClosed || one.untilMs <= nowMs || one.untilMs < startsAtMs(one)) turnAway(one);
      else if (startsAtMs(one) <= nowMs && !isHeld(one)) letIn(one);
    }
    const nextMs = Math.min(
      ...[...waiting].map((one) => Math.min(isHeld(one) ? Infinity : startsAtMs(one), one.untilMs)),
    );
    if (waiting.size > 0 && nextMs < Infinity) cancelTimer = clock.after(Math.min(nextMs - nowMs, MAX_SLEEP_MS), admit);
  };

  return {
    enter: (turn) =>
      new Promise((resolve) => {
        waiting.add({ ...turn, fromMs: fromMsOf(turn), settle: resolve });
        admit();
      }),
    get pausedUntilMs() {
      return pausedUntilMs > clock.now() ? pausedUntilMs : -Infinity;
    },
    hurry(untilMs = -Infinity) {
      hurriedUntilMs = untilMs;
      if (untilMs <= clock.now()) return;
      restUntilMs = -Infinity;
      for (const one of waiting) if (one.suspect?.isCertain === false) one.fromMs = -Infinity;
      admit();
    },
    close() {
      isClosed = true;
      admit();
    },
  };
}

function inOrder(one: Turn, other: Turn): number {
  return rankOf(one) - rankOf(other);
}

function rankOf({ failures, suspect }: Turn): number {
  if (suspect === undefined) return Math.min(failures, MAX_COUNTED);
  return suspect.isCertain ? MAX_COUNTED + 1 : MAX_COUNTED;
}
