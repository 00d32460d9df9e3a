/** Why a request is not answered with what it asked for, and never a word of an error that happened inside. */

export interface Problem {
  readonly status: number;
  /** For programs. */
  readonly type: string;
  /** For people: one sentence. */
  readonly message: string;
  /** By which the run that failed can be found. */
  readonly traceId?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

const RETRY_AFTER = { 'retry-after': '1' };

export const BUSY: Problem = {
  status: 503,
  type: 'busy',
  message: 'There is too much to do right now. Please try again in a moment.',
  headers: RETRY_AFTER,
};
export const STOPPING: Problem = {
  status: 503,
  type: 'stopping',
  message: 'The server takes no questions now.',
  headers: RETRY_AFTER,
};
export const FAILED: Problem = {
  status: 500,
  type: 'run_failed',
  message: 'Something went wrong and there is no answer.',
};
export const FOREIGN: Problem = {
  status: 403,
  type: 'origin_not_allowed',
  message: 'Pages of this origin may not ask.',
};
export const UNAUTHORIZED: Problem = {
  status: 401,
  type: 'unauthorized',
  message: 'Send authorization: Bearer and the token.',
  headers: { 'www-authenticate': 'Bearer' },
};
export const UNKNOWN_AGENT: Problem = { status: 404, type: 'unknown_agent', message: 'There is no such agent.' };
export const ONLY_EVENTS: Problem = {
  status: 406,
  type: 'not_acceptable',
  message: 'With GET only an event stream can be had: send accept: text/event-stream, or POST.',
};

export function unknownRoute(basePath: string): Problem {
  const routes = `POST ${basePath}/agents/{agent}/run, GET ${basePath}/healthz, ${basePath}/readyz or ${basePath}/openapi.json`;
  return { status: 404, type: 'unknown_route', message: `There is nothing here: ${routes}.` };
}

export function wrongMethod(methods: readonly string[]): Problem {
  const allow = methods.join(', ');
  return { status: 405, type: 'method_not_allowed', message: `This takes ${allow}.`, headers: { allow } };
}
