import { guard } from './guard.ts';
import { errorType } from './linked-errors.ts';
import { isObject } from './recorded-failures.ts';

/** The signs that what was thrown asks somebody and is tried again with the answer, or goes on elsewhere. */
interface Signs {
  /** LangGraph, whose classes have a getter for it, as its `isGraphBubbleUp` asks. */
  readonly is_bubble_up?: unknown;
  /** Strands: what it asks. */
  readonly interrupts?: unknown;
  readonly code?: unknown;
  /** Next.js: with which page or address it answers. Other errors it gives a number here. */
  readonly digest?: unknown;
  readonly message?: unknown;
  /** React Router, of what its `data()` answers with. */
  readonly type?: unknown;
  readonly init?: { readonly status?: unknown } | null;
  /** SvelteKit. */
  readonly status?: unknown;
  readonly location?: unknown;
  /** TanStack. */
  readonly isNotFound?: unknown;
}

/** MCP's `UrlElicitationRequired`: a tool asks its user to open an address first. */
const URL_ELICITATION_REQUIRED = -32_042;

/** Genkit's, and Temporal's for an activity that somebody else completes, as one that waits for an approval. */
const NAMES: ReadonlySet<string> = new Set(['ToolInterruptError', 'CompleteAsyncError']);

/** What BullMQ says of a job that was put back. An `UnrecoverableError` of its says something else, and is a failure. */
const JOB_PUT_BACK = /^bullmq:(?:moved|rateLimit)/;

/**
 * What Next.js answers with at a `redirect()`, a `notFound()` (by another name before 15.1), and the like; and what it
 * throws where a page it prerenders needs a request, which it is rendered for again.
 */
const NEXT_ANSWER =
  /^(?:NEXT_(?:REDIRECT|NOT_FOUND|HTTP_ERROR_FALLBACK|PRERENDER_INTERRUPTED)|HANGING_PROMISE_REJECTION|DYNAMIC_SERVER_USAGE|BAILOUT_TO_CLIENT_SIDE_RENDERING)/;

/**
 * Whether what was thrown is no failure: how work leaves a run that goes on later or somewhere else. LangGraph throws
 * it at an `interrupt()` and for a command to the graph around, Strands at an `interrupt()`, a tool of MCP to ask its
 * user, BullMQ when a job was put back, and web frameworks to answer with another page; of Genkit's and Temporal's there
 * is the name.
 */
export function isInterruption(thrown: unknown): boolean {
  return NAMES.has(errorType(thrown)) || guard(() => hasSigns(thrown)) === true;
}

function hasSigns(thrown: unknown): boolean {
  if (!isObject(thrown)) return false;
  const { is_bubble_up: isBubblingUp, interrupts, code, digest, message } = thrown as Signs;
  if (isBubblingUp === true || code === URL_ELICITATION_REQUIRED) return true;
  if (errorType(thrown) === 'InterruptError') return Array.isArray(interrupts);
  if (typeof digest === 'string' && NEXT_ANSWER.test(digest)) return true;
  if (typeof message === 'string' && JOB_PUT_BACK.test(message)) return true;
  return isAnswer(thrown);
}

/**
 * Whether it is what React Router, TanStack, SolidStart or SvelteKit answer a request with: no error of any kind, and
 * none of the server's by its status.
 */
function isAnswer(thrown: Signs): boolean {
  if (thrown instanceof Error) return false;
  // What was fetched has an address, and is the answer of somebody else. One without a status is a network error.
  if (thrown instanceof Response) return thrown.url === '' && isFrom(200, 500, thrown.status);
  const { type, init, status, location, isNotFound } = thrown;
  if (type === 'DataWithResponseInit') return isFrom(200, 500, init?.status ?? 200);
  if (typeof location === 'string') return isFrom(300, 400, status);
  if (errorType(thrown) === 'HttpError') return isFrom(400, 500, status);
  return isNotFound === true;
}

function isFrom(lowest: number, above: number, status: unknown): boolean {
  return typeof status === 'number' && status >= lowest && status < above;
}
