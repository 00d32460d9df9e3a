import type { IncomingMessage, Transport } from '../../../src/runtime/index.ts';

/** Works until it is stopped. */
export function steady(name = 'steady'): Transport {
  return {
    name,
    start: (_receive, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
  };
}

/** A transport that hands over what it is told to, and keeps what comes back. */
export function mailbox(name = 'mail') {
  const replies: string[] = [];
  const message = (text: string, fields: Partial<IncomingMessage> = {}): IncomingMessage => ({
    id: text,
    text,
    conversationId: 'c-1',
    userId: 'ada',
    transport: name,
    reply: (reply) => {
      replies.push(reply);
      return Promise.resolve();
    },
    ...fields,
  });
  return { replies, message, transport: steady(name) };
}
