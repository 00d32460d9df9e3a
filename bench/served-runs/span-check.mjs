/** A receiver of OTLP as JSON that looks whether every span is where it belongs, and whether all of them came. */
import { createServer } from 'node:http';

import {
  callerSpanIdOf,
  conversationIdOf,
  numberOfTrace,
  responseIdOf,
  SPANS_PER_RUN,
  toolCallIdOf,
  traceIdOf,
} from './run-ids.mjs';

export async function startSpanCheck() {
  /** Spans of runs of which not all have come. */
  const open = new Map();
  const crossed = [];
  let complete = 0;
  let awaited;

  const take = (span) => {
    const spans = open.get(span.traceId) ?? [];
    spans.push(span);
    open.set(span.traceId, spans);
    if (spans.length < SPANS_PER_RUN) return;
    open.delete(span.traceId);
    complete += 1;
    const problem = problemOf(spans);
    if (problem !== undefined) crossed.push(problem);
    if (complete === awaited?.count) awaited.resolve();
  };

  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString());
      for (const { scopeSpans } of resourceSpans)
        for (const { spans } of scopeSpans) for (const span of spans) take(span);
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${server.address().port}/v1/traces`,
    /** Resolves when all spans of so many runs are there. Throws when they are not in time, or not where they belong. */
    async expectRuns(count) {
      if (complete < count) {
        const arrived = new Promise((resolve) => {
          awaited = { count, resolve };
        });
        await Promise.race([arrived, new Promise((resolve) => setTimeout(resolve, 10_000).unref())]);
      }
      if (complete !== count || open.size > 0) {
        throw new Error(`Expected the spans of ${count} runs, got ${complete} runs and parts of ${open.size} others.`);
      }
      if (crossed.length > 0) throw new Error(`${crossed.length} runs are not as they were; the first: ${crossed[0]}`);
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What is wrong with the spans of one trace. */
function problemOf(spans) {
  const number = numberOfTrace(spans[0].traceId);
  const [agent, memory, tool, ...others] = ['agent.invoke', 'search_memory', 'execute_tool'].map((name) =>
    spans.find((span) => span.name.startsWith(name)),
  );
  const chats = spans.filter(({ name }) => name.startsWith('chat'));
  const of = (span, key) => span?.attributes.find((attribute) => attribute.key === key)?.value.stringValue;
  const runIds = new Set(spans.map((span) => of(span, 'faultline.run.id')));
  const found = {
    traceId: spans[0].traceId,
    caller: agent?.parentSpanId,
    conversations: [...new Set(spans.map((span) => of(span, 'gen_ai.conversation.id')))].join(),
    runIds: runIds.size,
    responses: chats
      .map((chat) => of(chat, 'gen_ai.response.id'))
      .toSorted()
      .join(),
    toolCall: of(tool, 'gen_ai.tool.call.id'),
    parents: [memory, ...chats].every((span) => span?.parentSpanId === agent?.spanId),
    toolParent: tool?.parentSpanId,
  };
  const expected = {
    traceId: traceIdOf(number),
    caller: callerSpanIdOf(number),
    conversations: conversationIdOf(number),
    runIds: 1,
    responses: [responseIdOf(number, 1), responseIdOf(number, 2)].join(),
    toolCall: toolCallIdOf(number),
    parents: true,
    toolParent: chats.find((chat) => of(chat, 'gen_ai.response.id') === responseIdOf(number, 1))?.spanId,
  };
  const [actual, wanted] = [found, expected].map((side) => JSON.stringify(side));
  return actual === wanted && others.length === 0 ? undefined : `${actual} instead of ${wanted}`;
}
