import { expect, it } from 'vitest';

import { withoutValues } from '../../../src/telemetry/content/statement.ts';
import { fc } from '../../support/properties.ts';

/** What may end a text, begin a comment, or do so in the language of another database. */
const SIGN = fc.constantFrom(
  ...'\'"`\\$#[]{}(!;\n '.split(''),
  '$$',
  '$a$',
  '/*',
  '*/',
  '--',
  '//',
  'q',
  'E',
  'from stdin',
);
const CONTENT = fc
  .tuple(fc.array(SIGN, { maxLength: 5 }), fc.array(SIGN, { maxLength: 5 }))
  .map(([before, after]) => `${before.join('')}CANARY${after.join('')}`);

const doubled = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const escaped = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const inDoubleQuotes = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const inDollars = (text: string): string => `$zz$${text}$zz$`;
const withEscapes = (text: string): string => `E${escaped(text)}`;
const comment = (text: string): string => `-- ${text.replaceAll('\n', '')}\n`;

it.each([
  ['postgresql', [doubled, withEscapes, inDollars, comment]],
  ['oracle.db', [doubled, comment]],
  ['microsoft.sql_server', [doubled, comment]],
  ['sqlite', [doubled, comment]],
  ['snowflake', [escaped, inDollars, comment]],
  ['mysql', [doubledAndEscaped, escaped, inDoubleQuotes, comment]],
  ['clickhouse', [escaped, inDollars, comment]],
  ['gcp.bigquery', [escaped, inDoubleQuotes, comment]],
  ['', [doubled, inDollars, comment]],
  ['', [escaped, inDoubleQuotes, comment]],
])('a statement for %j loses its texts, whatever is in them', (system, ways) => {
  const value = fc.tuple(fc.constantFrom(...ways), CONTENT).map(([quote, text]) => quote(text));
  const values = fc.array(value, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(values, (texts) => {
      expect(withoutValues(`SELECT a, ${texts.join(' || ')}`, system)).not.toContain('CANARY');
    }),
    { numRuns: 300 },
  );
});

function doubledAndEscaped(text: string): string {
  return doubled(text.replaceAll('\\', '\\\\'));
}
