/**
 * Writes what is known about `faultline.yaml` where people and editors look for it: `faultline.schema.json`, and the
 * reference in `docs/faultline-yaml.md`. Run it after `npm run build`, then `npm run format`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

import { configJsonSchema, configReference } from '../dist/runtime/config/reference.js';

const SCHEMA = new URL('../faultline.schema.json', import.meta.url);
const DOCUMENT = new URL('../docs/faultline-yaml.md', import.meta.url);
const START = '<!-- reference: written by scripts/config-reference.mjs -->';
const END = '<!-- end of reference -->';

const code = (text) => `\`${text}\``;
const cell = (text) => text.replaceAll('|', '\\|');

function section({ places, keys }) {
  const [first, ...others] = places;
  const heading = first === '' ? 'The file' : code(first);
  const also = others.length === 0 ? '' : `The same in ${others.map(code).join(', ')}.\n\n`;
  const rows = keys.map(
    ({ name, isRequired, expected, meaning }) =>
      `| ${code(name)}${isRequired ? ' (required)' : ''} | ${cell(expected)} | ${cell(meaning)} |`,
  );
  return `### ${heading}\n\n${also}| Key | Must be | Meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

const document = readFileSync(DOCUMENT, 'utf8');
const before = document.slice(0, document.indexOf(START) + START.length);
const after = document.slice(document.indexOf(END));
writeFileSync(DOCUMENT, `${before}\n\n${configReference().map(section).join('\n')}\n${after}`);
writeFileSync(SCHEMA, `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
