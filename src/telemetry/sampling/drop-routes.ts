/** The parts of an incoming request that decide whether it is worth a span. */
export interface RequestFacts {
  readonly method?: string | undefined;
  /** Path and query, as `node:http` gives them. */
  readonly url?: string | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>> | undefined;
}

/** What `dropRoutes` drops besides the routes. */
export interface DropRoutesOptions {
  /**
   * Whether to drop subscriptions too: `GET` requests that accept `text/event-stream`, which is what a browser's
   * `EventSource` sends. They last for as long as somebody is connected. Default: true.
   */
  readonly subscriptions?: boolean | undefined;
}

/**
 * Makes a filter for requests that should get no server span, such as health checks: for
 * `ignoreIncomingRequestHook` of `@opentelemetry/instrumentation-http`.
 *
 * A route is a path, in which a segment `*` stands for any one and `**` at the end for any rest: `/healthz`,
 * `/internal/**`. What the application does for an ignored request is not traced by that instrumentation
 * either; runs that come in over `httpTransport` are.
 *
 * @throws TypeError when a route does not begin with `/`
 */
export function dropRoutes(
  routes: readonly string[],
  options: DropRoutesOptions = {},
): (request: RequestFacts) => boolean {
  const { subscriptions = true } = options;
  const patterns = routes.map(segmentsOf);
  return (request) => {
    if (subscriptions && isSubscription(request)) return true;
    const segments = pathSegments(request.url ?? '');
    return patterns.some((pattern) => matches(pattern, segments));
  };
}

function segmentsOf(route: string): readonly string[] {
  if (!route.startsWith('/')) throw new TypeError(`a route must begin with /; got ${JSON.stringify(route)}`);
  return pathSegments(route);
}

/** A slash at the end makes no difference. */
function pathSegments(url: string): readonly string[] {
  const path = url.split(/[?#]/, 1)[0] ?? '';
  return path.replace(/\/$/, '').split('/').slice(1);
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const takesRest = pattern.at(-1) === '**';
  const fixed = takesRest ? pattern.slice(0, -1) : pattern;
  if (takesRest ? segments.length < fixed.length : segments.length !== fixed.length) return false;
  return fixed.every((part, index) => part === '*' || part === segments[index]);
}

function isSubscription({ method = 'GET', headers = {} }: RequestFacts): boolean {
  const { accept } = headers;
  return method === 'GET' && typeof accept === 'string' && /(?:^|,) *text\/event-stream *(?:[;,]|$)/i.test(accept);
}
