import { context as contextApi } from '@opentelemetry/api';

import type { FallbackHop } from '../attributes/chat.ts';
import { addBreadcrumb } from '../current-scope.ts';
import { frameOf } from '../run-frame.ts';

/** Hops whose breadcrumb was left when they were made. */
const announcedHops = new WeakSet<FallbackHop>();

/**
 * Tells an Issue of this run that a model failed and another one is asked, before that one has answered: it may
 * never do. `ChatSpan.fallback` records the same hop later, and does not tell of it again.
 */
export function announceFallback(hop: FallbackHop): void {
  announcedHops.add(hop);
  addFallbackBreadcrumb(hop);
}

/** Leaves the breadcrumb of a hop nobody announced. */
export function addUnlessAnnounced(hop: FallbackHop): void {
  if (!announcedHops.has(hop)) addFallbackBreadcrumb(hop);
}

function addFallbackBreadcrumb({ from, to, reason }: FallbackHop): void {
  if (frameOf(contextApi.active()) === undefined) return;
  addBreadcrumb({ category: 'model.fallback', message: to, data: { from, reason } });
}
