/** What an HTTP status says about a request: whether it was accepted, and else what would have to change. */
export type StatusKind =
  | 'accepted'
  /** The endpoint is elsewhere. */
  | 'redirected'
  /** The same request may be accepted later. */
  | 'passing'
  /** It is about the set-up: no right, no such path, not this way, not through this proxy. */
  | 'misconfigured'
  | 'too_large'
  /** It is about what was sent. */
  | 'refused'
  /** The server can never do it, whatever is sent, or speaks another protocol. */
  | 'unable';

const MISCONFIGURED: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 407]);
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);
/** Of all troubles of a server those that stay. */
const UNABLE: ReadonlySet<number> = new Set([501, 505]);

/** The kind of a status. Both ways of sending ask it; what follows from a kind is theirs. */
export function kindOfStatus(status: number): StatusKind {
  if (status < 200 || UNABLE.has(status)) return 'unable';
  if (status < 300) return 'accepted';
  if (status < 400) return 'redirected';
  if (status >= 500 || PASSING.has(status)) return 'passing';
  if (MISCONFIGURED.has(status)) return 'misconfigured';
  return status === 413 ? 'too_large' : 'refused';
}
