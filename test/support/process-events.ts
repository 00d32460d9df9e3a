import { onTestFinished } from 'vitest';

/** What the process warns of until the test is over: see `settled`. */
export function watchWarnings(): readonly Error[] {
  const warnings: Error[] = [];
  watch('warning', (warning: Error) => warnings.push(warning));
  return warnings;
}

/** What is rejected until the test is over and handled by nobody: see `settled`. */
export function watchRejections(): readonly unknown[] {
  const rejections: unknown[] = [];
  watch('unhandledRejection', (reason) => rejections.push(reason));
  return rejections;
}

/** Lets everything run that can run by now; only then the process says what it warns of, and what nobody handles. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function watch(event: string, listener: Parameters<NodeJS.EventEmitter['on']>[1]): void {
  const emitter: NodeJS.EventEmitter = process;
  emitter.on(event, listener);
  onTestFinished(() => void emitter.off(event, listener));
}
