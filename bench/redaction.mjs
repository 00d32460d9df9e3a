import { setupTracing } from '../dist/index.js';
import { active } from '../dist/telemetry/active.js';
import { cpuMicros, interleave, summarize } from './measure.mjs';
import { MEGABYTE, megabyteOf } from './megabyte.mjs';
import { spread } from './report.mjs';

const ROUNDS = 60;
const WARM_UP_ROUNDS = 15;
const LIMIT_MS = 10;

const PROSE = `The traveller asked about the weather in Lisbon, and the agent looked it up: 21 degrees, light wind. On
2026-11-20 at 10:45 the second tool failed (status 503). It was retried twice, then the plan changed: "Pack a jacket",
it said, "and see https://weather.test/lisbon?units=metric for the details of day 3 of 7".
`;
const MESSAGE = {
  id: 'call_abc123def456',
  role: 'assistant',
  parts: [{ type: 'tool_call', name: 'get_weather', arguments: { city: 'Lisbon', days: 3, units: 'metric' } }],
  usage: { input_tokens: 286, output_tokens: 24, total: 310 },
  created: 1763672220123,
  parent: '4bf92f3577b34da6a3ce929d0e0e4736',
};
const CODE = `export function endOf(text: string, start: number, types: number): number {
  let end = start;
  while ((typeAt(text, end) & types) !== 0) end += 1;
  return end;
}
`;

/** Beginnings of what is looked for, of which none goes on. */
const BAIT = [
  'eyJhbGciOiJ9.',
  '4111 ',
  '4111 1111 1111 1112 ',
  '://a:',
  '://a:b/',
  '(2',
  '(2)',
  '+1 ',
  '(415) 5',
  'a@',
  'a@b.',
  'a:b@tcp(',
  '2001:1:',
  'version 1.2.3.4 ',
  'Bearer ',
  'Basic aaaaaaaa ',
  '%3D',
  '1%20',
  '\\u0022',
  '&quot;',
  'api_key: ',
  'key=val&',
  '"password":',
  'token=xxxxxx',
  'token={',
  'pwd=/',
  'cookie:a=xxxxxx',
  'passwordxoxb-',
  'Basic+',
  'Bearer+xxxxxx~',
];
const ESCAPES = 'URLs with escapes';

/** What it costs to redact content, with everything on, where there is nothing to redact. */
export async function measureRedaction() {
  const tracing = setupTracing({ env: {}, endpoint: 'http://127.0.0.1:9', exitTimeoutMs: 0, onDiagnostic: () => {} });
  // The one of the bundle, which applications run: V8 looks up anew what a file of its own imports wherever that is used.
  const { redactor } = active().content;
  const texts = {
    prose: megabyteOf(PROSE),
    JSON: megabyteOf(`${JSON.stringify(MESSAGE)},`),
    'JSON in a JSON string': megabyteOf(JSON.stringify(JSON.stringify({ role: 'user', content: PROSE }))),
    code: megabyteOf(CODE),
    'a list of numbers': megabyteOf('[0.0123456789, -0.9876543210, 1.0000000001, 0.5],'),
    'base64 of an image': megabyteOf(Buffer.from(CODE).toString('base64')),
    [ESCAPES]: megabyteOf('see https://shop.test/search?q=red%20shoes%2C%20size%2042&page=2 and '),
  };
  const baits = Object.fromEntries(BAIT.map((bait) => [nameOf(bait), megabyteOf(bait)]));
  const value = Array.from({ length: 500 }, () => ({ ...MESSAGE, content: PROSE }));
  const valueLength = JSON.stringify(value).length;

  const measured = (given) =>
    Object.fromEntries(
      Object.entries(given).map(([name, text]) => [
        name,
        async () => (await cpuMicros(() => keep(redactor, text))) / 1000,
      ]),
    );
  const messages = async () =>
    (await cpuMicros(() => checkLength(redactor.json(value), valueLength))) / 1000 / (valueLength / MEGABYTE);
  const rounds = { rounds: ROUNDS, warmUpRounds: WARM_UP_ROUNDS };
  const samples = {
    ...(await interleave({ ...measured(texts), 'messages, as values': messages }, rounds)),
    // Afterwards, for V8 learns from all it runs, and nobody's texts are like this.
    ...(await interleave(measured(baits), rounds)),
  };
  await tracing.shutdown(0);

  return {
    title: 'Redaction',
    compares: 'A megabyte of text without secrets, redacted with everything on: CPU of the process.',
    columns: ['One megabyte of', 'ms'],
    rows: Object.entries(samples).map(([name, costs]) => [name, spread(summarize(costs), 1)]),
    targets: ['prose', 'JSON', 'messages, as values', ESCAPES].map((name) => ({
      what: `redacting a megabyte of ${name}`,
      limit: `≤ ${LIMIT_MS} ms`,
      measured: spread(summarize(samples[name]), 1, ' ms'),
      met: summarize(samples[name]).median <= LIMIT_MS,
    })),
    notes: [
      'The time is linear in the length of the text, whatever the text is; tests hold a megabyte of bait to that. A text in a span is cut before it is redacted: see the next table.',
    ],
  };
}

function nameOf(bait) {
  return `bait: ${JSON.stringify(bait)}`;
}

function keep(redactor, text) {
  if (redactor.text(text) !== text) throw new Error('Expected a text without secrets to stay as it is.');
}

function checkLength(json, expected) {
  if (json.length !== expected) throw new Error(`Expected ${expected} characters of JSON, got ${json.length}.`);
}
