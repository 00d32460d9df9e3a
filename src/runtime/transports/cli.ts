import { ConversationLostError } from '../errors.ts';
import { whenAborted } from '../signals.ts';
import type { AgentEvent, IncomingMessage, Transport } from '../types.ts';

/** Where a conversation on the command line is read from and written to. */
export interface CliTransportOptions {
  /** Default: `process.stdin`. */
  readonly input?: NodeJS.ReadableStream | undefined;
  /** Default: `process.stdout`. */
  readonly output?: NodeJS.WritableStream | undefined;
  /** Default: `> ` on a terminal, nothing otherwise. */
  readonly prompt?: string | undefined;
  /** Whether a person is typing, so that lines are edited and Ctrl-C is a key. Default: as the output says. */
  readonly terminal?: boolean | undefined;
}

/**
 * A conversation on the command line: each line is a message, answers appear as they are written. Ctrl-C
 * aborts the answer, a second one leaves; so does the end of the input, once everything is answered. Input that
 * cannot be read and output that cannot be written are a crash, with a `ConversationLostError`.
 */
export function cliTransport(options: CliTransportOptions = {}): Transport {
  const name = 'cli';
  return {
    name,
    start: async (receive, signal, end) => {
      const { createInterface } = await import('node:readline');
      if (signal.aborted) return;
      const { input = process.stdin, output = process.stdout } = options;
      const terminal = options.terminal ?? (output as { isTTY?: boolean }).isTTY === true;
      const lost = watchStreams(input, output);
      const lines = createInterface({ input, output, terminal, prompt: options.prompt ?? (terminal ? '> ' : '') });
      const conversationId = `cli-${globalThis.crypto.randomUUID()}`;
      // No reply is written to a terminal that broke: its end says enough.
      let isBroken = false;
      lost.broken.catch(() => (isBroken = true));
      let answering: AbortController | undefined;
      let interrupted = false;
      const leave = (): void => lines.close();
      const stopFollowing = whenAborted(signal, leave);
      lines.on('SIGINT', () => {
        if (interrupted) {
          end();
          return;
        }
        interrupted = true;
        if (answering === undefined) output.write('\n(press Ctrl-C again to leave)\n');
        else answering.abort(new DOMException('interrupted on the command line', 'AbortError'));
      });

      // At the end of the input there are lines left to answer, but nobody to ask for more.
      let isOpen = true;
      lines.once('close', () => (isOpen = false));

      let count = 0;
      const converse = async (): Promise<void> => {
        lines.prompt();
        for await (const line of lines) {
          if (signal.aborted) break;
          interrupted = false;
          if (line.trim() !== '') {
            answering = new AbortController();
            const screen = createScreen(output);
            const message: IncomingMessage = {
              id: `${conversationId}-${(count += 1)}`,
              text: line,
              conversationId,
              transport: name,
              signal: answering.signal,
              onEvent: screen.onEvent,
              reply: (text) => (isBroken ? Promise.resolve() : screen.reply(text)),
            };
            await receive(message);
            screen.endLine();
            answering = undefined;
          }
          if (isOpen) lines.prompt();
        }
      };
      const conversing = converse().finally(lost.close);
      try {
        await Promise.race([lost.broken, conversing]);
        end();
      } finally {
        leave();
        stopFollowing();
      }
    },
  };
}

/** Streams that may break, which without a listener would end the process. */
interface WatchedStreams {
  /** Rejects when one of them breaks. */
  readonly broken: Promise<never>;
  readonly close: () => void;
}

function watchStreams(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): WatchedStreams {
  let onInput!: (error: unknown) => void;
  let onOutput!: (error: unknown) => void;
  const broken = new Promise<never>((_resolve, reject) => {
    onInput = (error) => reject(new ConversationLostError('input', error));
    onOutput = (error) => reject(new ConversationLostError('output', error));
  });
  input.on('error', onInput);
  output.on('error', onOutput);
  return {
    broken,
    close: () => {
      input.off('error', onInput);
      output.off('error', onOutput);
    },
  };
}

/** One answer on its way to the output. */
interface Screen {
  readonly onEvent: (event: AgentEvent) => void;
  readonly reply: (text: string) => Promise<void>;
  endLine(): void;
}

function createScreen(output: NodeJS.WritableStream): Screen {
  let midLine = false;
  /** The text of this turn is on the output already, so the reply that repeats it is not. */
  let shown = false;
  const write = (text: string): void => {
    if (text === '') return;
    output.write(text);
    midLine = !text.endsWith('\n');
  };
  const endLine = (): void => {
    if (midLine) write('\n');
  };
  const startAgain = (): void => {
    endLine();
    shown = false;
  };
  return {
    endLine,
    onEvent: (event) => {
      switch (event.type) {
        case 'text.delta':
          write(event.text);
          shown = true;
          break;
        case 'text.reset':
          startAgain();
          write('(starting again)\n');
          break;
        case 'turn.start':
        case 'run.error':
          startAgain();
          break;
        default:
          break;
      }
    },
    reply: async (text) => {
      if (!shown) write(text);
      endLine();
    },
  };
}
