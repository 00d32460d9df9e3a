import { active } from './active.ts';

/** The milliseconds since 1970, asked for apart from the request at hand: see `Active.apart`. */
export function wallClock(): number {
  return active().apart(() => Date.now());
}
