/** What stands where a value was in a statement or a query. */
export const VALUE = '?';

/** A URL, or what is left of one from its path on, without the values of its parameters and without its fragment. */
export function withoutQueryValues(url: string): string {
  if (/^\s*data:/i.test(url)) return `data:${VALUE}`;
  const [address, fragment] = splitAt(url, '#');
  const [path, query] = splitAt(address, '?');
  const named = path.replace(/;([^=;/]*)=[^;/]*/g, `;$1=${VALUE}`);
  const shown = query === undefined ? named : `${named}?${withoutParameterValues(query)}`;
  return fragment === undefined ? shown : `${shown}#${VALUE}`;
}

/** The parameters of a query by name alone. */
export function withoutParameterValues(query: string): string {
  return query
    .split('&')
    .map((parameter) => {
      const [name, value] = splitAt(parameter, '=');
      if (name === '') return value === undefined ? '' : VALUE;
      return value === undefined ? VALUE : `${name}=${VALUE}`;
    })
    .join('&');
}

function splitAt(text: string, sign: string): [before: string, after?: string] {
  const at = text.indexOf(sign);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
