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
  readonly message?: unknown;
}

/** MCP's `UrlElicitationRequired`: a tool asks its user to open an address first. */
const URL_ELICITATION_REQUIRED = -32_042;

/** Genkit's, and Temporal's for an activity that somebody else completes, as one that waits for an approval. */
const NAMES: ReadonlySet<string> = new Set(['ToolInterruptError', 'CompleteAsyncError']);

/** What BullMQ says of a job that was put back. An `UnrecoverableError` of its says something else, and is a failure. */
const JOB_PUT_BACK = /^bullmq:(?:moved|rateLimit)/;

/**
 * Whether what was thrown is no failure: how work leaves a run that goes on later or somewhere else. LangGraph throws
 * it at an `interrupt()` and for a command to the graph around, Strands at an `interrupt()`, a tool of MCP to ask its
 * user, and BullMQ when a job was put back; of Genkit's and Temporal's there is the name.
 */
export function isInterruption(thrown: unknown): boolean {
  return NAMES.has(errorType(thrown)) || guard(() => hasSigns(thrown)) === true;
}

function hasSigns(thrown: unknown): boolean {
  if (!isObject(thrown)) return false;
  const { is_bubble_up: isBubblingUp, interrupts, code, message } = thrown as Signs;
  if (isBubblingUp === true || code === URL_ELICITATION_REQUIRED) return true;
  if (errorType(thrown) === 'InterruptError') return Array.isArray(interrupts);
  return typeof message === 'string' && JOB_PUT_BACK.test(message);
}
