/** How far a cut may move back to a place between words, in UTF-16 units. */
const MAX_BACK = 2048;

/** Where no secret goes on: white space, and the marks texts are quoted with. */
const BETWEEN = /[\s"'`]/;

/**
 * The beginning of a text, cut where no secret is cut in two, for a part of one may not be recognised any more: the
 * cut moves back to the nearest white space or quotation mark. Where there is none it is made as asked. No surrogate
 * pair is split.
 */
export function cutBetweenWords(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  for (let at = maxLength; at > 0 && maxLength - at < MAX_BACK; at -= 1) {
    if (BETWEEN.test(text[at]!)) return text.slice(0, at);
  }
  const isPair = /[\uD800-\uDBFF]/.test(text[maxLength - 1] ?? '') && /[\uDC00-\uDFFF]/.test(text[maxLength]!);
  return text.slice(0, isPair ? maxLength - 1 : maxLength);
}
