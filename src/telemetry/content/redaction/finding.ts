/** A stretch of a text that is to be replaced, and the name of what it is. */
export interface Finding {
  readonly start: number;
  /** Position behind the last character. */
  readonly end: number;
  readonly kind: string;
  /** What to put around the placeholder, where the text itself is not quoted and has to be. */
  readonly quote?: string;
}

/** The match of a sticky pattern at a position, or the first of a global one from there on. */
export function matchAt(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}
