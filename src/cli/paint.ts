/** Colour for a terminal, nothing for everything else. */
import { styleText } from 'node:util';

/** Wraps text in a style, or returns it as it is. */
export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** The paint for `stream`: FORCE_COLOR decides, then NO_COLOR, then whether it is a terminal. */
export function createPaint(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  if (!wantsColour(stream, env)) return (_, text) => text;
  return (style, text) => (text === '' ? '' : styleText(style, text, { validateStream: false }));
}

function wantsColour(stream: { readonly isTTY?: boolean }, env: Readonly<Record<string, string | undefined>>): boolean {
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  // https://no-color.org: any value but the empty string.
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}
