import { context as contextApi } from '@opentelemetry/api';

import type { FallbackHop } from '../attributes/chat.ts';
import { addBreadcrumb } from '../current-scope.ts';
import { frameOf, type AgentFrame } from '../run-frame.ts';

/** Hops that were told when they were made. */
const announcedHops = new WeakSet<FallbackHop>();

/**
 * Tells a run and its Issues that a model failed and another one is asked, before that one has answered: it may
 * never do. `ChatSpan.fallback` records the same hop later, and does not tell of it again.
 */
export function announceFallback(hop: FallbackHop): void {
  announcedHops.add(hop);
  tellOfFallback(hop, frameOf(contextApi.active())?.agent);
}

/** Tells of a hop nobody announced. */
export function tellUnlessAnnounced(hop: FallbackHop, agent: AgentFrame | undefined): void {
  if (!announcedHops.has(hop)) tellOfFallback(hop, agent);
}

function tellOfFallback({ from, to, reason }: FallbackHop, agent: AgentFrame | undefined): void {
  if (agent !== undefined) agent.totals.fallbacks += 1;
  if (frameOf(contextApi.active()) === undefined) return;
  addBreadcrumb({ category: 'model.fallback', message: to, data: { from, reason } });
}
