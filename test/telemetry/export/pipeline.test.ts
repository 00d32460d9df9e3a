import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';

// Loaded before the clock is turned, whose hours pass in less time than loading takes.
import '../../../src/telemetry/export/official-exporter.ts';
import type { TracingOptions } from '../../../src/telemetry/config/options.ts';
import { resolveConfig } from '../../../src/telemetry/config/resolve.ts';
import { createReporter, type Reporter } from '../../../src/telemetry/diagnostics.ts';
import { createPipeline, destinationKey, type Pipeline } from '../../../src/telemetry/export/pipeline.ts';
import { createRecorder, type Recorder } from '../../../src/telemetry/export/recorder/recorder.ts';
import { decodeTraceRequest } from '../../../src/receiver/otlp.ts';
import type { LastWord } from '../../../src/telemetry/http/last-words.ts';
import type { Answer } from '../../../src/telemetry/http/post.ts';
import { listening } from '../../support/loopback.ts';
import { answered } from '../http/answers.ts';
import { turnedClock, type TurnedClock } from '../http/clocks.ts';
import { someSpans } from './exporting.ts';
import { temporaryDirectory } from './recorder/recorded.ts';
import { NOTHING } from '../../support/nothing.ts';

const OUTAGE_MS = 10 * 60_000;

let pipeline: Pipeline;
afterEach(() => pipeline.close());

/** Starts a backend. Answers its URL. */
async function serve(listener: RequestListener): Promise<string> {
  return `http://${await listening(createServer(listener))}/v1/traces`;
}

/** Starts a backend that answers with a status by the names of the spans it is sent, or not at all. Answers its URL. */
function startBackend(statusOf: (names: readonly string[]) => number | undefined): Promise<string> {
  return serve((request, response) => {
    void buffer(request).then((body) => {
      const status = statusOf(decodeTraceRequest(body, 'json').map(({ name }) => name));
      return status && response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
}

interface Start extends Pick<TracingOptions, 'batch' | 'compression'> {
  readonly clock?: TurnedClock;
  readonly recorder?: Recorder | undefined;
}

/** What there was to say, and what of it was said. */
interface Said {
  readonly problems: readonly string[];
  readonly lines: readonly string[];
}

/** Starts the way to an endpoint. */
function start(endpoint: string, { clock, recorder, ...options }: Start = {}): Said {
  const problems: string[] = [];
  const lines: string[] = [];
  const say = createReporter((line) => lines.push(line));
  const report: Reporter = (problem) => {
    problems.push(problem.message);
    say(problem);
  };
  const config = resolveConfig({ endpoint, ...options }, {}, () => {});
  const parts = clock === undefined ? { recorder } : { recorder, clock };
  pipeline = createPipeline(config.destinations[0]!, config, report, parts);
  return { problems, lines };
}

/** Starts a recorder of what goes to an endpoint. */
function startRecorder(directory: string, url: string): Recorder {
  const recorder = createRecorder({
    directory,
    destinations: [destinationKey({ name: 'otlp', url })],
    report: () => {},
  });
  onTestFinished(() => recorder.close());
  return recorder;
}

/** Lets time pass, and everything under way have its turn. */
async function pass(clock: TurnedClock, ms: number): Promise<void> {
  clock.turn(ms);
  await new Promise(setImmediate);
}

describe('a destination that was never asked', () => {
  it('is not blamed for what there was no time to send', async () => {
    let requests = 0;
    const { problems } = start(await serve(() => (requests += 1)));
    for (const span of someSpans(2)) pipeline.outlet(span, undefined);
    pipeline.close();
    expect(requests).toBe(0);
    expect(problems).toEqual(['2 spans were not delivered: there was no time left to send']);
  });
});

describe('a destination whose URL has a key in its query', () => {
  it('shows it nowhere, and writes it into no file', async () => {
    let onAsked: (url: string | undefined) => void = () => {};
    const asked = new Promise<string | undefined>((resolve) => (onAsked = resolve));
    const endpoint = await serve((request, response) => {
      onAsked(request.url);
      request.resume().on('end', () => response.writeHead(503).end());
    });
    const url = `${endpoint}?api_key=hunter2`;
    const directory = temporaryDirectory();
    const recorder = startRecorder(directory, url);
    start(url, { recorder });
    const [span] = someSpans(1);
    pipeline.outlet(span!, recorder.ended(span!));
    void pipeline.flush(1_000);
    expect(await asked).toBe('/v1/traces?api_key=hunter2');
    pipeline.close();
    recorder.close();
    const files = await Promise.all((await readdir(directory)).map((file) => readFile(join(directory, file), 'utf8')));
    expect(files.join('')).toContain(`${endpoint}#`);
    expect(`${files.join('')}${JSON.stringify(pipeline.status)}`).not.toContain('hunter2');

    const next = startRecorder(directory, url);
    expect((await next.recover()).spans.get(pipeline.key)).toHaveLength(1);
    // Another key may be that of another account.
    expect(destinationKey({ name: 'otlp', url: `${endpoint}?api_key=other` })).not.toBe(pipeline.key);
    expect(destinationKey(pipeline.status)).toBe(pipeline.key);
  });
});

describe('an outage of ten minutes', () => {
  // Where it answers 500, what it answers it to may be the reason.
  it.each([500, 503])('of %i loses nothing, is said in one line, and is not hammered at', async (answer) => {
    const clock = turnedClock();
    const startedAtMs = clock.now();
    const taken: string[] = [];
    let attempts = 0;
    const endpoint = await startBackend((names) => {
      if (clock.now() - startedAtMs < OUTAGE_MS) {
        attempts += 1;
        return answer;
      }
      taken.push(...names);
      return 200;
    });
    const { lines } = start(endpoint, { clock, batch: { scheduleDelayMs: 1_000 } });
    const spans = someSpans(2_000);
    for (const span of spans) pipeline.outlet(span, undefined);
    while (pipeline.status.exported < 2_000) await pass(clock, 100);

    expect(new Set(taken)).toEqual(new Set(spans.map(({ name }) => name)));
    expect(taken).toHaveLength(2_000);
    expect(clock.now() - startedAtMs).toBeGreaterThanOrEqual(OUTAGE_MS);
    // About every half minute, once it is known to last.
    expect(attempts).toBeLessThan(60);
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`^spans wait to be sent, because 127\\.0\\.0\\.1:\\d+ .*${answer}`)),
    ]);
  });
});

describe('outages that follow one another in a process that lives long', () => {
  it('are each said when their causes differ', async () => {
    const clock = turnedClock();
    let answer = 503;
    const endpoint = await startBackend(() => answer);
    const { lines } = start(endpoint, { clock, batch: { scheduleDelayMs: 1_000 } });
    for (const [index, code] of [503, 503, 502].entries()) {
      answer = code;
      pipeline.outlet(someSpans(1)[0]!, undefined);
      for (let second = 0; second < 60; second += 1) await pass(clock, 1_000);
      answer = 200;
      while (pipeline.status.exported <= index) await pass(clock, 1_000);
    }
    expect(lines).toEqual([expect.stringContaining('(503)'), expect.stringContaining('(502)')]);
  });
});

describe('a backend that fails on some spans, whenever they come', () => {
  it('gets all others, and only those it fails on are given up, counted and said', async () => {
    const bad = new Set(['span 7', 'span 100', 'span 700', 'span 1010']);
    const clock = turnedClock();
    const taken: string[] = [];
    const endpoint = await startBackend((names) => {
      if (names.some((name) => bad.has(name))) return 500;
      taken.push(...names);
      return 200;
    });
    const { lines } = start(endpoint, { clock, batch: { scheduleDelayMs: 1_000 } });

    const spans = someSpans(1_500);
    const first = spans.splice(0, 1_100);
    for (const span of first) pipeline.outlet(span, undefined);
    for (let turn = 0; pipeline.status.exported < 1_496; turn += 1) {
      const next = turn % 20 === 0 ? spans.shift() : undefined;
      if (next !== undefined) pipeline.outlet(next, undefined);
      await pass(clock, 100);
    }
    expect(pipeline.status).toMatchObject({ exported: 1_496, dropped: NOTHING, pending: 4 });
    // In an hour they are still tried, in case they come through after all.
    clock.turn(3_600_000);
    await expect.poll(() => pipeline.status).toMatchObject({ exported: 1_496, dropped: { expired: 4 }, pending: 0 });
    expect(new Set(taken).size).toBe(1_496);
    expect(taken).toHaveLength(1_496);
    expect(lines.at(-1)).toMatch(/^\d spans? (?:was|were) not delivered: .* in trouble \(500\)$/);
  });

  it.each([
    ['a few', 2, 4],
    ['many', 8, 320],
  ])('gets what comes later, also where nothing is under way but %s it fails on', async (_, every, count) => {
    const isBad = (name: string): boolean => Number(name.slice(5)) < count && Number(name.slice(5)) % every === 1;
    const clock = turnedClock();
    const taken = new Set<string>();
    const endpoint = await startBackend((names) => {
      if (names.some(isBad)) return 500;
      for (const name of names) taken.add(name);
      return 200;
    });
    start(endpoint, { clock, batch: { scheduleDelayMs: 1_000, maxExportBatchSize: 2 } });

    const spans = someSpans(count + 20);
    const good = spans.filter(({ name }) => !isBad(name)).length;
    for (const span of spans.splice(0, count)) pipeline.outlet(span, undefined);
    for (let turn = 0; turn < 6_000; turn += 1) {
      // The others come when the first ones have failed for minutes.
      const next = turn >= 3_000 ? spans.shift() : undefined;
      if (next !== undefined) pipeline.outlet(next, undefined);
      await pass(clock, 100);
    }
    expect(taken.size).toBe(good);
  });

  it('gets all others that only the recorder has, also where it fails on some of every batch on its way', async () => {
    const bad = new Set(['span 50', 'span 150']);
    const clock = turnedClock();
    const taken = new Set<string>();
    const endpoint = await startBackend((names) => {
      if (names.some((name) => bad.has(name))) return 500;
      for (const name of names) taken.add(name);
      return 200;
    });
    const directory = temporaryDirectory();
    const before = startRecorder(directory, endpoint);
    for (const span of someSpans(400)) before.ended(span);
    before.close();
    const recorder = startRecorder(directory, endpoint);
    start(endpoint, { clock, recorder });
    pipeline.offerFromDisk((await recorder.recover()).spans.get(pipeline.key) ?? []);
    for (let turn = 0; turn < 6_000 && pipeline.status.pending > 2; turn += 1) await pass(clock, 100);
    expect(taken.size).toBe(398);
    // What was taken is struck at once, and sent by no later start, should this process be killed.
    expect(recorder.status.spans).toBe(2);
  });

  it('gets the others no second time from a process that ends meanwhile', async () => {
    const clock = turnedClock();
    const taken = new Set<string>();
    const endpoint = await startBackend((names) => {
      if (names.includes('span 3')) return 500;
      for (const name of names) taken.add(name);
      return 200;
    });
    start(endpoint, { clock });
    for (const span of someSpans(40)) pipeline.outlet(span, undefined);
    while (taken.size < 39) await pass(clock, 100);
    await new Promise(setImmediate);
    const words = pipeline.lastWords(1_000);
    const names = words.flatMap(({ request }) => decodeTraceRequest(request.body, 'json').map(({ name }) => name));
    expect(names).toEqual(['span 3']);
    for (const word of words) word.giveUp();
    expect(pipeline.status).toMatchObject({ exported: 39, dropped: { closed: 1 }, pending: 0 });
  });

  it('takes none with it at the end of a process whose answer is awaited, nor any that was never sent, which come first', async () => {
    const clock = turnedClock();
    const asked = new Set<string>();
    const taken = new Set<string>();
    const endpoint = await startBackend((names) => {
      for (const name of names) asked.add(name);
      if (names.includes('span 40')) return undefined;
      if (names.includes('span 3')) return 500;
      for (const name of names) taken.add(name);
      return 200;
    });
    start(endpoint, { clock });
    const spans = someSpans(42);
    const [awaited, unsent] = spans.splice(40);
    for (const span of spans) pipeline.outlet(span, undefined);
    for (; !asked.has('span 40'); clock.turn(100)) {
      if (taken.size === 39 && pipeline.status.pending === 1) pipeline.outlet(awaited!, undefined);
      await new Promise(setImmediate);
    }
    pipeline.outlet(unsent!, undefined);
    const words = pipeline.lastWords(1_000);
    const names = words.map(({ request }) => decodeTraceRequest(request.body, 'json').map(({ name }) => name));
    expect(names).toEqual([['span 41'], ['span 40'], ['span 3']]);
  });

  describe('and then of one that was never sent says nothing until the process ends', () => {
    let lines: string[];
    /** What is left for the last requests: what was never sent, and what it has failed on before. */
    async function lastWordsAfterFailure(): Promise<readonly LastWord[]> {
      const clock = turnedClock();
      const config = resolveConfig({ endpoint: await startBackend(() => 500) }, {}, () => {});
      lines = [];
      pipeline = createPipeline(config.destinations[0]!, config, ({ message }) => lines.push(message), { clock });
      const [tried, unsent] = someSpans(2);
      pipeline.outlet(tried!, undefined);
      for (; pipeline.status.lastError === undefined; clock.turn(100)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      pipeline.outlet(unsent!, undefined);
      const words = pipeline.lastWords(1_000);
      expect(words).toHaveLength(2);
      words[0]!.settle({ kind: 'timeout' });
      return words;
    }

    it('is not blamed for the others when it takes them after all', async () => {
      const [unsent, tried] = await lastWordsAfterFailure();
      tried?.settle(answered(500));
      tried?.settle(answered(200));
      unsent?.giveUp();
      pipeline.close();
      expect(pipeline.status).toMatchObject({ exported: 1, dropped: { closed: 1 } });
      expect(lines).toEqual([expect.stringMatching(/^1 span .* did not take them before the time for it was over$/)]);
    });

    it('is blamed for the others when it says nothing of them either', async () => {
      const words = await lastWordsAfterFailure();
      words[1]!.settle({ kind: 'timeout' });
      for (const word of words) word.giveUp();
      pipeline.close();
      expect(pipeline.status).toMatchObject({ exported: 0, dropped: { closed: 2 } });
      expect(lines).toEqual([expect.stringMatching(/^2 spans .* \(500\)$/)]);
    });
  });

  it.each([
    ['answers 500 to it', (response: ServerResponse) => response.writeHead(500).end()],
    ['drops the connection', (response: ServerResponse) => response.destroy()],
  ])('and %s holds up no flush and no end for longer than it takes to be sure', async (_, fail) => {
    const clock = turnedClock();
    let failed = 0;
    const endpoint = await serve((request, response) => {
      void buffer(request).then((body) => {
        const isBad = decodeTraceRequest(body, 'json').some(({ name }) => name === 'span 0');
        if (isBad) failed += 1;
        return isBad ? fail(response) : response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    start(endpoint, { clock, batch: { scheduleDelayMs: 1_000 } });
    const spans = someSpans(400);
    for (let turn = 0; turn < 10_000 && pipeline.stuck === 0; turn += 1) {
      const next = turn % 40 === 0 ? spans.shift() : undefined;
      if (next !== undefined) pipeline.outlet(next, undefined);
      await pass(clock, 100);
    }
    const last = spans.pop()!;
    pipeline.outlet(last, undefined);
    const failedBefore = failed;
    // The clock stands still.
    await pipeline.flush(10_000);
    expect(pipeline.status).toMatchObject({ dropped: NOTHING, pending: 1 });
    expect(failed).toBe(failedBefore);
    // Nor does it hold up the end of the process.
    expect(pipeline.lastWords(10_000)).toEqual([]);
    pipeline.close();
    expect(pipeline.status).toMatchObject({ dropped: { closed: 1 }, pending: 0 });
  });

  it('keeps each of them on disk at the end of a process that is certain of one and not yet of the others', async () => {
    const bad = new Set(Array.from({ length: 16 }, (_, index) => `span ${index}`));
    const clock = turnedClock();
    const endpoint = await startBackend((names) => (names.some((name) => bad.has(name)) ? 500 : 200));
    const recorder = startRecorder(temporaryDirectory(), endpoint);
    start(endpoint, { clock, recorder, batch: { scheduleDelayMs: 1_000 } });
    const spans = someSpans(800);
    for (const span of spans.splice(0, 400)) pipeline.outlet(span, recorder.ended(span));
    for (let turn = 0; turn < 10_000 && pipeline.stuck === 0; turn += 1) {
      const next = turn % 40 === 0 ? spans.shift() : undefined;
      if (next !== undefined) pipeline.outlet(next, recorder.ended(next));
      await pass(clock, 100);
    }
    expect(pipeline.stuck).toBe(1);
    for (const word of pipeline.lastWords(1_000)) word.giveUp();
    pipeline.close();
    const { exported, leftOnDisk } = pipeline.status;
    expect(exported + leftOnDisk).toBe(800 - spans.length);
    expect(recorder.status.spans).toBe(leftOnDisk);
  });

  it('for a while gets them afterwards, however often somebody flushes meanwhile', async () => {
    const clock = turnedClock();
    const endMs = clock.now() + 60_000;
    const endpoint = await startBackend((names) => (names.includes('span 0') && clock.now() < endMs ? 500 : 200));
    start(endpoint, { clock });
    for (const span of someSpans(300)) {
      pipeline.outlet(span, undefined);
      void pipeline.flush(10_000);
      const { exported } = pipeline.status;
      for (let turn = 0; turn < 30 && pipeline.status.exported === exported; turn += 1) {
        await new Promise(setImmediate);
      }
      clock.turn(200);
    }
    while (pipeline.status.pending > 0) await pass(clock, 1_000);
    expect(pipeline.status).toMatchObject({ exported: 300, dropped: NOTHING });
  });
});

describe('spans that only the recorder has', () => {
  /** Starts a pipeline of small requests. Answers with its recorder and the names of the spans in the order they arrive. */
  const startWithRecorder = async (): Promise<{ recorder: Recorder; taken: readonly string[] }> => {
    const taken: string[] = [];
    const endpoint = await startBackend((names) => taken.push(...names) && 200);
    const recorder = startRecorder(temporaryDirectory(), endpoint);
    start(endpoint, { recorder, batch: { maxExportBatchSize: 2 } });
    return { recorder, taken };
  };

  it('take turns with those that end meanwhile, however many these are', async () => {
    const { recorder, taken } = await startWithRecorder();
    const live = someSpans(200);
    const left = live.splice(0, 20);
    pipeline.offerFromDisk(left.map((span) => recorder.ended(span)!));
    while (live.length > 0) {
      // There is always more than one request for.
      while (pipeline.status.queuedBytes < 20_000 && live.length > 0) pipeline.outlet(live.shift()!, undefined);
      await new Promise(setImmediate);
    }

    expect(taken.slice(0, 100)).toEqual(expect.arrayContaining(left.map(({ name }) => name)));
  });

  it('hold up none that end meanwhile, however many they are', async () => {
    const { recorder, taken } = await startWithRecorder();
    const left = someSpans(200);
    const live = left.splice(0, 20);
    pipeline.offerFromDisk(left.map((span) => recorder.ended(span)!));
    for (const span of live) pipeline.outlet(span, undefined);
    await pipeline.flush(60_000);

    expect(taken).toHaveLength(200);
    expect(taken.slice(0, 100)).toEqual(expect.arrayContaining(live.map(({ name }) => name)));
  });
});

describe('a backend that fails most of the time, whatever it is sent', () => {
  it('gets everything once it is in order again', async () => {
    const clock = turnedClock();
    let requests = 0;
    let isInOrder = false;
    const endpoint = await startBackend(() => {
      requests += 1;
      return isInOrder || requests % 4 === 0 ? 200 : 500;
    });
    start(endpoint, { clock, batch: { scheduleDelayMs: 1_000 } });

    const spans = someSpans(1_000);
    for (let turn = 0; spans.length > 0 || pipeline.status.pending > 0; turn += 1) {
      // More come for a quarter of an hour.
      const next = turn % 9 === 0 ? spans.shift() : undefined;
      if (next !== undefined) pipeline.outlet(next, undefined);
      isInOrder = spans.length === 0;
      await pass(clock, 100);
    }
    expect(pipeline.status).toMatchObject({ exported: 1_000, dropped: NOTHING });
  });
});

describe('a batch that is too large for one request', () => {
  it('and is refused in part and given up in part says both, each for its own spans', async () => {
    const clock = turnedClock();
    const endpoint = await startBackend((names) => (names.length > 1 ? 413 : names[0] === 'refused' ? 400 : 503));
    const { problems } = start(endpoint, { clock, batch: { scheduleDelayMs: 1_000 } });
    const memory = new InMemorySpanExporter();
    const tracer = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] }).getTracer('test');
    for (const name of ['refused', 'unlucky']) tracer.startSpan(name).end();
    for (const span of memory.getFinishedSpans()) pipeline.outlet(span, undefined);
    while (pipeline.status.pending > 0) await pass(clock, 10_000);

    expect(problems.filter((problem) => problem.includes('not delivered'))).toEqual([
      expect.stringMatching(/^1 span was not delivered: 127\.0\.0\.1:\d+ .*400/),
      expect.stringMatching(/^1 span was not delivered: 127\.0\.0\.1:\d+ .*503/),
    ]);
    expect(pipeline.status).toMatchObject({ exported: 0, failed: 2 });
  });
});

describe('a destination that is closed while its answer is awaited', () => {
  /** Closes it in the middle of its second request, after a first one the server could not take. Answers the lines. */
  const closeInTheMiddle = async (startRecorderOf?: (endpoint: string) => Recorder): Promise<readonly string[]> => {
    const asked: ServerResponse[] = [];
    const endpoint = await serve((request, response) => {
      request.resume().on('end', () => {
        asked.push(response);
        if (asked.length === 1) response.writeHead(503).end();
      });
    });
    const recorder = startRecorderOf?.(endpoint);
    const clock = turnedClock();
    const { lines } = start(endpoint, { clock, recorder, batch: { scheduleDelayMs: 1_000 } });
    const [span] = someSpans(1);
    pipeline.outlet(span!, recorder?.ended(span!));
    while (asked.length < 2) await pass(clock, 10_000);
    pipeline.close();
    recorder?.close();
    await once(asked[1]!, 'close');
    await new Promise(setImmediate);
    return lines;
  };

  it('breaks off the request, and counts and says once that its spans were not delivered', async () => {
    const lines = await closeInTheMiddle();
    expect(lines).toEqual([expect.stringMatching(/^1 span was not delivered: 127\.0\.0\.1:\d+ .*503/)]);
    const { exported, dropped, pending, lastError, lastSuccessAtMs } = pipeline.status;
    expect({ exported, dropped, pending }).toEqual({ exported: 0, dropped: { closed: 1 }, pending: 0 });
    expect(lastError).toContain('503');
    expect(lastSuccessAtMs).toBeUndefined();
    pipeline.outlet(someSpans(1)[0]!, undefined);
    expect(pipeline.status.dropped).toEqual({ closed: 2 });
  });

  it('leaves them on disk for the next start when there is a flight recorder', async () => {
    const directory = temporaryDirectory();
    const lines = await closeInTheMiddle((endpoint) => startRecorder(directory, endpoint));
    expect(lines).toEqual([expect.stringMatching(/^1 span was left on disk for the next start: .*503/)]);
    expect(pipeline.status).toMatchObject({ exported: 0, failed: 0, pending: 0, leftOnDisk: 1 });
    pipeline.outlet(someSpans(1)[0]!, 1);
    expect(pipeline.status).toMatchObject({ failed: 0, leftOnDisk: 2 });

    const next = startRecorder(directory, pipeline.status.url);
    expect((await next.recover()).spans.get(pipeline.key)).toHaveLength(1);
  });
});

describe('what a process sends before it dies', () => {
  /** A request has them by the scope they are of. */
  const namesIn = ({ request }: LastWord): readonly string[] =>
    decodeTraceRequest(request.body, 'json')
      .map(({ name }) => name)
      .toSorted();

  /** Answers every request, and those that come of the answer, by the names of its spans. Answers with all names. */
  const answerAll = (words: readonly LastWord[], statusOf: (names: readonly string[]) => number): string[][] => {
    const left = [...words];
    const all: string[][] = [];
    for (let word = left.shift(); word !== undefined && all.length < 100; word = left.shift()) {
      const names = namesIn(word);
      all.push([...names]);
      left.push(...word.settle(answered(statusOf(names))).words);
    }
    return all;
  };

  it('is halved where it is too large, and counted as what became of each part', async () => {
    const { problems } = start(await startBackend(() => 200));
    for (const span of someSpans(5)) pipeline.outlet(span, undefined);
    const startedAtMs = Date.now();
    const tooLarge = (names: readonly string[]): boolean => names.length > 2 || names.includes('span 4');
    const all = answerAll(pipeline.lastWords(1_000), (names) => (tooLarge(names) ? 413 : 200));

    expect(all.map((names) => names.map((name) => Number(name.slice(5))))).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2],
      [3, 4],
      [0, 1],
      [2],
      [3],
      [4],
    ]);
    expect(pipeline.status).toMatchObject({ exported: 4, rejected: 1, retried: 0, possibleDuplicates: 0, pending: 0 });
    expect(pipeline.status.lastSuccessAtMs).toBeGreaterThanOrEqual(startedAtMs);
    expect(pipeline.status.lastError).toContain('413');
    pipeline.close();
    expect(problems).toEqual([
      expect.stringMatching(/^1 span was not delivered: .*\(413\), and that was a single span of about 1 KiB/),
    ]);
  });

  it('has requests of a bounded number of spans and of bytes, oldest first', async () => {
    start(await startBackend(() => 200), { compression: 'none' });
    const spans = [...someSpans(8, 200_000), ...someSpans(600)];
    for (const span of spans) pipeline.outlet(span, undefined);
    const words = pipeline.lastWords(1_000);

    const parts = [spans.slice(0, 5), spans.slice(5, 517), spans.slice(517)];
    expect(words.map(namesIn)).toEqual(parts.map((part) => part.map(({ name }) => name).toSorted()));
    expect(answerAll(words, () => 400)).toHaveLength(3);
    expect(pipeline.status).toMatchObject({ exported: 0, rejected: 608, pending: 0 });
    expect(pipeline.status.lastSuccessAtMs).toBeUndefined();
  });

  it.each<[string, Answer, number]>([
    ['got no answer', { kind: 'timeout' }, 2],
    ['was turned away', answered(503), 0],
  ])('and sends again because it %s is counted as that, and as what may be there twice', async (_, answer, twice) => {
    start(await startBackend(() => 200));
    for (const span of someSpans(2)) pipeline.outlet(span, undefined);
    const again = pipeline.lastWords(1_000).flatMap((word) => word.settle(answer).words);
    answerAll(again, () => 200);

    expect(pipeline.status).toMatchObject({ exported: 2, retried: 2, possibleDuplicates: twice, pending: 0 });
  });
});
