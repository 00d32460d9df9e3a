import { active, type HeldFailure, type IssueSink } from '../active.ts';
import type { Reporter } from '../diagnostics.ts';
import type { CapturedFailure, CapturedMessage } from '../captured.ts';
import { toldWith } from '../linked-errors.ts';
import { isObject } from '../recorded-failures.ts';
import { crashOf, crashWith, inIssueOf } from './crash.ts';
import { encodeEvent } from './envelope.ts';
import { createEvent, outlineOf, type EventOutline, type IssueEnvironment } from './event.ts';
import { failureDetail } from './fingerprint.ts';
import type { Clock } from '../http/clock.ts';
import { randomShare } from '../http/random.ts';
import { createHandedOver, type HandedOver } from './handed-over.ts';
import { createHeldFailures, forgottenFailure, type Settle } from './held-failures.ts';
import { createHooks } from './hooks.ts';
import type { IssueOptions } from './options.ts';
import type { EventJournal } from './sender.ts';
import type { SentryEvent } from './sentry-event.ts';
import { findSentrySdk, type SentrySdk } from './sentry-sdk.ts';
import { withHeldBack, type StormGuard } from './storm.ts';
import { createSurvivedFailures, type UntoldFailure } from './survived-failures.ts';
import { hasEndedRun, isAnotherFailure, isOfTold, runOf, type Taken } from './taken.ts';

export interface IssueSinkParts {
  readonly send: (event: SentryEvent) => void;
  /** Holds back a failure that comes again and again, whoever would send it. */
  readonly guard: StormGuard;
  readonly environment: IssueEnvironment;
  readonly options: IssueOptions;
  /** Share of Issues that is sent, 0 to 1. */
  readonly sampleRate: number;
  readonly report: Reporter;
  /** Keeps what still waits for the end of its run, should the process not live that long. */
  readonly journal?: EventJournal;
  /** Tells when a failure has waited too long for the end of its run. */
  readonly clock?: Clock;
}

/** A sink that can be told that nothing will be decided any more. */
export interface ReleasableSink extends IssueSink {
  /** Takes what nobody has caught. */
  crash(failure: CapturedFailure): void;
  /** Sends what was survived, without waiting for what may come of it. */
  settleSurvived(): void;
  /**
   * Leaves nothing to a Sentry SDK from now on, in a process that dies before one could send. What it was given just
   * now is sent again under the id it has there, because it may not have left.
   */
  takeOver(): void;
  /** Sends what still waits for the end of its run, as it was when it happened. */
  release(): void;
  /** The same in a process that runs no further callbacks: from now on nothing is left to a Sentry SDK. */
  releaseNow(): void;
}

/** What is said of something that was captured. */
interface Drawn {
  /** `null` when it is not to be sent. */
  readonly event: SentryEvent | null;
  /** What tells it from other kinds of its group. */
  readonly detail?: string | undefined;
}

/** What there is of a failure that has waited. */
interface Waited {
  /** Takes it out of the journal. */
  readonly strike?: () => void;
  /** Hands it to the Sentry SDK as from where it happened. */
  readonly reserved?: SentrySdk['capture'] | undefined;
}

/**
 * Turns failures into Issues: each error once in a run, unless it is classified as operational, sampled out, or
 * one of very many of its kind. An Issue does not depend on whether its trace was sampled.
 *
 * When the application has initialised a Sentry SDK, by now or later, that one gets the failures: a second
 * client would make two Issues of one. Its own sampling and hooks decide then.
 */
export function createIssueSink(parts: IssueSinkParts): ReleasableSink {
  const { send, guard, environment, options, sampleRate, report, journal, clock } = parts;
  const hooks = createHooks(options, report);
  const { undisturbed } = hooks;
  const held = createHeldFailures(clock);
  const survived = createSurvivedFailures(clock);
  /** Each error that was taken, as it was last taken. */
  const taken = new WeakMap<object, Taken>();
  const handedOver = createHandedOver(clock);
  let isEnding = false;

  /** Claims an error, so that one that crosses tool, agent and transport, each with its copy of us, is sent once. */
  const claim = (captured: CapturedFailure): boolean => {
    const { error } = captured;
    const last = takenAs(error);
    if (last !== undefined && !isAnotherFailure(captured, last)) return false;
    const now: Taken = {
      run: runOf(captured),
      isOfPoint: captured.point !== undefined,
      at: performance.now(),
      isSurvived: isSurvivedFailure(captured),
      isIssue: false,
    };
    if (isObject(error)) taken.set(error, now);
    now.isIssue = hooks.isIssue(error, () => deliver(captured));
    return now.isIssue;
  };

  const takenAs = (error: unknown): Taken | undefined => (isObject(error) ? taken.get(error) : undefined);

  /** So that what comes of it later can be told as part of its Issue. */
  const rememberIssue = (captured: CapturedFailure | CapturedMessage, { fingerprint }: EventOutline): void => {
    const itsTaking = 'error' in captured ? takenAs(captured.error) : undefined;
    if (itsTaking !== undefined) itsTaking.fingerprint = fingerprint;
  };

  const sdkInForce = () => (isEnding ? undefined : findSentrySdk());

  const isSampled = (): boolean => active().apart(() => randomShare()) < sampleRate;

  /** `strike` takes what the journal has of it from before, should the process end here. */
  const draw = (captured: CapturedFailure | CapturedMessage, strike = () => {}): Drawn => {
    if (!isSampled()) return { event: null };
    const event = createEvent(captured, environment);
    rememberIssue(captured, event);
    const detail = detailOf(captured, event);
    const answer = hooks.review(event, () => {
      strike();
      sendFewOfAKind({ event, detail });
    });
    // What `beforeSend` makes one group is one kind.
    return isSameGroup(answer, event) ? { event: answer, detail } : { event: answer };
  };

  const sendFewOfAKind = ({ event, detail }: Drawn): void => {
    if (event === null) return;
    const heldBack = guard.admit(event, detail);
    if (heldBack !== undefined) send(withHeldBack(event, heldBack));
  };

  const handOver = (told: CapturedFailure | CapturedMessage, capture: SentrySdk['capture']): void => {
    const eventId = capture(told);
    if (eventId !== undefined) handedOver.add({ told, eventId });
  };

  /** Sends again what a Sentry SDK got too late. Sentry takes an event of one id once. */
  const repeat = ({ told, eventId }: HandedOver): void => {
    const { event } = draw(told);
    if (event !== null) send({ ...event, event_id: eventId });
  };

  const deliver = (captured: CapturedFailure | CapturedMessage, { strike, reserved }: Waited = {}): void => {
    const sdk = sdkInForce();
    // What `beforeSend` is to see has to be whole; of anything else the guard judges before most of the work is done.
    if (sdk === undefined && options.beforeSend) return sendFewOfAKind(draw(captured, strike));
    if (sdk === undefined && !isSampled()) return;
    const outline = outlineOf(captured);
    rememberIssue(captured, outline);
    const heldBack = guard.admit(outline, detailOf(captured, outline));
    if (heldBack === undefined) return;
    const told = withHeldBack(captured, heldBack);
    if (sdk === undefined) send(createEvent(told, environment, outline));
    else handOver(told, reserved ?? sdk.capture);
  };

  const tell: Settle = (outcome) => {
    if (outcome !== 'dropped') deliver(outcome);
  };

  /** Draws a failure whose run is not over, and keeps it in the words it would have now. Answers how to tell of it. */
  const draft = (failure: CapturedFailure, journal: EventJournal): Settle => {
    const { level, handled } = failure;
    const drawn = draw(failure);
    const strike = keepFewOfAKind(drawn, guard, journal);
    return (outcome) => {
      if (outcome === 'dropped') return strike();
      if (sdkInForce() === undefined && outcome.level === level && outcome.handled === handled) {
        // Before the event is sent, which keeps it anew under the same id.
        strike();
        return sendFewOfAKind(drawn);
      }
      deliver(outcome, { strike });
      strike();
    };
  };

  /** What has to be done at once to tell later how a failure turned out. Answers how to tell of it. */
  const prepare = (failure: CapturedFailure): Settle => {
    const sdk = sdkInForce();
    if (sdk === undefined) return journal === undefined ? tell : draft(failure, journal);
    const reserved = sdk.reserve(failure.error);
    return (outcome) => {
      if (outcome !== 'dropped') deliver(outcome, { reserved });
    };
  };

  const settling = (prepared: Settle, itsTaking: Taken | undefined): Settle => {
    let telling = prepared;
    let waiting: UntoldFailure | undefined;
    const settleNow: Settle = (outcome) => {
      if (itsTaking !== undefined) {
        itsTaking.isSurvived = outcome !== 'dropped' && outcome.handled;
        itsTaking.at = performance.now();
      }
      const tellNow = telling;
      // A run keeps this function as long as it lasts, and may have thousands of them.
      telling = tell;
      waiting = undefined;
      undisturbed(() => tellNow(outcome));
    };
    return (outcome) => {
      if (waiting !== undefined) return waiting.decide(turnedOut(waiting.failure, outcome));
      // A Sentry SDK has been told of the error, and somebody may flush it.
      const isWorthWaiting = outcome !== 'dropped' && outcome.handled && !isEnding && findSentrySdk() === undefined;
      if (!isWorthWaiting) return settleNow(outcome);
      if (itsTaking !== undefined) itsTaking.isSurvived = true;
      waiting = survived.add(outcome, settleNow);
    };
  };

  const hold = (failure: CapturedFailure): HeldFailure => {
    if (undisturbed(() => claim(failure)) !== true) {
      return forgottenFailure(failure, takenAs(failure.error)?.isIssue === true);
    }
    const prepared = undisturbed(() => prepare(failure)) ?? tell;
    return held.add(failure, settling(prepared, takenAs(failure.error)));
  };

  const hasEndedItsRun = (error: unknown): boolean => {
    const last = takenAs(error);
    return last !== undefined && hasEndedRun(last);
  };

  /**
   * Tells of a crash; a failure it comes of is told as the crash where it waits, or as a part of it. One that ended a
   * run is told already, whatever it was wrapped in on its way out.
   */
  const tellCrash = (crash: CapturedFailure, waiting: readonly UntoldFailure[]): void => {
    const itself = waiting.findLast(({ failure }) => Object.is(failure.error, crash.error));
    if (itself !== undefined) {
      itself.decide(crashOf(itself.failure, crash));
      return;
    }
    if (crash.point === undefined && isOfTold(crash.error, hasEndedItsRun)) {
      // A Sentry SDK hears of it as well.
      undisturbed(() => sdkInForce()?.reserve(crash.error));
      return;
    }
    const last = takenAs(crash.error);
    if (undisturbed(() => claim(crash)) !== true) return;
    const told = toldWith(crash.error);
    const parts = waiting.filter(({ failure }) => told.has(failure.error));
    for (const { decide } of parts) decide('dropped');
    undisturbed(() => deliver(inIssueOf(last, crashWith(parts.at(-1)?.failure, crash))));
  };

  const captureError = (captured: CapturedFailure): void => {
    if (isSurvivedFailure(captured)) {
      hold(captured).decide(captured);
    } else if (captured.point === 'transport.crash') {
      tellCrash(captured, [...survived]);
    } else {
      undisturbed(() => {
        if (claim(captured)) deliver(captured);
      });
    }
  };

  const release = (): void => {
    held.settleAll();
    survived.settleAll();
  };

  return {
    capture(captured) {
      if ('error' in captured) captureError(captured);
      else undisturbed(() => deliver(captured));
    },
    crash: (failure) => tellCrash(failure, [...survived, ...held]),
    hold,
    takeOver() {
      isEnding = true;
      const justNow = handedOver.takeAll();
      if (findSentrySdk() !== undefined) for (const each of justNow) undisturbed(() => repeat(each));
    },
    settleSurvived: () => survived.settleAll(),
    release,
    releaseNow() {
      isEnding = true;
      hooks.processEnds();
      release();
    },
  };
}

/** Whether somebody goes on from a failure, as far as is known. What an application captures is none of a run. */
function isSurvivedFailure({ point, handled }: CapturedFailure): boolean {
  return point !== undefined && handled;
}

/** A failure as it turned out. What is known of it by now may be less than when it happened. */
function turnedOut(failure: CapturedFailure, outcome: CapturedFailure | 'dropped'): CapturedFailure | 'dropped' {
  return outcome === 'dropped' ? outcome : { ...failure, handled: outcome.handled, level: outcome.level };
}

/** Keeps an event whose run is not over, unless enough of its kind are kept. The function strikes it again. */
function keepFewOfAKind({ event, detail }: Drawn, guard: StormGuard, journal: EventJournal): () => void {
  const giveBack = event === null ? undefined : guard.reserve(event, detail);
  if (event === null || giveBack === undefined) return () => {};
  const { eventId, payload } = encodeEvent(event);
  if (eventId === undefined) return giveBack;
  journal.keepIssue(eventId, payload.toString());
  return () => {
    giveBack();
    journal.strikeIssue(eventId);
  };
}

function detailOf(captured: CapturedFailure | CapturedMessage, { exception }: EventOutline): string | undefined {
  if (!('error' in captured)) return undefined;
  return failureDetail(captured.error, exception?.values.at(-1)?.stacktrace?.frames ?? []);
}

function isSameGroup(answer: SentryEvent | null, { fingerprint }: SentryEvent): boolean {
  try {
    return answer?.fingerprint.join('\n') === fingerprint.join('\n');
  } catch {
    return false;
  }
}
