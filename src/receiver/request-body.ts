import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';

const gunzipAsync = promisify(gunzip);
const inflateAsync = promisify(inflate);

/** What came of reading a request's body. `raw` is what was sent, as far as it was read. */
export type RequestBody =
  | { readonly kind: 'read'; readonly raw: Uint8Array; readonly body: Uint8Array }
  | {
      readonly kind: 'refused';
      readonly status: 400 | 413 | 415;
      readonly message: string;
      readonly raw: Uint8Array;
    }
  | { readonly kind: 'aborted'; readonly raw: Uint8Array };

/** The content encodings read here, for an `accept-encoding` header. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate, identity';

/**
 * Reads a request's body and undoes its content encoding.
 *
 * `maxBytes` bounds both what is sent and what it unpacks to, so neither an endless body nor a zip bomb
 * takes more memory than that.
 */
export async function readRequestBody(request: IncomingMessage, maxBytes: number): Promise<RequestBody> {
  const received = await collect(request, maxBytes);
  const { raw } = received;
  if (received.kind === 'aborted') return { kind: 'aborted', raw };
  if (received.kind === 'too-large') return tooLarge(maxBytes, raw);

  const encoding = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return { kind: 'read', raw, body: raw };
  const unpack = UNPACKERS.get(encoding);
  if (unpack === undefined) {
    const message = `unsupported content encoding: ${encoding} (accepted: ${ACCEPTED_ENCODINGS})`;
    return { kind: 'refused', status: 415, message, raw };
  }
  try {
    return { kind: 'read', raw, body: await unpack(raw, { maxOutputLength: maxBytes }) };
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') return tooLarge(maxBytes, raw);
    return { kind: 'refused', status: 400, message: `the body is not valid ${encoding}`, raw };
  }
}

const UNPACKERS: ReadonlyMap<string, (raw: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>> =
  new Map([
    ['gzip', gunzipAsync],
    ['x-gzip', gunzipAsync],
    ['deflate', inflateAsync],
  ]);

function tooLarge(maxBytes: number, raw: Uint8Array): RequestBody {
  return { kind: 'refused', status: 413, message: `the body is larger than ${maxBytes} bytes`, raw };
}

function collect(
  request: IncomingMessage,
  maxBytes: number,
): Promise<{ kind: 'complete' | 'too-large' | 'aborted'; raw: Uint8Array }> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const settle = (kind: 'complete' | 'too-large' | 'aborted'): void => {
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      resolve({ kind, raw: Buffer.concat(chunks) });
    };
    const onData = (chunk: Uint8Array): void => {
      size += chunk.length;
      if (size <= maxBytes) {
        chunks.push(chunk);
      } else {
        settle('too-large');
        // Let the rest run into the void: a sender cut off while it writes may never read the answer.
        request.resume();
      }
    };
    const onEnd = (): void => settle('complete');
    const onClose = (): void => settle('aborted');
    request.on('data', onData).on('end', onEnd).on('close', onClose);
    // An aborted request emits `error` before `close`; without a listener it would end the process.
    request.on('error', () => {});
  });
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
