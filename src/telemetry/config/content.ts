import { CONTENT_KINDS, type CaptureContent, type ErrorMessages } from '../content/policy.ts';
import type { RedactionOptions } from '../content/redactor.ts';
import { describe, flag, isRecord, type Kind, type Reading } from './kinds.ts';
import { ownEntry } from './records.ts';

/** What the variable of the GenAI instrumentations can say besides yes and no, by their reference implementation. */
const PLACES: Readonly<Record<string, Reading<CaptureContent>>> = {
  no_content: { value: false },
  span_only: { value: true },
  event_only: onSpansOnly('EVENT_ONLY'),
  span_and_event: onSpansOnly('SPAN_AND_EVENT'),
};

/**
 * Which content is recorded: yes or no, in the environment also one of the words of
 * open-telemetry/opentelemetry-python-genai, in code also kind by kind.
 */
export const captureContent: Kind<CaptureContent> = {
  fromText(text, variable) {
    const place = text.toLowerCase();
    const known = ownEntry(PLACES, place);
    if (known !== undefined) return known;
    const reading = flag.fromText(text, variable);
    return reading.problem === undefined
      ? reading
      : { problem: `must be true, SPAN_ONLY, false or NO_CONTENT, but is ${describe(text)}` };
  },
  fromCode(value) {
    if (typeof value === 'boolean') return { value };
    if (!isRecord(value)) return { problem: `must be true, false or an object of ${KINDS}, but is ${describe(value)}` };
    const wrong = Object.entries(value).find(([kind, captured]) => !isKind(kind) || !isSwitch(captured));
    return wrong === undefined
      ? { value: value as CaptureContent }
      : {
          problem: `must have true or false for any of ${KINDS}, but has ${describe(wrong[0])}: ${describe(wrong[1])}`,
        };
  },
};

/** What is sent of error messages: all of them redacted, none, or those of the classes that are named. */
export const errorMessages: Kind<ErrorMessages> = {
  fromText: (text) => readErrorMessages(WORDS.has(text.toLowerCase()) ? text.toLowerCase() : splitList(text), text),
  fromCode: (value) => readErrorMessages(value, value),
};

/** What is redacted. The patterns and the function of the application are checked when they are used. */
export const redaction: Kind<RedactionOptions> = {
  fromText: () => ({ problem: 'can only be given in code' }),
  fromCode(value) {
    if (!isRecord(value)) return { problem: `must be an object, but is ${describe(value)}` };
    const names = new Set([...Object.keys(value), ...OPTIONS.filter((name) => name in value)]);
    const given = [...names].map((name) => [name, value[name]] as const);
    const wrong = given.find(([name, option]) => !fits(name, option));
    return wrong === undefined
      ? { value: Object.fromEntries(given.map(([name, option]) => [name, boundTo(value, option)])) }
      : { problem: `has ${describe(wrong[0])}, which is unknown or of the wrong type: see RedactionOptions` };
  },
};

const KINDS = CONTENT_KINDS.join(', ');
const WORDS: ReadonlySet<string> = new Set(['withheld', 'redacted']);
const SWITCHES: ReadonlySet<string> = new Set(['secrets', 'cards', 'emails', 'phones', 'ipAddresses', 'keys']);
const OPTIONS = [...SWITCHES, 'patterns', 'redact'];

function onSpansOnly(word: string): Reading<CaptureContent> {
  return {
    value: true,
    problem: `is ${word}, but Faultline writes content on spans only: it does so now; SPAN_ONLY says it without this line`,
  };
}

function readErrorMessages(value: unknown, given: unknown): Reading<ErrorMessages> {
  if (value === 'withheld' || value === 'redacted') return { value };
  if (Array.isArray(value) && value.every(isClassName)) return { value };
  return { problem: `must be withheld, redacted or a list of class names of errors, but is ${describe(given)}` };
}

function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function isClassName(value: unknown): value is string {
  return typeof value === 'string' && /^[\w$.]+$/.test(value);
}

function isKind(name: string): boolean {
  return (CONTENT_KINDS as readonly string[]).includes(name);
}

function isSwitch(value: unknown): boolean {
  return typeof value === 'boolean' || value === undefined;
}

/** The function may be a method of a class of the application. */
function boundTo(owner: object, option: unknown): unknown {
  return typeof option === 'function' ? (option.bind(owner) as unknown) : option;
}

function fits(name: string, value: unknown): boolean {
  if (value === undefined) return true;
  if (name === 'patterns') return Array.isArray(value);
  if (name === 'redact') return typeof value === 'function';
  return SWITCHES.has(name) && typeof value === 'boolean';
}
