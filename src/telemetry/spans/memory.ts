import { SpanKind } from '@opentelemetry/api';

import { memoryQuery, memoryRecords } from '../attributes/content.ts';
import { memoryAttributes } from '../attributes/memory.ts';
import type { FailurePoint } from '../failure-points.ts';
import { guard, guarded } from '../guard.ts';
import { GEN_AI_MEMORY_RECORD_COUNT, GEN_AI_MEMORY_STORE_ID } from '../semconv.ts';
import type { MemoryResult, MemorySpan, MemorySpanOptions } from './handles.ts';
import { openChild, type ChildSpan } from './open-span.ts';
import { OperationSpan, type Opened, type TracedOperation } from './operation-span.ts';

class MemoryOperation extends OperationSpan implements MemorySpan {
  protected readonly operation = 'memory';
  readonly #memory: MemorySpanOptions;

  constructor(opened: Opened, memory: MemorySpanOptions) {
    super(opened);
    this.#memory = memory;
  }

  protected override beforeStart(): void {
    this.write(memoryQuery, this.#memory.query);
  }

  protected override content(): () => readonly unknown[] {
    const memory = this.#memory;
    return () => [memory.withhold?.(), memory.query?.()];
  }

  protected override issueTags(): Readonly<Record<string, string>> {
    return { memory_store: this.#memory.store };
  }

  get record(): (result: MemoryResult) => void {
    return guarded(({ recordCount, records }) => {
      this.writeNumber(GEN_AI_MEMORY_RECORD_COUNT, recordCount);
      if (records === undefined) return;
      this.answer = records;
      this.write(memoryRecords, records);
    });
  }

  override onResult(value: unknown): void {
    if (this.answer === undefined && isList(value)) this.write(memoryRecords, () => value);
  }

  protected override describeError(): { readonly point: FailurePoint } {
    if (this.within !== undefined) this.within.totals.memoryFailed = true;
    return { point: 'memory.search' };
  }
}

/** A proxy may throw at whoever asks. */
function isList(value: unknown): value is readonly unknown[] {
  return guard(() => Array.isArray(value)) === true;
}

const MEMORY_SPAN: ChildSpan<MemorySpanOptions> = {
  operation: 'memory',
  kind: SpanKind.INTERNAL,
  subject: ({ store }) => store,
  safeSubject: GEN_AI_MEMORY_STORE_ID,
  attributes: memoryAttributes,
};

/** @internal */
export const MEMORY: TracedOperation<MemorySpanOptions, MemoryOperation> = {
  open: (options, surroundings) => openChild(MEMORY_SPAN, options, surroundings),
  handle: (opened, options) => new MemoryOperation(opened, options),
};
