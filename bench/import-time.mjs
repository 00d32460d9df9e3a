import { ok } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { difference, interleave, runNode, summarize } from './measure.mjs';
import { MINIMAL_OTEL } from './minimal-otel.mjs';
import { spread } from './report.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RECEIVER = fileURLToPath(new URL('import-time/receiver.mjs', import.meta.url));
const LOADED_FILES = new URL('import-time/loaded-files.mjs', import.meta.url).href;

/** What is imported, and whether it may, or must, load what only a program that sends spans needs. */
const VARIANTS = {
  'bare Node': { imports: [], sends: false },
  '`@opentelemetry/api`': { imports: ['@opentelemetry/api'], sends: false },
  '`faultline/spans`': { imports: ['faultline/spans'], sends: false },
  '`faultline/runtime`': { imports: ['faultline/runtime'], sends: false },
  '`faultline/register`, nothing configured': { imports: ['faultline/register'], sends: false },
  'minimal OpenTelemetry': { imports: MINIMAL_OTEL, sends: true },
  '`faultline`': { imports: ['faultline'], sends: true },
};

/** Programs that set tracing up and have one span delivered, which takes what an import may put off. */
const SENDING_PROGRAMS = {
  'minimal OpenTelemetry, until a span is delivered': `
    import { trace } from '@opentelemetry/api';
    import { NodeTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-node';
    import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
    const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
    provider.register();
    trace.getTracer('application').startSpan('chat').end();
    await provider.shutdown();`,
  '`faultline`, until a span is delivered': `
    import { setupTracing, traceChat } from 'faultline';
    const tracing = setupTracing();
    traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => {});
    const { exported } = await tracing.shutdown();
    if (exported !== 1) throw new Error('the span was not delivered');`,
};

const SENDING = /\/node_modules\/@opentelemetry\/(?:sdk|exporter|otlp)-/;

/** 10 ms on the machine on which minimal OpenTelemetry took 55: a limit in milliseconds would be one of machines. */
const SPANS_LIMIT = 10 / 55;
const MAIN_LIMIT = 1.2;

/** What importing Faultline adds to the start of a process, beside what OpenTelemetry alone adds. */
export async function measureImportTime() {
  const application = createApplication();
  const receiver = await startReceiver();
  try {
    const variants = Object.entries(VARIANTS);
    const files = Object.fromEntries(variants.map(([name, variant]) => [name, loadFiles(name, variant, application)]));
    const starts = variants.map(([name, { imports }]) => [name, () => coldStart(imports, application)]);
    const sending = Object.entries(SENDING_PROGRAMS).map(([name, program]) => [
      name,
      () => timed(() => run(program, application, { env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: receiver.url } })),
    ]);
    const samples = await interleave(Object.fromEntries([...starts, ...sending]), { rounds: 25, warmUpRounds: 2 });
    return report(samples, files);
  } finally {
    receiver.stop();
    rmSync(application, { recursive: true, force: true });
  }
}

/** The directory of an application that has installed the built package and OpenTelemetry. */
function createApplication() {
  const directory = mkdtempSync(join(tmpdir(), 'faultline-import-time-'));
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(ROOT, join(directory, 'node_modules/faultline'), 'dir');
  symlinkSync(join(ROOT, 'node_modules/@opentelemetry'), join(directory, 'node_modules/@opentelemetry'), 'dir');
  return directory;
}

async function startReceiver() {
  const child = spawn(process.execPath, [RECEIVER], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [url] = await once(child.stdout.setEncoding('utf8'), 'data');
  return { url: url.trim(), stop: () => child.stdin.end() };
}

function run(program, application, { flags = [], env = {} } = {}) {
  // An environment that configures nothing else, whatever this process was started with.
  const environment = { PATH: process.env.PATH, ...env };
  return runNode([...flags, '--input-type=module', '--eval', program], { cwd: application, env: environment });
}

const importing = (imports) => imports.map((specifier) => `import '${specifier}';`).join('\n');

/** Milliseconds from the start of a process to its end: what its user waits. */
function coldStart(imports, application) {
  return timed(() => run(importing(imports), application));
}

function timed(work) {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}

/** How many files a variant loads, after a look at which ones. */
function loadFiles(name, { imports, sends }, application) {
  const urls = JSON.parse(run(importing(imports), application, { flags: ['--import', LOADED_FILES] }));
  ok(urls.length >= imports.length, `${name}: nothing was loaded`);
  const sending = urls.find((url) => SENDING.test(url));
  if (sends) ok(sending !== undefined, `${name}: the SDK was not loaded`);
  else ok(sending === undefined, `${name}: loaded ${sending}, which only sending needs`);
  return urls.length;
}

function report(samples, files) {
  const beyondBare = (name) => difference(samples[name], samples['bare Node']);
  const [spans, minimal, main] = ['`faultline/spans`', 'minimal OpenTelemetry', '`faultline`'].map(beyondBare);
  // Of what is beyond bare Node: a ratio of whole processes would hide the difference behind Node's own start.
  const factor = main.median / minimal.median;
  return {
    title: 'Import time',
    compares: [
      'Cold processes that import one thing and end, from start to end, in turn. Minimal OpenTelemetry is',
      `${MINIMAL_OTEL.map((specifier) => `\`${specifier}\``).join(', ')}.`,
    ].join('\n'),
    columns: ['Import', 'ms', 'ms beyond bare Node', 'files'],
    rows: Object.keys(samples).map((name) => [
      name,
      spread(summarize(samples[name]), 1),
      name === 'bare Node' ? '' : spread(beyondBare(name), 1),
      files[name] === undefined ? '' : String(files[name]),
    ]),
    targets: [
      {
        what: '`faultline/spans` beyond bare Node',
        limit: `≤ ${SPANS_LIMIT.toFixed(2)} × minimal OpenTelemetry, which is 10 ms where that takes 55`,
        measured: `${(spans.median / minimal.median).toFixed(2)} ×, ${spans.median.toFixed(1)} ms`,
        met: spans.median / minimal.median <= SPANS_LIMIT,
      },
      {
        what: '`faultline` beyond bare Node',
        limit: `≤ ${MAIN_LIMIT.toFixed(2)} × minimal OpenTelemetry`,
        measured: `${factor.toFixed(2)} ×`,
        met: factor <= MAIN_LIMIT,
      },
    ],
    notes: [
      [
        'Checked in every run: only minimal OpenTelemetry and `faultline` load files of the OpenTelemetry SDK or of an',
        'exporter. `faultline/spans` and `faultline/runtime` carry the functions of the API they need in their own file: the',
        'package of the API is 44 files, which take longer to load than to run.',
      ].join('\n'),
      [
        'The exporter, which is half of the files of minimal OpenTelemetry, loads while the program goes on, once tracing',
        'is set up: the last two rows hold that as well, and the sending.',
      ].join('\n'),
    ],
  };
}
