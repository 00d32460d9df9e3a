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

/** Ends what was registered. What is kept stays in place, and makes room for nothing any more. */
export type Withdraw = (isKept: boolean) => void;

/** Registers what is ours, unless another is in its place, until the application registers its own. */
export function holdPlace<T, Method extends string>(
  name: GlobalName,
  api: Place<T, Method>,
  method: Method,
  ours: T,
): Withdraw {
  if (!api[method](ours)) return () => {};
  const held = registeredGlobal(name);
  const isOurs = (): boolean => registeredGlobal(name) === held;
  const stopYielding = giveWay(api, method, { isOurs });
  return (isKept) => {
    stopYielding();
    if (!isKept && isOurs()) api.disable();
  };
}

/** What the API keeps a registered object under. */
type GlobalName = 'context' | 'diag' | 'propagation' | 'trace';

/** What the process has registered with the API. */
export function registeredGlobal(name: GlobalName): unknown {
  return (globalThis as { [GLOBALS]?: Readonly<Record<string, unknown>> })[GLOBALS]?.[name];
}

/** Where every copy of the API 1.x keeps it. */
const GLOBALS = Symbol.for('opentelemetry.js.api.1');
