import { cutBetweenWords } from './cut.ts';
import { redactText, type ScanRules } from './redaction/scan.ts';

/** Longest error message that leaves the process, in UTF-16 units. */
const MAX_LENGTH = 500;

const PLACEHOLDER = '[redacted]';

/** Everything that is known: an error message is no place for any of it. */
const RULES: ScanRules = { secrets: true, cards: true, emails: true, phones: true, ipAddresses: true, keys: true };

/**
 * Errors whose message quotes the value they choked on: a prompt, a completion or a tool argument. Only
 * the part before the value is kept.
 */
const QUOTES_ITS_INPUT: Readonly<Record<string, string>> = {
  AI_JSONParseError: 'JSON parsing failed',
  AI_TypeValidationError: 'Type validation failed',
  AI_InvalidPromptError: 'Invalid prompt',
  AI_InvalidArgumentError: 'Invalid argument',
  AI_NoObjectGeneratedError: 'No object generated',
  AI_InvalidToolInputError: 'Invalid tool input',
  SyntaxError: 'Syntax error',
  ZodError: 'Validation failed',
};

/** An error message that may leave the process: without secrets, without quoted input, cut to length. */
export function safeErrorMessage(errorType: string, message: string): string {
  const generic = Object.hasOwn(QUOTES_ITS_INPUT, errorType) ? QUOTES_ITS_INPUT[errorType] : undefined;
  if (generic !== undefined) return generic;
  // Cut before matching, so that a huge message costs no more than a long one; the margin keeps a secret
  // that straddles the cut whole enough to be recognised.
  const text = redactText(cutBetweenWords(message, MAX_LENGTH * 2).toWellFormed(), RULES, () => PLACEHOLDER);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
