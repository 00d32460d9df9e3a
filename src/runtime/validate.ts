/** Checks of values that code passes in: a wrong one throws, and says what was expected and what it got. */

/** Node's timers fire at once for anything longer. */
export const MAX_TIMEOUT_MS: number = 2 ** 31 - 1;

/** A whole number, or `Infinity` for no limit. */
export function requireCount(what: string, value: number, least: number): void {
  if (value >= least && (Number.isInteger(value) || value === Infinity)) return;
  throw new RangeError(`${what} must be a whole number of at least ${least}; got ${value}`);
}

export function requireTimeout(what: string, value: number | undefined): void {
  if (value === undefined || (value > 0 && value <= MAX_TIMEOUT_MS)) return;
  throw new RangeError(`${what} must be more than 0 and at most ${MAX_TIMEOUT_MS} milliseconds; got ${value}`);
}

/** A timeout, or `Infinity` for none, where there is one by default. */
export function requireTimeoutOrNone(what: string, value: number | undefined): void {
  if (value === undefined || value === Infinity || (value > 0 && value <= MAX_TIMEOUT_MS)) return;
  throw new RangeError(
    `${what} must be more than 0 and at most ${MAX_TIMEOUT_MS} milliseconds, or Infinity for none; got ${value}`,
  );
}

export function requireList(what: string, value: unknown): asserts value is readonly unknown[] {
  if (Array.isArray(value)) return;
  throw new TypeError(`${what} must be a list; got ${kindOf(value)}`);
}

export function requireObject(what: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`${what} must be an object; got ${kindOf(value)}`);
}

/** A list of objects: `tools` of `agent helper`, of which a wrong one is `tools[0] of agent helper`. */
export function requireObjects(what: string, owner: string, values: unknown): void {
  requireList(`${what} of ${owner}`, values);
  for (const [index, value] of values.entries()) requireObject(`${what}[${index}] of ${owner}`, value);
}

export function requireMethod<Owner extends object>(what: string, owner: Owner, name: keyof Owner & string): void {
  if (typeof owner[name] === 'function') return;
  throw new TypeError(`${name} of ${what} must be a function; got ${kindOf(owner[name])}`);
}

/** What a value is, in words that say nothing of what is in it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** What every vendor accepts. */
export function isToolName(name: unknown): boolean {
  return typeof name === 'string' && TOOL_NAME.test(name);
}

/** A tool's name as it is recorded: one a model made up can be anything, a sentence of the conversation included. */
export function shownToolName(name: string): string {
  return isToolName(name) ? name : 'unknown';
}

export function requireToolName(name: unknown): void {
  if (isToolName(name)) return;
  throw new TypeError(`a tool name has 1 to 64 of A-Z a-z 0-9 _ -; got ${JSON.stringify(name)}`);
}
