import {
  context as contextApi,
  trace,
  type Context,
  type SpanOptions,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

/**
 * Lets the tracers of our own provider be those of the one the application registers after it, which the function it
 * returns is told of. A NodeSDK gives its instrumentations their tracers before it registers its provider, and libraries
 * ask for theirs when they load: without ours, the API gives them some that wait for that provider.
 */
export function yieldTracers(ours: TracerProvider): (theirs: TracerProvider) => void {
  const yielding = new WeakMap<Tracer, Tracer>();
  const ownTracer = ours.getTracer.bind(ours);
  let successor: TracerProvider | undefined;
  let isStarting = false;

  const startSpanOf =
    (own: Tracer, scope: Parameters<TracerProvider['getTracer']>): Tracer['startSpan'] =>
    (name, options, context) => {
      // Theirs may be one around ours, which asks us in turn.
      if (successor === undefined || isStarting) return own.startSpan(name, options, context);
      isStarting = true;
      try {
        return successor.getTracer(...scope).startSpan(name, options, context);
      } finally {
        isStarting = false;
      }
    };

  ours.getTracer = (...scope) => {
    const own = ownTracer(...scope);
    const tracer = yielding.get(own) ?? tracerWith(startSpanOf(own, scope));
    yielding.set(own, tracer);
    return tracer;
  };
  return (theirs) => {
    successor = theirs;
  };
}

function tracerWith(startSpan: Tracer['startSpan']): Tracer {
  return {
    startSpan,
    startActiveSpan(name: string, ...given: unknown[]): never {
      const work = given.pop() as () => never;
      const [options, context = contextApi.active()] = given as [SpanOptions?, Context?];
      const span = startSpan(name, options, context);
      return contextApi.with(trace.setSpan(context, span), work, undefined, span);
    },
  };
}
