/** A query is a user's message, which can be of any length; the first words say what it is about. */
const MAX_QUERY_WORDS = 64;
const MAX_QUERY_LENGTH = 10_000;
/** Shorter words are the beginning of too many others. */
const MIN_PREFIX_LENGTH = 3;

/**
 * What is segmented at once: no word has a space in it. Node 20 takes a time that grows with the square of the
 * length, seconds for the text of a book's chapter.
 */
const PIECE = /\S{1,500}/gu;

/** Knows where words end in languages that write no spaces. Made on first use: it takes milliseconds. */
let segmenter: Intl.Segmenter | undefined;

/** The words of a text in the form they are compared in. Both memories index these and nothing else. */
export function wordsOf(text: string): string[] {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'word' });
  // Compatibility forms and accents are how a word is typed, not what it says.
  const plain = text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
  const words: string[] = [];
  for (const [piece] of plain.matchAll(PIECE)) {
    for (const { segment, isWordLike } of segmenter.segment(piece)) if (isWordLike) words.push(segment);
  }
  return words;
}

/** The different words of a query, so many of them that one search stays short. */
export function queryWords(query: string): readonly string[] {
  return [...new Set(wordsOf(query.slice(0, MAX_QUERY_LENGTH)))].slice(0, MAX_QUERY_WORDS);
}

/** Whether longer words that begin like this one are looked for as well. */
export function isPrefix(word: string): boolean {
  return word.length >= MIN_PREFIX_LENGTH;
}
