import { now, setImmediate } from '../real-time.ts';

/** What sends, as the end of the process sees it. No function throws, and no promise rejects. */
export interface Sending {
  /** Whether anything waits or is under way that is worth waiting for. */
  isPending(): boolean;
  /** Sends what waits. */
  flush(timeoutMs: number): Promise<Flushed>;
  /** Sends what waits, and spans that will never end now, before it returns. Without time these are only counted. */
  sendNow(timeoutMs: number): void;
  /** Lets nobody wait any more for what cannot be sent in time: who waits would keep the end from coming, or miss it. */
  giveUp(): void;
  /** Says what is lost, and takes nothing further. */
  close(): void;
}

/**
 * What of everything that is worth waiting for is decided after a flush. After `none` another one would achieve nothing
 * more.
 */
export type Flushed = 'all' | 'some' | 'none';

/** How long the end of the process may take, in milliseconds. */
export interface EndingLimits {
  /** When it has nothing left to do. */
  readonly naturalMs: number;
  /** When it runs no further callbacks: `process.exit()`, an uncaught error, SIGTERM. */
  readonly abruptMs: number;
}

/**
 * Longest a Ctrl-C waits: while it does, a second one is not heard.
 */
const INTERRUPT_MS = 2_000;

/** A process that comes to its end this long after a flush has gone on meanwhile, and has all of the time again. */
const GOES_ON_MS = 1_000;

/**
 * Sends what is left when the process ends, in whichever way it does so. The exit code, the output and what
 * listeners of the application do stay as they are. The function it returns stops it.
 *
 * - It has nothing left to do: sends, and waits. `beforeExit` comes again after every piece of work it
 *   starts, so it starts none when nothing waits or the time is used up.
 * - `process.exit()`, an uncaught exception, an unhandled rejection: sends while the process is held. An `exit`
 *   listener before ours that throws keeps the event from it, and what is thrown there is uncaught.
 * - A signal nobody else listens to: the same, and then the signal does what it would have done. Where the
 *   application listens, it decides. It is heard before everybody else: who listens once is gone afterwards, and
 *   would not be seen.
 */
export function sendAtTheEnd(sending: Sending, { naturalMs, abruptMs }: EndingLimits): () => void {
  const allMs = { toFlush: naturalMs, toSendNow: naturalMs };
  /** What the last flush has left of the time, and when. */
  let leftMs = allMs;
  let flushedAtMs = -Infinity;
  let stopped = false;

  const timeLeft = (): typeof allMs => (now() - flushedAtMs < GOES_ON_MS ? leftMs : allMs);
  /** Where it cannot, all is sent as the process exits. */
  let canFlush = true;
  const flushOnce = async (timeoutMs: number): Promise<void> => {
    const startedAtMs = now();
    canFlush = await hasTicks();
    if (!canFlush) return;
    const flushed = await sending.flush(timeoutMs);
    flushedAtMs = now();
    const toSendNow = flushed === 'none' ? 0 : Math.max(timeoutMs - (flushedAtMs - startedAtMs), 0);
    // Flushes that each get some of it decided, and never all, share the time, and so does what is sent after them.
    leftMs = { toFlush: flushed === 'all' ? naturalMs : toSendNow, toSendNow };
    if (leftMs.toFlush === 0) sending.giveUp();
  };
  const onBeforeExit = (): void => {
    const { toFlush } = timeLeft();
    if (toFlush === 0) sending.giveUp();
    else if (canFlush && sending.isPending()) void flushOnce(toFlush);
  };
  let hasExited = false;
  const onUncaught = (): void => {
    // Should the process live on, it runs no further ticks, and could send nothing.
    if (!hasExited && isExiting()) onExit();
  };
  const onExit = (): void => {
    hasExited = true;
    sending.sendNow(Math.min(abruptMs, timeLeft().toSendNow));
    sending.close();
  };
  const listeners = SIGNALS.map((signal) => {
    const listen = (): void => {
      if (!stopped) process.prependListener(signal, onSignal);
    };
    const onSignal = (): void => {
      if (process.listenerCount(signal) - 1 > yieldingListeners()) return;
      // Once all have heard it: `tsx` has a listener nobody sees, and kills a process in which it is not heard at once.
      process.nextTick(end);
    };
    const end = (): void => {
      process.off(signal, onSignal);
      if (process.pid === INIT_PID) {
        void sending.flush(naturalMs);
      } else {
        sending.sendNow(signal === 'SIGINT' ? Math.min(abruptMs, INTERRUPT_MS) : abruptMs);
        sending.close();
      }
      if (!process.emit(signal, signal)) process.kill(process.pid, signal);
      // Still here, because of the kernel or of somebody who has called the signal off.
      setImmediate(listen).unref();
    };
    return { listen, stop: () => process.off(signal, onSignal) };
  });

  process.on('beforeExit', onBeforeExit);
  process.on('exit', onExit);
  process.on('uncaughtExceptionMonitor', onUncaught);
  for (const { listen } of listeners) listen();
  return () => {
    stopped = true;
    process.off('beforeExit', onBeforeExit);
    process.off('exit', onExit);
    process.off('uncaughtExceptionMonitor', onUncaught);
    for (const { stop } of listeners) stop();
  };
}

/** Whether Node comes to what it puts off to its next tick. Sinon stops that as well, and then no request goes out. */
function hasTicks(): Promise<boolean> {
  return new Promise((resolve) => {
    process.nextTick(resolve, true);
    setImmediate(resolve, false);
  });
}

/**
 * Whether `exit` is about to be told, or is: Node says so before it calls the first listener, in a property it does not
 * document. Without that, a listener that throws keeps the event from ours.
 */
function isExiting(): boolean {
  const { _exiting: isIt } = process as { readonly _exiting?: unknown };
  return isIt === true;
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** The kernel keeps signals from the first process of a container, so that one goes on, and so do its runs. */
const INIT_PID = 1;

/**
 * Listeners of `signal-exit`, which many command-line programs load. Like ours they send a signal again when
 * nobody else listens to it, so each would leave it to the other. Its versions 3 and 4 keep their number here.
 *
 * @see https://github.com/tapjs/signal-exit
 */
function yieldingListeners(): number {
  const { [SIGNAL_EXIT_4]: newer } = globalThis as { [SIGNAL_EXIT_4]?: SignalExit };
  const { __signal_exit_emitter__: elder } = process as { __signal_exit_emitter__?: SignalExit };
  return (newer?.count ?? 0) + (elder?.count ?? 0);
}

interface SignalExit {
  readonly count?: number;
}

const SIGNAL_EXIT_4 = Symbol.for('signal-exit emitter');
