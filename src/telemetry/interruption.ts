import { guard } from './guard.ts';
import { errorType } from './linked-errors.ts';
import { isObject } from './recorded-failures.ts';

/**
 * Whether what was thrown is no failure: how work leaves a run that goes on later or somewhere else. LangGraph throws
 * it at an `interrupt()` and for a command to the graph around, and marks it; of Genkit's there is the name, and BullMQ's
 * say in their messages that the job was put back.
 */
export function isInterruption(thrown: unknown): boolean {
  return isBubblingUp(thrown) || errorType(thrown) === 'ToolInterruptError' || isJobPutBack(thrown);
}

/** What its class has a getter for, as `isGraphBubbleUp` of LangGraph asks. */
function isBubblingUp(thrown: unknown): boolean {
  return guard(() => isObject(thrown) && (thrown as { is_bubble_up?: unknown }).is_bubble_up === true) === true;
}

/** An `UnrecoverableError` has such a message too, and is a failure. */
function isJobPutBack(thrown: unknown): boolean {
  return guard(() => thrown instanceof Error && /^bullmq:(?:moved|rateLimit)/.test(thrown.message)) === true;
}
