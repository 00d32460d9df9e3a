/** Which messages of a conversation that is too long say most. */
import { guard } from '../guard.ts';
import { field, textField as text } from './field.ts';
import {
  idOf,
  isGiven,
  isToolAnswer,
  listOf,
  partListOf,
  partsOf,
  roleOf,
  unwrapped,
  type PlainPart,
} from './message-parts.ts';
import { shareRoom, type Room } from './truncate.ts';

export interface Selection {
  /** A message as it is recorded, or nothing where there is nothing to record of it. */
  readonly copy: (message: unknown, room: Room) => unknown;
  /** Whether a message counts as left out when it is. */
  readonly isCounted: (message: unknown) => boolean;
  readonly marker: (words: string) => object;
}

/** Most messages that are looked at: the first, which say what it is all about, and the newest. */
const MAX_FIRST = 100;
const MAX_NEWEST = 9_900;

/** Bytes below which no further message is begun. */
const MIN_MESSAGE = 256;

/**
 * The messages that fit into the room there is. The first to stay are system messages, the last one of the user, and the
 * newest tool call that failed; then the newest. In place of those that do not fit stands one that says how many they
 * were.
 */
export function mostImportant(given: unknown, room: Room, { copy, isCounted, marker }: Selection): unknown[] {
  const all = listOf(unwrapped(given));
  const skipped = Math.max(all.length - MAX_FIRST - MAX_NEWEST, 0);
  const messages = skipped === 0 ? all : [...all.slice(0, MAX_FIRST), ...all.slice(-MAX_NEWEST)];
  const kept = new Map<number, unknown>();
  const order = byImportance(messages);
  for (const [place, index] of order.entries()) {
    if (place > 0 && room.left < MIN_MESSAGE) break;
    const isLast = place === order.length - 1;
    const message = shareRoom(room, isLast, (part) => copy(messages[index], part));
    if (message !== undefined) kept.set(index, message);
  }
  const leftOut = [...messages.keys()].filter((index) => !kept.has(index) && isCounted(messages[index]));
  const gap = Math.min(leftOut[0] ?? Infinity, skipped === 0 ? Infinity : MAX_FIRST);
  const leftOutMessages = leftOut.map((index) => messages[index]);
  const copies: unknown[] = [];
  for (const index of messages.keys()) {
    if (index === gap) copies.push(marker(wordsFor(leftOutMessages, skipped)));
    if (kept.has(index)) copies.push(kept.get(index));
  }
  return copies;
}

/** Positions of the messages, the most important first. */
function byImportance(messages: readonly unknown[]): readonly number[] {
  const positions = [...messages.keys()];
  const roles = positions.map((index) => guard(() => roleOf(messages[index], 'user')) ?? 'user');
  const system = positions.filter((index) => roles[index] === 'system');
  const question = positions.findLast(
    (index) => roles[index] === 'user' && (guard(() => asks(messages[index])) ?? true),
  );
  const first = new Set([...system, ...(question === undefined ? [] : [question]), ...lastFailure(messages)]);
  return [...first, ...positions.toReversed().filter((index) => !first.has(index))];
}

/** Anthropic and Gemini have answers of tools in messages of the user, where nobody asks anything. */
function asks(message: unknown): boolean {
  return partsOf(message, 'user').some((part) => part['type'] !== 'tool_call_response');
}

/** Where the newest answer of a tool that failed stands, and the call it answers. */
function lastFailure(messages: readonly unknown[]): readonly number[] {
  const answers = messages.findLastIndex((message) => guard(() => failureIn(message)) !== undefined);
  if (answers === -1) return [];
  const id = guard(() => idOf(failureIn(messages[answers])) ?? idOf(messages[answers]));
  const isCall = (part: PlainPart): boolean => part['type'] === 'tool_call' && (id === undefined || part['id'] === id);
  const call = messages
    .slice(0, answers)
    .findLastIndex((message) => guard(() => partsOf(message, 'assistant').some(isCall)) === true);
  return call === -1 ? [answers] : [answers, call];
}

function failureIn(message: unknown): unknown {
  return [message, ...partListOf(message)].find(
    (part) => (isToolAnswer(part) || roleOf(part, 'user') === 'tool') && hasFailed(part),
  );
}

function hasFailed(given: unknown): boolean {
  const answer = field(given, 'functionResponse') ?? given;
  if (text(answer, 'type') === 'tool-error' || text(answer, 'status') === 'error') return true;
  const output = ['response', 'result', 'output', 'content'].map((key) => field(answer, key)).find(isGiven);
  if (typeof output === 'string' && /^\s*\{\s*"error"\s*:/.test(output)) return true;
  if (text(output, 'type')?.startsWith('error-') === true) return true;
  return [answer, output].some(
    (place) => field(place, 'is_error') === true || field(place, 'isError') === true || Boolean(field(place, 'error')),
  );
}

/** Most values that are counted of what is left out. */
const MAX_MEASURED = 100_000;

function wordsFor(leftOut: readonly unknown[], skipped: number): string {
  const count = leftOut.length + skipped;
  const messages = count === 1 ? '1 message' : `${count} messages`;
  return `[${messages} left out: ${skipped === 0 ? '' : 'more than '}${measure(leftOut)} characters]`;
}

/** About how long the texts in a value are, by their lengths alone. */
function measure(value: unknown): number {
  const waiting: unknown[] = [value];
  const seen = new Set<unknown>();
  let length = 0;
  for (let visited = 0; waiting.length > 0 && visited < MAX_MEASURED; visited += 1) {
    const current = waiting.pop();
    if (typeof current === 'string') length += current.length;
    else if (typeof current === 'object' && current !== null && !seen.has(current) && !ArrayBuffer.isView(current)) {
      seen.add(current);
      const members = waiting.length < MAX_MEASURED ? (guard(() => membersOf(current)) ?? []) : [];
      for (const member of members) waiting.push(member);
    }
  }
  return length;
}

function membersOf(value: object): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, MAX_MEASURED) : Object.values(value).slice(0, MAX_MEASURED);
}
