import { VALUE, withoutQueryValues } from './query-values.ts';

export { withoutParameterValues, withoutQueryValues } from './query-values.ts';

/** Longest statement that is read, in UTF-16 units. */
const MAX_STATEMENT = 16_384;

/** Key-value stores, and Elasticsearch: values stand beside the name, without a sign that tells them apart. */
const COMMANDS = /redis|memcached|valkey|keydb|dragonfly|garnet|elasticsearch|opensearch/;
const DOCUMENTS = /mongo|elasticsearch|opensearch|documentdb/;
const REQUEST_LINE = /^\s*(?:GET|HEAD|PUT|POST|PATCH|DELETE)\s+\//;

/** How the languages that are told apart begin. Whatever begins otherwise may be a command with values in it. */
const BEGINNING =
  /^[\s(]*(?:select|insert|update|upsert|delete|merge|replace|with|values|create|alter|drop|truncate|explain|analyze|show|describe|use|grant|revoke|begin|start|commit|rollback|savepoint|call|exec|execute|declare|fetch|pragma|vacuum|match|optional|unwind|return|query|mutation|subscription|fragment|from|db|g)\b/i;
/** Statements as people name spans after them: with a sign that one may hold a value. */
const STATEMENT_AS_NAME =
  /^\s*(?:select|insert|update|delete|merge|replace|with|call|exec|execute|create|alter|drop|copy)\s(?:[\s\S]*?)(?:['"`=<>$#*(]|--)/i;

/**
 * A database statement without the values in it, in time linear in its length: a query for a user's question is
 * the question. What nobody can read for sure, in the language of a database that is not known, is left out.
 *
 * @param system `db.system.name` of the database, as far as it is known, in lower case
 */
export function withoutValues(statement: string, system = ''): string {
  const text = statement.slice(0, MAX_STATEMENT);
  if (DOCUMENTS.test(system) ? /[[{(]/.test(text) && !REQUEST_LINE.test(text) : /^\s*[[{]/.test(text)) {
    return text.replace(DOCUMENT_TOKENS, (found, colon: string | undefined) => {
      return isComment(found) ? '' : colon === undefined ? VALUE : found;
    });
  }
  if (COMMANDS.test(system) || REQUEST_LINE.test(text)) return nameOfCommand(text);
  const known = DIALECTS.find(({ systems }) => systems.test(system));
  const left = withoutTexts(text, known ?? UNKNOWN);
  return known === undefined && !BEGINNING.test(left) ? nameOfCommand(left) : left;
}

/** The name of a span or an event without the values of a statement or of an address in it. */
export function withoutValuesInName(name: string, system: () => string): string {
  if (STATEMENT_AS_NAME.test(name)) return withoutValues(name, system());
  return /[?;#]/.test(name)
    ? name.replace(/\S+/g, (word) => (isAddress(word) ? withoutQueryValues(word) : word))
    : name;
}

/** An address with values in it. In a route, such as `/users/:id?`, the sign stands for something else. */
function isAddress(word: string): boolean {
  return /^[a-z][a-z0-9+.-]{0,20}:\/\//i.test(word) || (word.includes('/') && word.includes('='));
}

function nameOfCommand(text: string): string {
  const name = /^\s*([\w.-]{1,64})/.exec(text)?.[1] ?? '';
  return text.trim() === name ? name : `${name} ${VALUE}`.trim();
}

/** How values and what else may hold a quotation mark are written in the language of some databases. */
interface Dialect {
  readonly systems: RegExp;
  readonly tokens: RegExp;
  /** Signs with which a name begins, rather than a text. */
  readonly names: string;
}

const ESCAPED = String.raw`\\(?:[\s\S]|$)`;
const TEXT = `'(?:[^']|'')*(?:'|$)`;
const ESCAPED_TEXT = String.raw`'(?:[^'\\]|''|${ESCAPED})*(?:'|$)`;
const DOUBLE_QUOTED = `"(?:[^"]|"")*(?:"|$)`;
const ESCAPED_DOUBLE_QUOTED = String.raw`"(?:[^"\\]|""|${ESCAPED})*(?:"|$)`;
const TRIPLE_QUOTED = ["'''", '"""'].map((sign) => String.raw`${sign}(?:[^\\]|${ESCAPED})*?(?:${sign}|$)`).join('|');
/** `E'…'` of PostgreSQL. */
const ESCAPE_TEXT = String.raw`(?<![\w$])e${ESCAPED_TEXT}`;
const DOLLAR_QUOTED = String.raw`(?<![\w$])\$(?<tag>\w*)\$[\s\S]*?(?:\$\k<tag>\$|$)`;
/** `q'[…]'` of Oracle. */
const ORACLE_QUOTED = String.raw`(?<![\w$])n?q'(?:\[[\s\S]*?(?:\]'|$)|\{[\s\S]*?(?:\}'|$)|<[\s\S]*?(?:>'|$)|\([\s\S]*?(?:\)'|$)|(?<sign>\S)[\s\S]*?(?:\k<sign>'|$))`;
/** Names are kept where they end, and a text that looks like one goes where it does not. */
const DOUBLE_QUOTED_NAME = String.raw`"(?:[^"]|"")*"|"[\s\S]*`;
const BACKTICK_NAME = String.raw`\x60(?:[^\x60]|\x60\x60)*\x60|\x60[\s\S]*`;
const BRACKET_NAME = String.raw`\[(?:[^\]]|\]\])*\]|\[[\s\S]*`;
/** Where comments stand in comments, databases do not agree what is still one. */
const COMMENT = String.raw`\/\*(?:(?!\*\/|\/\*)[\s\S])*(?:\*\/|\/\*[\s\S]*|$)`;
const LINE_COMMENT = String.raw`--[^\n]*`;
const MYSQL_LINE_COMMENT = String.raw`--(?=\s|$)[^\n]*`;
const HASH_COMMENT = String.raw`#[^\n]*`;
const SLASH_COMMENT = String.raw`\/\/[^\n]*`;
/** What follows is data. */
const COPIED = String.raw`(?<=\bfrom\s{1,9}stdin\b)[\s\S]+`;
const NUMBER = String.raw`\b0x[0-9a-f]+\b|(?<![\w$])(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\b`;

const DIALECTS: readonly Dialect[] = [
  dialect(/postgres|cockroach/, [ESCAPE_TEXT, TEXT, DOLLAR_QUOTED, DOUBLE_QUOTED_NAME, LINE_COMMENT], '"'),
  dialect(/oracle/, [ORACLE_QUOTED, TEXT, DOUBLE_QUOTED_NAME, LINE_COMMENT], '"'),
  dialect(/db2/, [TEXT, DOUBLE_QUOTED_NAME, LINE_COMMENT], '"'),
  dialect(/snowflake/, [ESCAPED_TEXT, DOLLAR_QUOTED, DOUBLE_QUOTED_NAME, LINE_COMMENT, SLASH_COMMENT], '"'),
  dialect(/mssql|sql_server/, [TEXT, DOUBLE_QUOTED, BRACKET_NAME, LINE_COMMENT], '['),
  dialect(/sqlite/, [TEXT, DOUBLE_QUOTED, BRACKET_NAME, BACKTICK_NAME, LINE_COMMENT], '[`'),
  dialect(/mysql|mariadb/, [ESCAPED_TEXT, ESCAPED_DOUBLE_QUOTED, BACKTICK_NAME, MYSQL_LINE_COMMENT, HASH_COMMENT], '`'),
  dialect(
    /clickhouse/,
    [ESCAPED_TEXT, ESCAPED_DOUBLE_QUOTED, DOLLAR_QUOTED, BACKTICK_NAME, LINE_COMMENT, HASH_COMMENT],
    '`',
  ),
  dialect(
    /bigquery/,
    [TRIPLE_QUOTED, ESCAPED_TEXT, ESCAPED_DOUBLE_QUOTED, BACKTICK_NAME, LINE_COMMENT, HASH_COMMENT],
    '`',
  ),
];

/** From a sign on that the others read in different ways, nothing is kept. */
const AMBIGUOUS = /\\['"`]|'''|"""|#/;
const UNKNOWN: Dialect = dialect(
  /^/,
  [ORACLE_QUOTED, TEXT, DOUBLE_QUOTED, '`[^`]*(?:`|$)', DOLLAR_QUOTED, LINE_COMMENT],
  '',
);

/** Texts, with the colon that makes one a key, regular expressions and numbers of JSON, a shell and GraphQL. */
const DOCUMENT_TOKENS = new RegExp(
  [
    COMMENT,
    SLASH_COMMENT,
    HASH_COMMENT,
    '"""[\\s\\S]*?(?:"""|$)',
    String.raw`(?:"(?:[^"\\]|${ESCAPED})*(?:"|$)|'(?:[^'\\]|${ESCAPED})*(?:'|$)|\x60(?:[^\x60\\]|${ESCAPED})*(?:\x60|$))(\s{0,20}:)?`,
    String.raw`\/(?:[^\/\\\n]|\\.)+\/\w*`,
    String.raw`(?<![\w"$])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?`,
  ].join('|'),
  'gi',
);

function dialect(systems: RegExp, tokens: readonly string[], names: string): Dialect {
  return { systems, tokens: new RegExp([COMMENT, ...tokens, COPIED, NUMBER].join('|'), 'gi'), names };
}

function withoutTexts(text: string, { tokens, names }: Dialect): string {
  const end = names === '' ? text.search(AMBIGUOUS) : -1;
  const certain = end === -1 ? text : text.slice(0, end);
  return certain.replace(tokens, (found) => {
    if (isComment(found)) return '';
    return names.includes(found.charAt(0)) && isNameAsAWhole(found) ? found : VALUE;
  });
}

function isComment(token: string): boolean {
  return /^(?:--|\/\*|\/\/|#)/.test(token);
}

function isNameAsAWhole(token: string): boolean {
  return token.length > 1 && token.endsWith(token.startsWith('[') ? ']' : token.charAt(0));
}
