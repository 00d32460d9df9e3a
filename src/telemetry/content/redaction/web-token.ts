import { endOf, WORD } from './characters.ts';
import { matchAt } from './finding.ts';

/** Longest first part of a token that is looked into, in characters. */
const MAX_HEADER = 1024;

/** The parts behind the first. */
const REST = /\.[\w-]+(?:\.[\w-]*){0,3}/y;

/**
 * End of the JSON Web Token (RFC 7519) or its encrypted form (RFC 7516) that begins at a position: parts in
 * base64url, of which the first is a JSON object that names an algorithm. A token whose end was cut off counts.
 */
export function webTokenEnd(text: string, start: number): number | undefined {
  if (!text.startsWith('eyJ', start)) return undefined;
  const headerEnd = endOf(text, start, WORD, start + MAX_HEADER);
  if (text[headerEnd] !== '.' || !namesAlgorithm(text.slice(start, headerEnd))) return undefined;
  const match = matchAt(REST, text, headerEnd);
  return match === null ? undefined : headerEnd + match[0].length;
}

function namesAlgorithm(header: string): boolean {
  try {
    const value: unknown = JSON.parse(decodeBase64Url(header));
    return typeof value === 'object' && value !== null && Object.hasOwn(value, 'alg');
  } catch {
    return false;
  }
}

/** Throws for what is not base64url. */
export function decodeBase64Url(text: string): string {
  return atob(text.replaceAll('-', '+').replaceAll('_', '/'));
}
