import type { Tracer, TracerProvider } from '@opentelemetry/api';

import { guard } from '../guard.ts';

/**
 * Lets the tracers of our own provider be those of the one the application registers after it, which the function it
 * returns is told of. A NodeSDK gives its instrumentations their tracers before it registers its provider, and libraries
 * ask for theirs when they load: without ours, the API gives them some that wait for that provider.
 */
export function yieldTracers(ours: TracerProvider): (theirs: TracerProvider) => void {
  const getOwn = ours.getTracer.bind(ours);
  const yielding = new WeakSet<Tracer>();
  let successor: TracerProvider | undefined;
  let isAsked = false;
  let isStarting = false;

  /** What runs in a span of theirs may start others. */
  const whenStarted = (given: unknown): unknown => {
    if (typeof given !== 'function') return given;
    return function (this: unknown, ...span: unknown[]): unknown {
      isStarting = false;
      return Reflect.apply(given, this, span);
    };
  };

  ours.getTracer = (...scope) => {
    isAsked = true;
    const tracer = getOwn(...scope);
    if (yielding.has(tracer)) return tracer;
    yielding.add(tracer);
    const methods = tracer as unknown as Methods;
    for (const method of ['startSpan', 'startActiveSpan'] as const) {
      const startOwn = methods[method].bind(tracer);
      methods[method] = (...given) => {
        if (successor === undefined || isStarting) return startOwn(...given);
        isStarting = true;
        try {
          const theirs = successor.getTracer(...scope) as unknown as Methods;
          return theirs[method](...given.map(whenStarted));
        } finally {
          isStarting = false;
        }
      };
    }
    return tracer;
  };
  return (theirs) => {
    isAsked = false;
    guard(() => theirs.getTracer('faultline'));
    // One around ours gets its spans from us. It may ask for the tracer of each span only when that starts.
    successor = isAsked ? undefined : theirs;
  };
}

type Methods = Record<'startSpan' | 'startActiveSpan', (...given: readonly unknown[]) => unknown>;
