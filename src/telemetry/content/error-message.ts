/** Longest error message that leaves the process, in UTF-16 units. */
const MAX_LENGTH = 500;

const PLACEHOLDER = '[redacted]';

/**
 * Shapes of secrets that providers echo in error messages (an OpenAI 401 repeats part of the key).
 * Each pattern is a fixed prefix and one character class, so that matching stays linear.
 */
const SECRETS: readonly RegExp[] = [
  /\b(?:sk|pk|rk|gsk|xai|pplx|hf|r8|tvly|lsv2|ghp|gho|ghs|glpat|xox[abprs]|AKIA|AIza)[-_A-Za-z0-9*]{8,}/g,
  /\beyJ[-_A-Za-z0-9]{8,}\.[-_A-Za-z0-9]{8,}(?:\.[-_A-Za-z0-9]*)?/g,
  /\b(?:Bearer|Basic) [-_.~+/A-Za-z0-9=]{8,}/gi,
  /:\/\/[^\s/@]{1,200}@/g,
  /\b(?:api[-_]?key|access[-_]?token|token|secret|password|sentry_key)["']?\s{0,3}[=:]\s{0,3}["']?[^\s"'&,;]{4,}/gi,
];

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
  let text = message.slice(0, MAX_LENGTH * 2);
  for (const secret of SECRETS) text = text.replace(secret, PLACEHOLDER);
  text = text.toWellFormed();
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
