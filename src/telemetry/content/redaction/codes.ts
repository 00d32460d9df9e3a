import { charCodeAt } from '../char-code-at.ts';

/** Codes of the characters that are asked for one by one. */
export const TAB = 9;
/** `ESC`, with which colours of a terminal begin. */
export const ESCAPE_SIGN = 27;
export const SPACE = 32;
export const QUOTATION_MARK = 34;
export const HASH = 35;
export const DOLLAR = 36;
export const PERCENT = 37;
export const AMPERSAND = 38;
export const APOSTROPHE = 39;
export const BRACKET = 40;
export const CLOSING_BRACKET = 41;
export const PLUS = 43;
export const COMMA = 44;
export const HYPHEN = 45;
export const FULL_STOP = 46;
export const SLASH = 47;
export const ZERO = 48;
export const ONE = 49;
export const SIX = 54;
export const COLON = 58;
export const SEMICOLON = 59;
export const EQUALS = 61;
export const GREATER = 62;
export const QUESTION_MARK = 63;
export const AT = 64;
export const CAPITAL_A = 65;
export const CAPITAL_J = 74;
export const CAPITAL_N = 78;
export const CAPITAL_O = 79;
export const SQUARE_BRACKET = 91;
export const BACKSLASH = 92;
export const LETTER_A = 97;
export const LETTER_B = 98;
export const LETTER_C = 99;
export const LETTER_E = 101;
export const LETTER_K = 107;
export const LETTER_O = 111;
export const LETTER_P = 112;
export const LETTER_Q = 113;
export const LETTER_R = 114;
export const LETTER_S = 115;
export const LETTER_T = 116;
export const LETTER_U = 117;
export const LETTER_Y = 121;
export const CURLY_BRACKET = 123;
export const TILDE = 126;
/** `ñ`, which no word has here. */
export const LETTER_N_TILDE = 0xf1;

/**
 * The code of the character at a position, or -1 outside of the text. Asked for what is not there, `charCodeAt` answers
 * with no number and an index with no text, and whatever looks at the answer is slower ever after.
 */
export function codeAt(text: string, position: number): number {
  return position < 0 || position >= text.length ? -1 : charCodeAt(text, position);
}
