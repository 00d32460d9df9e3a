/** What stands where a value was in a statement or a query. */
const VALUE = '?';

/** Longest statement that is read, in UTF-16 units. */
const MAX_STATEMENT = 16_384;

/** Comments, texts and numbers of SQL. Double quotes are names there, but in MySQL they are texts. */
const SQL_VALUES =
  /\/\*[\s\S]*?(?:\*\/|$)|--[^\n]*|'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|\$\$[\s\S]*?(?:\$\$|$)|\b0x[0-9a-f]+\b|(?<![\w$])\d+(?:\.\d+)?\b/gi;
const DOUBLE_QUOTED = /"(?:[^"\\]|\\[\s\S])*(?:"|$)/g;
/** Texts, with the colon that makes one a key, and numbers of JSON. */
const JSON_VALUES = /"(?:[^"\\]|\\[\s\S])*(?:"|$)(\s{0,20}:)?|(?<![\w"])-?\d+(?:\.\d+)?/g;

const NAMES_IN_DOUBLE_QUOTES = /postgres|sqlite|oracle|db2|snowflake|cockroach|redshift|mssql|sql_server/;
const COMMANDS = /redis|memcached|valkey/;

/**
 * A database statement without the values in it, in time linear in its length: a query for a user's question is
 * the question.
 *
 * @param system `db.system.name` of the database, as far as it is known
 */
export function withoutValues(statement: string, system = ''): string {
  const text = statement.slice(0, MAX_STATEMENT);
  // A command of a key-value store has its values beside its name, without a sign that tells them apart.
  if (COMMANDS.test(system)) return `${/^\s*\w+/.exec(text)?.[0].trim() ?? ''} ${VALUE}`;
  if (/^\s*[[{]/.test(text)) {
    return text.replace(JSON_VALUES, (found, colon: string | undefined) => (colon === undefined ? VALUE : found));
  }
  const withoutTexts = text.replace(SQL_VALUES, (value) => (/^(?:--|\/\*)/.test(value) ? '' : VALUE));
  return NAMES_IN_DOUBLE_QUOTES.test(system) ? withoutTexts : withoutTexts.replace(DOUBLE_QUOTED, VALUE);
}

/** A URL, or what is left of one from its path on, without the values of its query and without its fragment. */
export function withoutQueryValues(url: string): string {
  const [address, fragment] = splitAt(url, '#');
  const [path, query] = splitAt(address, '?');
  const shown = query === undefined ? path : `${path}?${withoutParameterValues(query)}`;
  return fragment === undefined ? shown : `${shown}#${VALUE}`;
}

/** The parameters of a query by name alone. */
export function withoutParameterValues(query: string): string {
  return query
    .split('&')
    .map((parameter) => {
      const [name, value] = splitAt(parameter, '=');
      return value === undefined ? VALUE : `${name}=${VALUE}`;
    })
    .join('&');
}

function splitAt(text: string, sign: string): [before: string, after?: string] {
  const at = text.indexOf(sign);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
