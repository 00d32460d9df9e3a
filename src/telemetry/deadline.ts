/**
 * Waits for work, but no longer than `timeoutMs`. Answers whether the work finished; what it rejects with is
 * swallowed. The timer keeps the process alive, so that the promise settles even when nothing else does.
 */
export function finishesWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const finish = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    work.then(finish, finish);
  });
}
