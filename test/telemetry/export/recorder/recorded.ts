import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Tracer } from '@opentelemetry/api';
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { afterEach } from 'vitest';

import type { Problem } from '../../../../src/telemetry/diagnostics.ts';
import { thisOwner, type Owner } from '../../../../src/telemetry/export/recorder/owner.ts';
import {
  createRecorder,
  type Recorder,
  type RecorderSetup,
  type Ticket,
} from '../../../../src/telemetry/export/recorder/recorder.ts';
import { turnedClock, type TurnedClock } from '../../http/clocks.ts';

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'faultline-recorder-'));
  directories.push(directory);
  return directory;
}

/** The recorders' files in a directory. */
export function filesIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
}

/** The owner of a process that is gone. */
export function deadOwner(): Owner {
  const { pid } = spawnSync(process.execPath, ['--version']);
  return { ...thisOwner(), pid, startTime: 1 };
}

/** A recorder whose time a test turns, and the spans that go through it. */
export interface Recorded {
  readonly recorder: Recorder;
  readonly clock: TurnedClock;
  readonly problems: Problem[];
  readonly tracer: Tracer;
  /** The spans that ended, in order. */
  readonly spans: readonly ReadableSpan[];
  /** Where they were recorded. */
  readonly tickets: readonly (Ticket | undefined)[];
  /** Starts and ends spans of these names. */
  readonly trace: (...names: readonly string[]) => readonly Ticket[];
}

export function record(setup: Pick<RecorderSetup, 'directory'> & Partial<RecorderSetup>): Recorded {
  const clock = turnedClock();
  const problems: Problem[] = [];
  const said = new Set<string>();
  const recorder = createRecorder({
    destinations: ['one'],
    clock,
    report(problem) {
      if (said.has(problem.key)) return;
      said.add(problem.key);
      problems.push(problem);
    },
    ...setup,
  });
  const spans: ReadableSpan[] = [];
  const tickets: (Ticket | undefined)[] = [];
  const provider = new BasicTracerProvider({
    spanProcessors: [
      {
        onStart: (span) => recorder.started(span),
        onEnd(span) {
          spans.push(span);
          tickets.push(recorder.ended(span));
        },
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  });
  const tracer = provider.getTracer('faultline', '1.2.3');
  return {
    recorder,
    clock,
    problems,
    tracer,
    spans,
    tickets,
    trace: (...names) => {
      const before = tickets.length;
      for (const name of names) tracer.startSpan(name).end();
      return tickets.slice(before).filter((ticket) => ticket !== undefined);
    },
  };
}

/** The names of the spans a recorder reads back. */
export function namesOf(recorder: Recorder, tickets: readonly Ticket[] | undefined): (string | undefined)[] {
  return (tickets ?? []).map((ticket) => recorder.read(ticket)?.name);
}
