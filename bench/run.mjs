/**
 * Runs the benchmarks against `dist/` and prints what they found: `node bench/run.mjs [name…]`.
 *
 * A run of all of them also writes docs/benchmarks.md. A target that is missed is reported and is no error:
 * time on a shared machine is no reason to fail. Work that did not happen is.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, platform } from 'node:os';

import { measureCapturedFailure } from './captured-failure.mjs';
import { measureDelivery } from './delivery.mjs';
import { measureHostileContent } from './hostile-content.mjs';
import { measureImportTime } from './import-time.mjs';
import { measureInstallSize } from './install-size.mjs';
import { measureContent } from './content.mjs';
import { measureRedaction } from './redaction.mjs';
import { measureServedRuns } from './served-runs.mjs';
import { renderSection } from './report.mjs';
import { measureTracedRun } from './traced-run.mjs';

const BENCHMARKS = {
  'traced-run': measureTracedRun,
  'captured-failure': measureCapturedFailure,
  delivery: measureDelivery,
  content: measureContent,
  redaction: measureRedaction,
  'hostile-content': measureHostileContent,
  'served-runs': measureServedRuns,
  'import-time': measureImportTime,
  'install-size': measureInstallSize,
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}.`);
  process.exit(2);
}

const sections = [];
for (const [name, measure] of Object.entries(BENCHMARKS)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const section = renderSection(await measure());
  console.log(`${section}\n`);
  sections.push(section);
}

if (chosen.length === 0) {
  const document = [introduction(), ...sections].join('\n\n');
  writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), `${document}\n`);
}

function introduction() {
  const versions = ['api', 'sdk-trace-node', 'exporter-trace-otlp-http'].map((name) => {
    const file = new URL(`../node_modules/@opentelemetry/${name}/package.json`, import.meta.url);
    return `\`${name}\` ${JSON.parse(readFileSync(file, 'utf8')).version}`;
  });
  return `<!-- Written by bench/run.mjs. -->

# Benchmarks

Each benchmark compares Faultline with a named baseline in the same run, on the same machine, in alternating rounds, and
checks that both sides did the same work. Numbers are medians with the tenth and the ninetieth percentile. Compare the
ratios: absolute times say as much about the machine as about the code.

\`\`\`sh
npm run bench                              # all of them; writes this document
node bench/run.mjs traced-run              # some of them, against the dist/ that is there; writes nothing
\`\`\`

Measured on Node.js ${process.version}, ${platform()} ${arch()}, ${availableParallelism()} cores, with OpenTelemetry
${versions.join(', ')}.`;
}
