import { OTLPExporterError, type ExportResponse, type IExporterTransport } from '@opentelemetry/otlp-exporter-base';

import type { Destination } from '../config/destinations.ts';
import { gzip } from '../http/compress.ts';
import type { Connection } from '../http/connection.ts';
import { post, type PostTarget } from '../http/post.ts';
import { untraced } from '../untraced.ts';
import { judgeAnswer, type AnswerReaders, type Verdict } from './otlp-answer.ts';
import { requestHeaders } from './request-headers.ts';

/** The transport of an OTLP exporter, which knows more about each request than the exporter asks for. */
export interface OtlpTransport extends IExporterTransport {
  /** What was decided about the request with this body. It is told once. */
  takeVerdict(body: Uint8Array): Verdict | undefined;
}

/**
 * Sends OTLP requests once each: whoever wants to try again decides that with the verdict. The official transport
 * retries on timers that hold the process, without a pause when a server says "Retry-After: 0", and takes any page for
 * success.
 */
export function createOtlpTransport(
  destination: Destination,
  connection: Connection,
  readers: AnswerReaders,
): OtlpTransport {
  const { url, compression, timeoutMs } = destination;
  const target: PostTarget = { url, headers: requestHeaders(destination), connection, timeoutMs };
  const answering = { ...destination, proxy: connection.proxy };
  const verdicts = new WeakMap<Uint8Array, Verdict>();

  const send = async (body: Uint8Array): Promise<Verdict> => {
    const sent = compression === 'gzip' ? await gzip(body) : body;
    // Not in the context of whatever ended a span: its baggage would travel along, and the request be traced.
    const answer = await untraced(post)(target, sent);
    return judgeAnswer(answer, answering, readers);
  };

  return {
    async send(body): Promise<ExportResponse> {
      const verdict = await send(body);
      verdicts.set(body, verdict);
      if (verdict.kind === 'accepted') return { status: 'success' };
      return { status: 'failure', error: new OTLPExporterError(verdict.failure.sentence) };
    },
    takeVerdict(body) {
      const verdict = verdicts.get(body);
      verdicts.delete(body);
      return verdict;
    },
    shutdown: () => connection.abort(),
  };
}
