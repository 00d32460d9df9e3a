/** Prints how many secrets of the corpus redaction finds and how many look-alikes it spares: `node scripts/redaction-corpus.mjs [-v]`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { rolldown } from 'rolldown';

const MEASURE = fileURLToPath(new URL('../test/telemetry/content/corpus/measure.ts', import.meta.url));
const isVerbose = process.argv.includes('-v');

const directory = mkdtempSync(join(tmpdir(), 'faultline-redaction-corpus-'));
try {
  const file = join(directory, 'measure.mjs');
  const bundle = await rolldown({ input: MEASURE, platform: 'node' });
  await bundle.write({ file, format: 'esm' });
  const { measureSecrets, measureLookAlikes } = await import(pathToFileURL(file).href);
  print('Secrets taken out', measureSecrets());
  print('Look-alikes spared', measureLookAlikes());
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function print(title, rows) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const all = { total: 0, right: 0 };
  console.log(`\n${title}`);
  for (const { name, total, wrong } of rows) {
    all.total += total;
    all.right += total - wrong.length;
    console.log(`  ${name.padEnd(width)}  ${total - wrong.length}/${total}`);
    if (isVerbose) for (const text of wrong) console.log(`    ${text}`);
  }
  console.log(`  ${'all'.padEnd(width)}  ${all.right}/${all.total}  ${((100 * all.right) / all.total).toFixed(2)} %`);
}
