/** The five places where an agent fails. */
export const FAILURE_POINTS = [
  'conversation.unhandled',
  'transport.crash',
  'model.fallback_exhausted',
  'tool.execution',
  'memory.search',
] as const;

/** Where an agent failed: one of `FAILURE_POINTS`, and the value of `faultline.failure.point`. */
export type FailurePoint = (typeof FAILURE_POINTS)[number];

/** Points a run goes on from: the model is told, and may do without. */
const RECOVERABLE: ReadonlySet<FailurePoint | undefined> = new Set(['tool.execution', 'memory.search'] as const);

/** Whether a failure at a point is taken for handled until something else is known. */
export function isRecoverable(point: FailurePoint | undefined): boolean {
  return RECOVERABLE.has(point);
}
