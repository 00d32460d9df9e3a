import { describe, expect, it } from 'vitest';

import { cutBetweenWords } from '../../../src/telemetry/content/cut.ts';

describe('a text that is cut', () => {
  it.each([
    ['short enough, stays', 'one two', 7, 'one two'],
    ['ends before the word it would cut', 'one two three', 9, 'one two'],
    ['ends before the word also where the cut is right behind it', 'one two three', 7, 'one two'],
    ['ends with the opening mark of a quotation', '{"a":"bcdefg"}', 9, '{"a":'],
    ['of one word is cut as asked', 'abcdefgh', 5, 'abcde'],
    ['splits no surrogate pair', 'ab\u{1F600}cd', 3, 'ab'],
    ['may end with a surrogate pair', 'ab\u{1F600}cd', 4, 'ab\u{1F600}'],
  ])('%s', (_, text, maxLength, expected) => {
    expect(cutBetweenWords(text, maxLength)).toBe(expected);
  });

  it('does not lose more than a little for a place between words', () => {
    expect(cutBetweenWords(`one ${'x'.repeat(10_000)}`, 9_000)).toHaveLength(9_000);
  });
});
