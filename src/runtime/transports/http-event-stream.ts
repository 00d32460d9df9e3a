/** Server-sent events as a web stream: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { Time } from '../time.ts';

export interface ServerSentEvent {
  readonly event: string;
  readonly data: unknown;
  /** What a browser that reconnects says it has seen last. */
  readonly id?: string;
}

export interface EventStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Adds text. To a piece of text that nobody has read yet it is appended, so that pieces do not pile up. */
  sendText(text: string): void;
  send(event: ServerSentEvent): void;
  /** Sends the last event and closes; what comes later is ignored. */
  end(last: ServerSentEvent): void;
}

export interface EventStreamOptions {
  /** After this long without an event a comment is sent, so that nothing on the way takes the silence for an end. */
  readonly heartbeatMs: number;
  /** Most characters that wait for a reader who is slower than the run. */
  readonly maxWaiting: number;
  /** Called once when the reader has left, or is too slow to wait for. */
  readonly onGone: (reason: DOMException) => void;
}

/** A piece of the stream that nobody has read yet. */
type Waiting = { readonly kind: 'text'; text: string } | { readonly kind: 'event'; readonly frame: string };

/**
 * Creates a stream that hands out one piece per read, so that the pace is the reader's all the way back to the
 * socket. When too much is waiting, what waits is dropped and only the last event will be said.
 */
export function createEventStream(time: Time, options: EventStreamOptions): EventStream {
  const { heartbeatMs, maxWaiting, onGone } = options;
  const encoder = new TextEncoder();
  const waiting: Waiting[] = [];
  let size = 0;
  let isWanted = false;
  let state: 'open' | 'overflowed' | 'ended' | 'closed' = 'open';
  let stopHeartbeat: (() => void) | undefined;
  let controller!: ReadableStreamDefaultController<Uint8Array>;

  const hand = (text: string): void => {
    isWanted = false;
    controller.enqueue(encoder.encode(text));
    startHeartbeat();
  };
  const handNext = (): void => {
    if (!isWanted || state === 'closed') return;
    const next = waiting.shift();
    if (next !== undefined) {
      const text = next.kind === 'event' ? next.frame : textFrame(next.text);
      size -= lengthOf(next);
      hand(text);
    } else if (state === 'ended') {
      close();
      controller.close();
    }
  };
  const close = (): void => {
    state = 'closed';
    stopHeartbeat?.();
    waiting.length = 0;
  };
  const startHeartbeat = (): void => {
    stopHeartbeat?.();
    // What is left is handed out as soon as it is wanted, and maybe nobody ever wants it.
    if (state === 'ended') return;
    stopHeartbeat = time.startTimer(heartbeatMs, () => {
      if (isWanted) hand(': still here\n\n');
      else startHeartbeat();
    });
  };
  const leave = (message: string): void => onGone(new DOMException(message, 'AbortError'));
  const add = (piece: Waiting): void => {
    if (state !== 'open') return;
    size += lengthOf(piece);
    const last = waiting.at(-1);
    if (piece.kind === 'text' && last?.kind === 'text') last.text += piece.text;
    else waiting.push(piece);
    handNext();
    if (size <= maxWaiting) return;
    waiting.length = 0;
    size = 0;
    state = 'overflowed';
    leave('the client reads more slowly than anybody can wait for');
  };

  const body = new ReadableStream<Uint8Array>(
    {
      start: (ours) => {
        controller = ours;
        startHeartbeat();
      },
      pull: () => {
        isWanted = true;
        handNext();
      },
      cancel: () => {
        const wasAtWork = state === 'open';
        close();
        if (wasAtWork) leave('the client has left');
      },
    },
    // Nothing is made before somebody reads it.
    { highWaterMark: 0 },
  );

  return {
    body,
    sendText: (text) => add({ kind: 'text', text }),
    send: (event) => add({ kind: 'event', frame: frameOf(event) }),
    end: (last) => {
      if (state === 'ended' || state === 'closed') return;
      waiting.push({ kind: 'event', frame: frameOf(last) });
      state = 'ended';
      stopHeartbeat?.();
      handNext();
    },
  };
}

function lengthOf(piece: Waiting): number {
  return piece.kind === 'text' ? piece.text.length : piece.frame.length;
}

function textFrame(text: string): string {
  return frameOf({ event: 'text.delta', data: { text } });
}

function frameOf({ event, data, id }: ServerSentEvent): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
