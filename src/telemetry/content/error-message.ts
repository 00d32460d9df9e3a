import { cutBetweenWords } from './cut.ts';
import { redactText, type ScanRules } from './redaction/scan.ts';

/** Longest error message that leaves the process, in UTF-16 units. */
const MAX_LENGTH = 500;

const PLACEHOLDER = '[redacted]';

/** What takes secrets out of a text. */
interface TextRedactor {
  text(text: string): string;
}

/** Everything that is known: an error message is no place for any of it. */
const RULES: ScanRules = { secrets: true, cards: true, emails: true, phones: true, ipAddresses: true, keys: true };
const EVERYTHING: TextRedactor = { text: (text) => redactText(text, RULES, () => PLACEHOLDER) };

/** An error message that may leave the process: without anything that is known, cut to length. */
export function safeErrorMessage(message: string): string {
  return safeText(message, EVERYTHING);
}

/** A text of people's that may leave the process: without secrets, cut to the length of an error message. */
export function safeText(text: string, redactor: TextRedactor): string {
  return shortened(redactor.text(beginning(text)));
}

/** A redacted text, as long as an error message may be. A backend refuses JSON with half a character in it. */
export function shortened(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH).toWellFormed()}…` : text;
}

/**
 * What is redacted of a text that is to be `shortened`, so that a huge one costs no more than a long one; the margin
 * keeps a secret that straddles the cut whole enough to be recognised.
 */
export function beginning(text: string): string {
  return cutBetweenWords(text, MAX_LENGTH * 2).toWellFormed();
}
