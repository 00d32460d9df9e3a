import { matchAt, type Finding } from './finding.ts';
import { isSecretValue } from './named-value.ts';
import { secretKindOf } from './secret-names.ts';

/** What a list of settings has in place of a name: `<key>name</key><string>`. */
const NAMED_BY_TEXT = /(?:key|name)>([\w.-]{3,128})<\/(?:key|name)>\s{0,64}<(?:string|value)>/y;
/** Text as it is, up to the end of the element. */
const ELEMENT_TEXT = /(<!\[CDATA\[)?([^<]{3,4096}?)(?:\]\]>)?<\/[\w.:-]/y;

/** The text of an XML element named like a secret, given the bounds of the name in its opening tag. */
export function findElementText(text: string, sign: number, wordStart: number, wordEnd: number): Finding | undefined {
  const before = text[wordStart - 1];
  if (wordEnd !== sign || (before !== '<' && before !== ':')) return undefined;
  const isNaming = text.startsWith('key', wordStart) || text.startsWith('name', wordStart);
  const named = isNaming ? matchAt(NAMED_BY_TEXT, text, wordStart) : null;
  const name = named?.[1] ?? text.slice(wordStart, wordEnd);
  const kind = secretKindOf(name);
  if (kind === undefined) return undefined;
  const at = named === null ? sign + 1 : wordStart + named[0].length;
  const match = matchAt(ELEMENT_TEXT, text, at);
  if (match === null || !isSecretValue(match[2]!, kind, name)) return undefined;
  const start = at + (match[1]?.length ?? 0);
  return { start, end: start + match[2]!.length, kind };
}
