/** What sends, as the end of the process sees it. No function throws, and no promise rejects. */
export interface Sending {
  /** Whether anything waits or is under way. */
  isPending(): boolean;
  /** Sends what waits. Answers whether all of it was delivered. */
  flush(timeoutMs: number): Promise<boolean>;
  /** Sends what waits, and spans that will never end now, before it returns. */
  sendNow(timeoutMs: number): void;
  /** Says what is lost, and takes nothing further. */
  close(): void;
}

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

/**
 * Sends what is left when the process ends, in whichever way it does so. The exit code, the output and what
 * listeners of the application do stay as they are. The function it returns stops it.
 *
 * - It has nothing left to do: sends, and waits. `beforeExit` comes again after every piece of work it
 *   starts, so it starts none when nothing waits or the time is used up.
 * - `process.exit()`, an uncaught exception, an unhandled rejection: sends while the process is held.
 * - A signal nobody else listens to: the same, and then the signal does what it would have done. Where the
 *   application listens, it decides.
 */
export function sendAtTheEnd(sending: Sending, { naturalMs, abruptMs }: EndingLimits): () => void {
  let gaveUp = naturalMs === 0;

  const flushOnce = async (): Promise<void> => {
    if (await sending.flush(naturalMs)) return;
    gaveUp = true;
    sending.close();
  };
  const onBeforeExit = (): void => {
    if (!gaveUp && sending.isPending()) void flushOnce();
  };
  const onExit = (): void => {
    if (!gaveUp) sending.sendNow(abruptMs);
    sending.close();
  };
  const listeners = SIGNALS.map((signal) => {
    const onSignal = (): void => {
      if (process.listenerCount(signal) > 1) return;
      process.off(signal, onSignal);
      sending.sendNow(signal === 'SIGINT' ? Math.min(abruptMs, INTERRUPT_MS) : abruptMs);
      sending.close();
      process.kill(process.pid, signal);
    };
    return [signal, onSignal] as const;
  });

  process.on('beforeExit', onBeforeExit);
  process.on('exit', onExit);
  for (const [signal, onSignal] of listeners) process.on(signal, onSignal);
  return () => {
    process.off('beforeExit', onBeforeExit);
    process.off('exit', onExit);
    for (const [signal, onSignal] of listeners) process.off(signal, onSignal);
  };
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
