/** How a function of the API registers something in a place the process has once, and empties that place. */
type Place<T, Method extends string> = Record<Method, (value: T) => boolean> & { disable(): void };

export interface GiveWayOptions<T> {
  /** Whether what is registered is ours. */
  readonly isOurs: () => boolean;
  /** Hears of everything the application registers. */
  readonly onTaken?: (theirs: T) => void;
}

/**
 * Makes room for what the application registers after us: the API would refuse it, and the application would lose
 * its own without a word. The function it returns ends that.
 */
export function giveWay<T, Method extends string>(
  api: Place<T, Method>,
  method: Method,
  { isOurs, onTaken }: GiveWayOptions<T>,
): () => void {
  const patched: Partial<Record<Method, (value: T) => boolean>> = api;
  const own = Object.getOwnPropertyDescriptor(api, method);
  const register: (theirs: T, ...settings: readonly unknown[]) => boolean = api[method].bind(api);
  let isOver = false;
  const yielding = (theirs: T, ...settings: readonly unknown[]): boolean => {
    if (isOver) return register(theirs, ...settings);
    if (isOurs()) api.disable();
    const registered = register(theirs, ...settings);
    if (registered) onTaken?.(theirs);
    return registered;
  };
  patched[method] = yielding;
  return () => {
    isOver = true;
    if (patched[method] !== yielding) return;
    if (own === undefined) delete patched[method];
    else Object.defineProperty(api, method, own);
  };
}

/** What the process has registered with the API, by the name the API keeps it under. */
export function registeredGlobal(name: 'context' | 'diag' | 'propagation' | 'trace'): unknown {
  return (globalThis as { [GLOBALS]?: Readonly<Record<string, unknown>> })[GLOBALS]?.[name];
}

/** Where every copy of the API 1.x keeps it. */
const GLOBALS = Symbol.for('opentelemetry.js.api.1');
