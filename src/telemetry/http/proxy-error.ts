import type { Proxy } from './proxy.ts';

/** What went wrong at a proxy, before anything reached the server behind it. */
export type ProxyProblem =
  /** It refused to pass the request on. */
  | { readonly kind: 'refused'; readonly status: number }
  /** It could not be reached, or broke off; `code` is a system error code. */
  | { readonly kind: 'unreachable'; readonly code: string | undefined }
  /** It took the connection and then said nothing. */
  | { readonly kind: 'silent' };

/** A request did not get past a proxy. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly proxy: Proxy;
  readonly problem: ProxyProblem;

  constructor(proxy: Proxy, problem: ProxyProblem) {
    super('the request did not get past a proxy');
    this.proxy = proxy;
    this.problem = problem;
  }
}

/** An error on a connection to a proxy. What it is about is told by its code. */
export function unreachableProxy(proxy: Proxy, error: Error): ProxyError {
  const { code } = error as { readonly code?: unknown };
  return new ProxyError(proxy, { kind: 'unreachable', code: typeof code === 'string' ? code : undefined });
}

/** Whether a proxy refuses for a reason that does not pass by itself: the credentials, a rule against the host. */
export function isProxyRefusal(error: Error): boolean {
  return error instanceof ProxyError && error.problem.kind === 'refused' && error.problem.status < 500;
}
