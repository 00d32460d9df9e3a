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

/** The texts on a span that went through the content policy. Absent when there is none. */
export function sealedTexts(span: object): ReadonlySet<unknown> | undefined {
  return sealed.get(span);
}
