import type { Reporter } from '../../diagnostics.ts';

/** Why something that was to be kept is not. */
export type LossReason = keyof typeof SENTENCES;

/** What was lost so far, by reason. */
export type Losses = Readonly<Partial<Record<LossReason, number>>>;

const SENTENCES = {
  bytes: 'it reached recorder.maxBytes, so the oldest ones went; is a destination unreachable, or the bound too low?',
  age: 'they were older than recorder.maxAgeMs; is a destination unreachable?',
  unreadable: 'they cannot be read; was the disk full, or the machine switched off?',
  removed: 'somebody removed the files of a running process; nothing but faultline should write there',
  forgotten: 'so many had begun and not ended; does every span end?',
} as const;

/** Counts what is lost, and says each reason once. */
export interface LossCount {
  readonly losses: Losses;
  add(reason: LossReason, count: number): void;
}

/** Creates a count of what is lost from `directory`. */
export function createLossCount(directory: string, report: Reporter): LossCount {
  const losses: Partial<Record<LossReason, number>> = {};
  return {
    get losses() {
      return { ...losses };
    },
    add(reason, count) {
      if (count === 0) return;
      losses[reason] = (losses[reason] ?? 0) + count;
      report({
        key: `recorder:${directory}:lost:${reason}`,
        message: `The flight recorder in ${directory} no longer has ${count === 1 ? '1 span or Issue' : `${count} spans or Issues`}: ${SENTENCES[reason]}`,
      });
    },
  };
}
