/**
 * Measures failures in a process of its own: `node worker.mjs faultline|sentry <origin of a server>`. Prints what each
 * kind of failure cost, in milliseconds, one entry per round, as JSON, and in how many rounds nobody measured.
 */
import { interleave } from '../measure.mjs';

const ROUNDS = { rounds: 60, warmUpRounds: 60 };

const ORDINARY = { step: ({ traceTool }) => traceTool('get_weather', () => 21), errors: 3, frames: 10 };
const LARGE = {
  step({ setContext, addBreadcrumb }, step) {
    if (step === 0) setContext('order', Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`entry_${n}`, n])));
    addBreadcrumb({ category: 'app', message: `step ${step}`, data: { step, city: 'Lisbon', ok: true } });
    addBreadcrumb({ category: 'app', message: `step ${step}, too`, data: { step, city: 'Porto', ok: false } });
  },
  errors: 10,
  frames: 50,
};

class WeatherServiceError extends Error {}

let failures = 0;

const [variant, origin] = process.argv.slice(2);
const telemetry = await { faultline, sentry }[variant]();
const costs = await interleave(
  {
    withoutIssue: () => measure(ORDINARY, false),
    asIssue: () => measure(ORDINARY, true),
    largeWithoutIssue: () => measure(LARGE, false),
    largeAsIssue: () => measure(LARGE, true),
  },
  ROUNDS,
);
await telemetry.end();
process.stdout.write(JSON.stringify({ warmUpRounds: ROUNDS.warmUpRounds, costs }));

async function faultline() {
  const { setUpFaultline } = await import('./with-faultline.mjs');
  return setUpFaultline(origin);
}

async function sentry() {
  const { setUpSentry } = await import('./with-sentry.mjs');
  return setUpSentry(origin);
}

/**
 * Time until the failure is captured, on the clock, and until it has arrived, on the event loop. Each failure happens
 * in a tool of its own, so that no Issue is held back as a repetition.
 */
async function measure(failure, isIssue) {
  telemetry.makeIssues(isIssue);
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = failure.frames;
  const before = performance.eventLoopUtilization();
  const start = performance.now();
  failInRun(failure);
  const captured = performance.now() - start;
  await telemetry.arrival();
  const { active: arrived } = performance.eventLoopUtilization(before);
  Error.stackTraceLimit = stackTraceLimit;
  return { captured, arrived };
}

function failInRun({ step, errors, frames }) {
  const place = `tool_${nextLetters()}`;
  try {
    telemetry.traceAgent('helper', () => {
      for (let number = 0; number < 50; number += 1) step(telemetry, number);
      telemetry.traceTool(place, () => deep(frames, () => failing(errors, place)));
    });
  } catch (error) {
    if (!(error instanceof WeatherServiceError)) throw error;
  }
}

function deep(calls, work) {
  return calls === 0 ? work() : deep(calls - 1, work);
}

function failing(errors, place) {
  let error = new Error('ECONNRESET');
  for (let link = 2; link < errors; link += 1) error = new Error('socket closed', { cause: error });
  throw new WeatherServiceError(`the service answered 503 to ${place}`, { cause: error });
}

/** Digits do not tell failures apart for grouping, letters do. */
function nextLetters() {
  failures += 1;
  return String(failures).replaceAll(/\d/g, (digit) => 'abcdefghij'[digit]);
}
