import { defined } from '../config/records.ts';
import { field, textField } from './field.ts';
import { withoutQueryValues } from './query-values.ts';

/** Files are never recorded: in their place stands that one was there, of which type and how large. */

const MEDIA = /image|audio|video|file|document|media|blob|uri/i;

/** Whether a part of a message is a file. */
export function isMedia(part: unknown): boolean {
  if (field(part, 'inlineData') !== undefined || field(part, 'fileData') !== undefined) return true;
  return MEDIA.test(textField(part, 'type') ?? '');
}

/** What is recorded of a part that is a file. */
export function media(part: unknown): Readonly<Record<string, unknown>> {
  const source = SOURCES.map((key) => field(part, key)).find((found) => typeof found === 'object') ?? part;
  const data = dataOf(source, part);
  const mimeType = mimeTypeOf(source) ?? mimeTypeOf(part) ?? mimeTypeOfData(data) ?? audioType(source);
  const known = { modality: modalityOf(part, mimeType), ...defined({ mime_type: mimeType }) };
  const fileId = textField(source, 'file_id') ?? textField(part, 'file_id');
  if (fileId !== undefined) return { type: 'file', ...known, file_id: fileId };
  if (typeof data === 'string' && /^(?:https?|gs|s3):\/\//.test(data)) {
    return { type: 'uri', ...known, uri: withoutQueryValues(data) };
  }
  return { type: 'blob', ...known, content: `[${byteLength(data)} bytes left out]` };
}

/** Under what a part has its file, where it is not the part itself. */
const SOURCES = ['source', 'inlineData', 'fileData', 'file', 'input_audio'];

const DATA_KEYS = [
  'data',
  'content',
  'url',
  'uri',
  'fileUri',
  'image',
  'image_url',
  'input_audio',
  'file',
  'file_data',
];

function dataOf(source: unknown, part: unknown): unknown {
  for (const place of [source, part]) {
    for (const key of DATA_KEYS) {
      const found = field(place, key);
      if (found instanceof URL) return found.href;
      if (typeof found === 'string' || isBytes(found)) return found;
      const inside = DATA_KEYS.map((name) => field(found, name)).find((value) => typeof value === 'string');
      if (inside !== undefined) return inside;
    }
  }
  return undefined;
}

function mimeTypeOf(given: unknown): string | undefined {
  return ['mime_type', 'mediaType', 'media_type', 'mimeType']
    .map((key) => textField(given, key))
    .find((type) => type !== undefined);
}

function mimeTypeOfData(data: unknown): string | undefined {
  return typeof data === 'string' ? /^data:([\w.+-]{1,60}\/[\w.+-]{1,60})/.exec(data.slice(0, 200))?.[1] : undefined;
}

/** OpenAI has the format of a recording beside it. */
function audioType(source: unknown): string | undefined {
  const format = textField(source, 'format');
  return format === undefined ? undefined : `audio/${format}`;
}

function modalityOf(part: unknown, mimeType: string | undefined): string {
  const said = textField(part, 'modality');
  if (said !== undefined) return said;
  const hint = `${mimeType ?? ''} ${textField(part, 'type') ?? ''}`;
  return ['image', 'audio', 'video'].find((modality) => hint.includes(modality)) ?? 'document';
}

function byteLength(data: unknown): number {
  return typeof data === 'string' ? decodedLength(data) : isBytes(data) ? data.byteLength : 0;
}

/** How many bytes a base64 text holds, or that of a data URL. */
function decodedLength(data: string): number {
  return Math.floor(((data.length - (data.indexOf(',') + 1)) * 3) / 4);
}

function isBytes(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

// --- Files anywhere else: in results of tools, arguments, texts

const FILE_TYPE = /^(?:input_|output_)?(?:image|audio|video|media|blob|file|document|base64)(?:[-_](?:data|url))?$/i;
const FILE_KEYS = new Set([
  'data',
  'blob',
  'content',
  'image',
  'audio',
  'video',
  'file',
  'file_data',
  'image_data',
  'base64',
  'bytes',
  'url',
]);
/** Base64, also in lines, and long enough to be no word. */
const ENCODED = /^[\w+/\r\n-]{16,}={0,2}\s*$/;

/** Whether a record says that it is a file, by its type or by that of its content. */
export function isFile(record: object): boolean {
  try {
    return mimeTypeOf(record) !== undefined || FILE_TYPE.test(textField(record, 'type') ?? '');
  } catch {
    return false;
  }
}

/** A member of a record that is a file: what it has the file under says how large it is. */
export function withoutFile(key: string, value: unknown): unknown {
  const holds = typeof value === 'string' && FILE_KEYS.has(key) && ENCODED.test(value);
  return holds ? `[${decodedLength(value)} bytes left out]` : value;
}

/** What a `Buffer` becomes in JSON. */
export function jsonBufferLength(record: object): number | undefined {
  try {
    const data = field(record, 'data');
    return textField(record, 'type') === 'Buffer' && Array.isArray(data) ? data.length : undefined;
  } catch {
    return undefined;
  }
}

/** Shortest text that is looked through, and shortest file that is known by how it begins. */
const MIN_FILE = 64;
/** A word of base64 of this length is a file, or nothing anybody reads. */
const MIN_WORD = 512;

/** More beginnings of files than any text has: each takes its time. */
const MAX_BEGUN = 4_096;

const DATA_URL = /data:([\w.+-]{1,60}\\?\/[\w.+-]{1,60})?(?:;[\w=.+-]{1,60}){0,4}?;base64,/g;
/** How PNG, JPEG, GIF, PDF, RIFF and MP3 begin in base64. */
const FILE_BEGIN = /(?<![\w+/-])(?:iVBORw0KGgo|\/9j\/4|R0lGOD[dl]h|JVBERi0|UklGR|SUQzB)/g;

/** A text without the files in it: data URLs, and long words of base64. Linear. */
export function withoutFiles(text: string): string {
  if (text.startsWith('data:')) return withoutDataUrl(text);
  if (text.length < MIN_FILE) return text.includes(';base64,') ? withoutDataUrls(text) : text;
  return withoutWords(withoutBegun(withoutDataUrls(text)));
}

/** A text that is a data URL as a whole need not be base64. */
function withoutDataUrl(text: string): string {
  const match = /^data:([\w.+-]{1,60}\/[\w.+-]{1,60})[\w;=.+-]{0,100},/.exec(text.slice(0, 300));
  const isWhole =
    match !== null && (match[0].endsWith(';base64,') ? runEnd(text, match[0].length) === text.length : true);
  return isWhole ? fileWord(match[1], text.length - match[0].length) : withoutWords(withoutDataUrls(text));
}

function withoutDataUrls(text: string): string {
  return withoutRuns(text, DATA_URL, (match) => ({
    from: match.index,
    type: match[1]?.replace('\\', '') ?? 'data',
    minLength: 0,
  }));
}

function withoutBegun(text: string): string {
  return withoutRuns(text, FILE_BEGIN, (match) => ({ from: match.index, minLength: MIN_FILE }));
}

interface Begun {
  readonly from: number;
  readonly type?: string;
  readonly minLength: number;
}

/** Replaces what begins as `pattern` says, and goes on as base64 does. */
function withoutRuns(text: string, pattern: RegExp, read: (match: RegExpExecArray) => Begun): string {
  let result = '';
  let done = 0;
  let begun = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index < done) continue;
    begun += 1;
    if (begun > MAX_BEGUN) return `${result}${text.slice(done, match.index)}[the rest left out: too many files]`;
    const { from, type, minLength } = read(match);
    const begin = type === undefined ? from : from + match[0].length;
    const end = runEnd(text, begin);
    if (end - begin < minLength) continue;
    result += text.slice(done, from) + fileWord(type, end - begin);
    done = end;
  }
  return done === 0 ? text : result + text.slice(done);
}

/** Looks at every 512th character only, and around those of base64: no long word lies between two of them. */
function withoutWords(text: string): string {
  let result = '';
  let done = 0;
  let at = MIN_WORD - 1;
  while (at < text.length) {
    if (!isEncoded(text, at)) {
      at += MIN_WORD;
      continue;
    }
    let start = at;
    while (start > done && isEncoded(text, start - 1)) start -= 1;
    const end = runEnd(text, at);
    if (isFileWord(text, start, end)) {
      result += text.slice(done, start) + fileWord(undefined, end - start);
      done = end;
    }
    at = end + MIN_WORD;
  }
  return done === 0 ? text : result + text.slice(done);
}

/** The parts of a web token are long as well, but stand beside dots. One letter many times is no file. */
function isFileWord(text: string, start: number, end: number): boolean {
  if (end - start < MIN_WORD || text[start - 1] === '.' || text[end] === '.') return false;
  const begin = text.slice(start, start + MIN_WORD);
  return /[A-Z]/.test(begin) && /[a-z]/.test(begin) && /[0-9]/.test(begin);
}

function fileWord(type: string | undefined, length: number): string {
  return `[${type === undefined ? '' : `${type}, `}${Math.floor((length * 3) / 4)} bytes left out]`;
}

/** Where a run of base64 ends. A slash may have a backslash before it, as some write it in JSON. */
function runEnd(text: string, from: number): number {
  NOT_ENCODED.lastIndex = from;
  let end = NOT_ENCODED.exec(text)?.index ?? text.length;
  while (text[end] === '=') end += 1;
  return end;
}

/** What `isEncoded` does not take, found in less than half the time of asking that of every sign of a long text. */
const NOT_ENCODED = /[^\w+/\\-]|\\(?!\/)/g;

function isEncoded(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code >= 0x61) return code <= 0x7a;
  if (code >= 0x41) return code <= 0x5a || code === 0x5f || (code === 0x5c && text[at + 1] === '/');
  return (code >= 0x2f && code <= 0x39) || code === 0x2b || code === 0x2d;
}
