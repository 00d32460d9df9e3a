import type { CapturedFailure, CapturedMessage } from '../captured.ts';
import { systemClock, type Clock } from '../http/clock.ts';

/** What a Sentry SDK was given, and the id it has there. */
export interface HandedOver {
  readonly told: CapturedFailure | CapturedMessage;
  readonly eventId: string;
}

/** What a Sentry SDK was given just now and may not have sent, the newest few. */
export interface HandedOverJustNow {
  add(handedOver: HandedOver): void;
  /** Answers all of them, oldest first, and forgets them. */
  takeAll(): readonly HandedOver[];
}

/** For how long a Sentry SDK may not have sent what it was given. Nothing is kept for longer: errors hold requests. */
const JUST_NOW_MS = 1_000;

/** Most that are kept. */
const MAX_KEPT = 10;

/** Creates an empty list, which keeps no process alive. */
export function createHandedOver(clock: Clock = systemClock): HandedOverJustNow {
  /** Oldest first, each with what cancels its end. */
  const kept = new Map<HandedOver, () => void>();

  const forget = (handedOver: HandedOver): void => {
    kept.get(handedOver)?.();
    kept.delete(handedOver);
  };

  return {
    add(handedOver) {
      kept.set(
        handedOver,
        clock.after(JUST_NOW_MS, () => forget(handedOver)),
      );
      const [oldest] = kept.keys();
      if (kept.size > MAX_KEPT && oldest !== undefined) forget(oldest);
    },
    takeAll() {
      const all = [...kept.keys()];
      for (const handedOver of all) forget(handedOver);
      return all;
    },
  };
}
