/** What the canary tests hide, and how they look for it: words that stand for content, and secrets of every kind. */
import { gunzipSync } from 'node:zlib';

import { BASE64, BASE64_URL, checkDigit, createDraw, DIGITS, LOWER, UPPER } from '../telemetry/content/corpus/draw.ts';

/** Texts that are looked for, by the place they were put in. */
export type Canaries = Readonly<Record<string, string>>;

const draw = createDraw(1876);

/** A word of its own for every place, so that a failure says which place has leaked. */
function words<Place extends string>(...places: readonly Place[]): Readonly<Record<Place, string>> {
  return Object.fromEntries(places.map((place) => [place, draw.text(14, LOWER)])) as Record<Place, string>;
}

/** Stands in what people and models say, ask, find and remember: what leaves while content is recorded. */
export const RECORDED = words(
  'prompt',
  'instructions',
  'completion',
  'reasoning',
  'argument',
  'argumentName',
  'result',
  'query',
  'record',
  'message',
  'cause',
);

/** The same, and content in names, addresses and statements, which does not have to leave then. */
export const CONTENT = {
  ...RECORDED,
  ...words('toolName', 'url', 'queryOfModel', 'row', 'bareMessages', 'bareEvent'),
};

/** Stands where nothing is ever taken from, whether content is recorded or not. */
export const UNSAID = words(
  'request header of the client',
  'request cookie of the client',
  'user agent of the client',
  'baggage of the client',
  'referrer of the client',
  'agent nobody knows',
  'malformed body',
  'request header of the model',
  'response header of the model',
  'response cookie of the model',
  'variable of the environment',
  'variable of the env file',
  'argument of the command line',
  'working directory',
  'header of the destination',
);

const PEM = ['PRIVATE', 'KEY'].join(' ');

/** The parts of secrets that must not be found, by what they are. Forms and prefixes are put around them below. */
export const SECRETS = {
  'OpenAI key': draw.text(48),
  'short key': draw.text(20),
  'Anthropic key': draw.text(93, BASE64_URL),
  'Google key': draw.text(35, BASE64_URL),
  'GitHub token': draw.text(36),
  'AWS access key': draw.text(16, `${UPPER}234567`),
  'Slack token': draw.text(24),
  'Stripe key': draw.text(24),
  'signature of a web token': draw.text(43, BASE64_URL),
  'claims of a web token': Buffer.from(JSON.stringify({ sub: draw.text(20) })).toString('base64url'),
  'bearer token': draw.text(40),
  'API key under its name': draw.text(32),
  password: draw.text(18),
  'password of a connection string': draw.text(18),
  'private key': draw.text(64, BASE64),
  cookie: draw.text(32),
} as const;

/** Personal data, which goes out of content and of messages of errors. */
export const PERSONAL = {
  card: cardNumber(),
  'e-mail': `${draw.text(12, LOWER)}@example.org`,
  phone: `+49 151 ${draw.text(8, '23456789')}`,
  'IP address': `203.0.113.${100 + draw.number(100)}`,
} as const;

function cardNumber(): string {
  const digits = `4${draw.text(14, DIGITS)}`;
  return `${digits}${checkDigit(digits)}`;
}

/** All of them. */
export const ANYTHING: Canaries = { ...CONTENT, ...SECRETS, ...PERSONAL, ...UNSAID };

/** What must not leave while content is recorded either. */
export const NEVER: Canaries = { ...SECRETS, ...PERSONAL, ...UNSAID };

/** A key as its provider makes them, for places that hold nothing else. */
export const KEY = ['sk', 'proj', SECRETS['OpenAI key']].join('-');
export const SHORT_KEY = ['sk', SECRETS['short key']].join('-');
export const TOKEN = ['gh', 'p_', SECRETS['GitHub token']].join('');
export const DATABASE_URL = `postgresql://app:${SECRETS['password of a connection string']}@db.example.com:5432/orders`;

/** The secrets as they stand in texts. */
export const SPOKEN_SECRETS = [
  `My key is ${KEY}, the other ${['sk', 'ant', 'api03', SECRETS['Anthropic key']].join('-')}`,
  `and ${['AI', 'za', SECRETS['Google key']].join('')}, ${TOKEN}, ${['AK', 'IA', SECRETS['AWS access key']].join('')},`,
  `${['xo', 'xb-', draw.text(12, DIGITS), '-', draw.text(13, DIGITS), '-', SECRETS['Slack token']].join('')},`,
  `${['sk', 'live', SECRETS['Stripe key']].join('_')}. It said Authorization: Bearer ${SECRETS['bearer token']}`,
  `with ${webToken()} and`,
  `MISTRAL_API_KEY=${SECRETS['API key under its name']}`,
  `DATABASE_URL=${DATABASE_URL}`,
  `Cookie: session=${SECRETS.cookie}; theme=dark`,
  `{"user":"ada","password":"${SECRETS.password}"}`,
  `-----BEGIN ${PEM}-----\n${SECRETS['private key']}\n-----END ${PEM}-----`,
].join('\n');

/** Personal data as it stands in texts. */
export const SPOKEN_PERSONAL =
  `Pay with ${PERSONAL.card}, write to ${PERSONAL['e-mail']}, ` +
  `call ${PERSONAL.phone}; I am at ${PERSONAL['IP address']}.`;

function webToken(): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url');
  return [header, SECRETS['claims of a web token'], SECRETS['signature of a web token']].join('.');
}

// --- The same words and secrets as a conversation has them.
export const SYSTEM_PROMPT = `${CONTENT.instructions} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}`;
export const QUESTION = `${CONTENT.prompt} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}`;
export const ANSWER = `${CONTENT.completion} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}`;
/** What the tool `look` is called with to make it fail. */
export const INPUT = { any: 'fail', also: CONTENT.argument, password: SECRETS.password } as const;

/** Bytes that have left the process, and which way they took. */
export interface Leaving {
  readonly way: string;
  readonly bytes: Uint8Array | string;
}

/** The canaries that are found, each with the ways it took: `prompt: body of POST /v1/traces`. */
export function found(leavings: readonly Leaving[], canaries: Canaries): readonly string[] {
  const forms = formsByBeginning(canaries);
  const leaks = new Set<string>();
  for (const { way, bytes } of leavings) {
    const text = unpacked(bytes);
    for (let at = 0; at + BEGINNING <= text.length; at += 1) {
      for (const { place, form } of forms.get(text.readUInt32LE(at)) ?? []) {
        if (text.subarray(at, at + form.length).equals(form)) leaks.add(`${place}: ${way}`);
      }
    }
  }
  return [...leaks].toSorted((one, other) => one.localeCompare(other));
}

/** The canaries of which nothing is found. */
export function missing(leavings: readonly Leaving[], canaries: Canaries): readonly string[] {
  const there = found(leavings, canaries);
  return Object.keys(canaries).filter((place) => !there.some((leak) => leak.startsWith(`${place}: `)));
}

function unpacked(bytes: Uint8Array | string): Buffer {
  const given = Buffer.from(bytes);
  return given[0] === 0x1f && given[1] === 0x8b ? gunzipSync(given) : given;
}

/** A way to write a canary, or a piece of it. */
interface Form {
  readonly place: string;
  readonly form: Buffer;
}

/** Bytes by which the forms that can begin somewhere are known, so that one pass looks for all of them. */
const BEGINNING = 4;

function formsByBeginning(canaries: Canaries): ReadonlyMap<number, readonly Form[]> {
  const forms = new Map<number, Form[]>();
  for (const [place, canary] of Object.entries(canaries)) {
    for (const form of piecesOf(canary)
      .flatMap(formsOf)
      .map((text) => Buffer.from(text))) {
      const beginning = form.readUInt32LE(0);
      forms.set(beginning, [...(forms.get(beginning) ?? []), { place, form }]);
    }
  }
  return forms;
}

const PIECE = 12;

/** Half a secret is one too: the beginning, the middle and the end of a long one are looked for. */
function piecesOf(canary: string): readonly string[] {
  if (canary.length < 2 * PIECE) return [canary];
  return [0, Math.floor((canary.length - PIECE) / 2), canary.length - PIECE].map((start) =>
    canary.slice(start, start + PIECE),
  );
}

/** A text as it is, and as it looks when it was encoded on the way, once or twice. */
function formsOf(text: string): readonly string[] {
  const inJson = insideJson(text);
  const inUrl = encodeURIComponent(text);
  const inBase64 = [0, 1, 2].map((offset) => base64At(text, offset));
  return [
    ...new Set([
      text,
      inJson,
      insideJson(inJson),
      inUrl,
      inUrl.replaceAll('%20', '+'),
      encodeURIComponent(inUrl),
      ...inBase64,
      ...inBase64.map((encoded) => encoded.replaceAll('+', '-').replaceAll('/', '_')),
      Buffer.from(text).toString('hex'),
    ]),
  ];
}

function insideJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** What base64 makes of a text behind so many other bytes, without the characters its neighbours have a part in. */
function base64At(text: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
  return bytes.toString('base64').slice(Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6));
}
