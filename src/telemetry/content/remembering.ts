/** Longest text that is remembered, in UTF-16 units: longer than names and ids are. */
const MAX_LENGTH = 200;
/** Texts after which those that did not come again are forgotten; up to twice as many are held. */
const MAX_TEXTS = 500;

/**
 * The same function, which remembers what it answered to short texts: names come again with every object. It has
 * to answer the same to the same text, always.
 */
export function remembering(answer: (text: string) => string): (text: string) => string {
  let recent = new Map<string, string>();
  let older = new Map<string, string>();
  return (text) => {
    if (text.length > MAX_LENGTH) return answer(text);
    const known = recent.get(text);
    if (known !== undefined) return known;
    const found = older.get(text) ?? answer(text);
    if (recent.size >= MAX_TEXTS) {
      older = recent;
      recent = new Map();
    }
    recent.set(text, found);
    return found;
  };
}
