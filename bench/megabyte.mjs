export const MEGABYTE = 2 ** 20;

/** A megabyte of a text, as a parser would hand it over. */
export function megabyteOf(text) {
  const repeated = text.repeat(Math.ceil(MEGABYTE / text.length)).slice(0, MEGABYTE);
  return JSON.parse(JSON.stringify(repeated));
}
