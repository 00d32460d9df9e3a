declare const redacted: unique symbol;

/**
 * A text that went through redaction: the only content attribute builders accept, so that forgetting to redact
 * does not compile.
 */
export type Redacted = string & { readonly [redacted]: true };

/**
 * Marks a text as redacted. Only for texts made of redacted ones, and of words of our own, such as one that was
 * cut: everything else gets its mark from a `Redactor`.
 */
export function asRedacted(text: string): Redacted {
  return text as Redacted;
}
