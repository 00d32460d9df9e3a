import {
  ATTRIBUTE_COUNT_LIMIT,
  ATTRIBUTE_VALUE_LENGTH_LIMIT,
  EVENT_ATTRIBUTE_COUNT_LIMIT,
  EVENT_COUNT_LIMIT,
  EXPORT_TIMEOUT,
  LINK_ATTRIBUTE_COUNT_LIMIT,
  LINK_COUNT_LIMIT,
  MAX_EXPORT_BATCH_SIZE,
  MAX_QUEUE_SIZE,
  SCHEDULE_DELAY,
} from './catalog.ts';
import type { BatchOptions, SpanLimits } from './options.ts';
import type { Settings } from './settings.ts';

/** Bounds of the export queue; a batch is never larger than the queue it is taken from. */
export function resolveBatch(settings: Settings): Required<BatchOptions> {
  const maxQueueSize = settings.get(MAX_QUEUE_SIZE) ?? 2048;
  const [batchSize] = settings.all(MAX_EXPORT_BATCH_SIZE);
  if (batchSize !== undefined && batchSize.value > maxQueueSize) {
    settings.report({
      key: batchSize.key,
      message: `${batchSize.key} must not exceed the queue of ${maxQueueSize} spans, but is ${batchSize.value}: the size of the queue is used.`,
    });
  }
  return {
    maxQueueSize,
    maxExportBatchSize: Math.min(batchSize?.value ?? 512, maxQueueSize),
    scheduleDelayMs: settings.get(SCHEDULE_DELAY) ?? 5_000,
    exportTimeoutMs: settings.get(EXPORT_TIMEOUT) ?? 30_000,
  };
}

/** Bounds of one span. */
export function resolveSpanLimits(settings: Settings): Required<SpanLimits> {
  return {
    attributeCountLimit: settings.get(ATTRIBUTE_COUNT_LIMIT) ?? 128,
    attributeValueLengthLimit: settings.get(ATTRIBUTE_VALUE_LENGTH_LIMIT) ?? Infinity,
    eventCountLimit: settings.get(EVENT_COUNT_LIMIT) ?? 128,
    linkCountLimit: settings.get(LINK_COUNT_LIMIT) ?? 128,
    attributePerEventCountLimit: settings.get(EVENT_ATTRIBUTE_COUNT_LIMIT) ?? 128,
    attributePerLinkCountLimit: settings.get(LINK_ATTRIBUTE_COUNT_LIMIT) ?? 128,
  };
}
