/** Where the canary stories are played: destinations that keep every byte, a recorder, and ears for what is printed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { context, diag, propagation, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, expect, vi } from 'vitest';

import { setupTracing, type SetupOptions } from '../../src/index.ts';
import { listenOnLoopback } from '../../src/receiver/loopback-server.ts';
import { sendAnswer } from '../../src/receiver/http-answer.ts';
import { acceptedAnswer, otlpFormat, statusAnswer } from '../../src/receiver/otlp-answer.ts';
import { readRequestBody } from '../../src/receiver/request-body.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import type { Leaving } from './canary-parts.ts';

/** A collector that takes every OTLP request, and keeps it as it came. */
interface Collector {
  /** `http://127.0.0.1:<port>/v1/traces` */
  readonly url: string;
  readonly received: readonly Leaving[];
  /** Answers everything with this status from now on, or takes it again. */
  refuse(status: number | undefined): void;
  close(): Promise<void>;
}

async function startCollector(): Promise<Collector> {
  const received: Leaving[] = [];
  let refusal: number | undefined;
  const server = await listenOnLoopback(0, async (request, response) => {
    const { raw } = await readRequestBody(request, 2 ** 25);
    received.push(
      { way: 'headers to the collector', bytes: `${request.url ?? ''} ${JSON.stringify(request.headers)}` },
      { way: `${request.headers['content-type']} to the collector`, bytes: raw },
    );
    const format = otlpFormat(request.headers['content-type']) ?? 'json';
    sendAnswer(response, refusal === undefined ? acceptedAnswer(format) : statusAnswer(format, refusal, 'refused'));
  });
  return {
    url: `${server.origin}/v1/traces`,
    received,
    refuse: (status) => {
      refusal = status;
    },
    close: () => server.close(),
  };
}

/** What a Sentry has received, headers apart from bodies. */
function receivedBy({ requests }: FakeSentry): readonly Leaving[] {
  return requests.flatMap(({ path, headers, rawBody }) => [
    { way: 'headers to Sentry', bytes: `${path} ${JSON.stringify(headers)}` },
    { way: path.includes('envelope') ? 'an Issue' : 'spans to Sentry', bytes: rawBody },
  ]);
}

/** What is in the files of a directory. */
export function filesIn(directory: string): readonly Leaving[] {
  return readdirSync(directory).map((name) => ({
    way: 'a file of the recorder',
    bytes: readFileSync(join(directory, name)),
  }));
}

/** What a process has printed. */
export function printedBy(name: string, { stdout, stderr }: { stdout?: string; stderr: string }): readonly Leaving[] {
  return [
    { way: `standard output of ${name}`, bytes: stdout ?? '' },
    { way: `standard error of ${name}`, bytes: stderr },
  ];
}

/** Something that happens, and what somebody was told of it who must not be told what went wrong. */
export type Story = () => Promise<readonly Leaving[] | void>;

interface Stage {
  readonly sentry: FakeSentry;
  readonly collector: Collector;
  /** Where the flight recorder keeps what is not delivered yet. */
  readonly directory: string;
  /** Has both destinations answer everything with a status. */
  refuse(status: number): void;
  /** Has both take everything again, where they were. */
  recover(): Promise<void>;
  /** Everything that has left so far, by whatever way. */
  left(): readonly Leaving[];
  /**
   * Plays a story with tracing on, to Sentry and to a collector at the same time, and answers everything that has
   * left: requests, the files there were before they were delivered, what was printed and what the story told.
   */
  play(story: Story, options?: SetupOptions, env?: Environment): Promise<readonly Leaving[]>;
}

type Environment = Readonly<Record<string, string>>;

/** A new stage for every test of a file. */
export function setTheStage(): Stage {
  let sentry: FakeSentry;
  let collector: Collector;
  let directory: string;
  let printed: string[];
  /** What a Sentry that is gone had received. */
  let past: readonly Leaving[];
  const notePrinted = (warning: Error): void => void printed.push(String(warning));

  beforeEach(async () => {
    sentry = await startFakeSentry();
    collector = await startCollector();
    directory = mkdtempSync(join(tmpdir(), 'faultline-story-'));
    printed = [];
    past = [];
    for (const stream of [process.stdout, process.stderr]) {
      vi.spyOn(stream, 'write').mockImplementation((text) => {
        printed.push(String(text));
        return true;
      });
    }
    for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
      vi.spyOn(console, method).mockImplementation(
        (...texts: readonly unknown[]) => void printed.push(texts.join(' ')),
      );
    }
    process.on('warning', notePrinted);
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    process.off('warning', notePrinted);
    trace.disable();
    context.disable();
    propagation.disable();
    diag.disable();
    await sentry.close();
    await collector.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const left = (): readonly Leaving[] => [
    ...past,
    ...receivedBy(sentry),
    ...collector.received,
    ...printed.map((bytes) => ({ way: 'a line that was printed', bytes })),
  ];

  return {
    get sentry() {
      return sentry;
    },
    get collector() {
      return collector;
    },
    get directory() {
      return directory;
    },
    left,
    refuse(status) {
      collector.refuse(status);
      sentry.answerNext({ kind: 'status', status }, 1_000);
      sentry.answerNextEnvelope({ kind: 'status', status }, 1_000);
    },
    async recover() {
      collector.refuse(undefined);
      const port = Number(new URL(sentry.origin).port);
      past = [...past, ...receivedBy(sentry)];
      await sentry.close();
      sentry = await startFakeSentry({ port });
    },
    async play(story, options = {}, env = {}) {
      const tracing = setupTracing({
        env: {
          SENTRY_DSN: sentry.dsn,
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector.url,
          FAULTLINE_DESTINATIONS: 'sentry,otlp',
          FAULTLINE_RECORDER_DIR: directory,
          SENTRY_DEBUG: 'true',
          ...env,
        },
        ...options,
      });
      const told = (await story()) ?? [];
      const files = filesIn(directory);
      expect(files.map(({ bytes }) => bytes.length).filter((length) => length > 0)).not.toEqual([]);
      await tracing.shutdown();
      return [...left(), ...files, ...told];
    },
  };
}
