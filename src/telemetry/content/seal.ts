/** What Faultline has written on its own spans, made safe before. */
const sealed = new WeakMap<object, Set<string>>();

/**
 * Remembers that a text on a span went through the content policy, so that the policy is not applied to it a
 * second time on the way out. Spans that carry no such text cost nothing.
 */
export function seal(span: object, text: string): void {
  const texts = sealed.get(span);
  if (texts === undefined) sealed.set(span, new Set([text]));
  else texts.add(text);
}

/** Whether a text on a span went through the content policy. */
export function isSealed(span: object, text: string): boolean {
  return sealed.get(span)?.has(text) ?? false;
}

/** Spans of Faultline on which the application may have written by itself. */
const shared = new WeakSet<object>();

/** Remembers that the application was handed one of our spans, and may write on it what it likes. */
export function share(span: object): void {
  shared.add(span);
}

/** Starts a span with attributes of the application's. Whoever sees it start must know that, too. */
export function startShared<Span extends object>(start: () => Span): Span {
  isStartingShared = true;
  try {
    const span = start();
    share(span);
    return span;
  } finally {
    isStartingShared = false;
  }
}

/** Starting is synchronous, so it is about one span at a time. */
let isStartingShared = false;

/** Whether the application was handed the span, or gave it attributes. */
export function isShared(span: object): boolean {
  return isStartingShared || shared.has(span);
}
