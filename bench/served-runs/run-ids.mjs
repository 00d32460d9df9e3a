/** The ids everything about one run is to carry, by the number of the run. */

export const SPANS_PER_RUN = 5;

export function traceIdOf(number) {
  return `f00d${hex(number, 28)}`;
}

/** The span of whoever asks. */
export function callerSpanIdOf(number) {
  return `cafe${hex(number, 12)}`;
}

export function conversationIdOf(number) {
  return `c-${number}`;
}

export function toolCallIdOf(number) {
  return `call-${number}`;
}

export function responseIdOf(number, turn) {
  return `answer-${number}-${turn}`;
}

export function numberOfTrace(traceId) {
  return Number.parseInt(traceId.slice(4), 16);
}

function hex(number, digits) {
  return number.toString(16).padStart(digits, '0');
}
