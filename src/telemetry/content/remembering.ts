import { charCodeAt } from './char-code-at.ts';

/** Longest text that is remembered, in UTF-16 units: longer than names and ids are. */
const MAX_LENGTH = 200;
/** Texts that are remembered at most; a power of two. */
const PLACES = 1_024;

/**
 * The same function, which remembers what it answered to short texts: names come again with every object. It has
 * to answer the same to the same text, always.
 *
 * Each text has one place, which the next one with the same place takes: ids that never come again then cost no more
 * than to answer them. A `Map` that forgets costs twice that, for it grows and is thrown away again and again.
 */
export function remembering<Answer>(answer: (text: string) => Answer): (text: string) => Answer {
  let memory: Memory<Answer> | undefined;
  return (text) => {
    const { length } = text;
    if (length > MAX_LENGTH || length === 0) return answer(text);
    // Not at import: Node takes a quarter of a millisecond for all of them.
    const { texts, answers } = (memory ??= emptyMemory());
    const place = placeOf(text, length);
    if (texts[place] === text) return answers[place] as Answer;
    const own = standingAlone(text);
    const found = answer(own);
    texts[place] = own;
    answers[place] = found;
    return found;
  };
}

interface Memory<Answer> {
  readonly texts: string[];
  readonly answers: (Answer | undefined)[];
}

function emptyMemory<Answer>(): Memory<Answer> {
  return {
    texts: Array.from({ length: PLACES }, () => ''),
    answers: Array.from({ length: PLACES }, () => undefined),
  };
}

/** The same text, which keeps no longer one alive: in V8 a piece that was cut out of a text refers to all of it. */
function standingAlone(text: string): string {
  return `${text} `.slice(0, -1);
}

/**
 * By a few signs of the text, those at its end above all: that is where ids, versions and the lines and columns of
 * frames differ.
 */
function placeOf(text: string, length: number): number {
  const sign = (index: number): number => charCodeAt(text, Math.max(index, 0));
  const end = ((sign(length - 1) * 31 + sign(length - 2)) * 31 + sign(length - 3)) * 31 + sign(length - 5);
  return (((end * 31 + sign(length >> 1)) * 31 + sign(0)) * 31 + sign(length >> 2) + length) & (PLACES - 1);
}
