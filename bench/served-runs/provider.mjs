/**
 * A model provider in a process of its own, started with an IPC channel, to which it says its port. Whatever it is
 * asked, it asks for one tool call, and then tells what the tool found, in pieces with time in between. Its ids are
 * those of the run that asks.
 */
import { createServer } from 'node:http';

import { responseIdOf, toolCallIdOf } from './run-ids.mjs';

const PIECES = 16;
const PIECE_INTERVAL_MS = 100;

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => answer(JSON.parse(Buffer.concat(chunks).toString()), response));
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.once('disconnect', () => process.exit());

function answer({ messages }, response) {
  const number = Number(/run (\d+)/.exec(messages.findLast(({ role }) => role === 'user').content)[1]);
  const tool = messages.find(({ role }) => role === 'tool');
  const id = responseIdOf(number, tool === undefined ? 1 : 2);
  const deltas = tool === undefined ? [toolCall(number)] : pieces(String(tool.content));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (choice, more) => {
    const chunk = { id, object: 'chat.completion.chunk', created: 0, model: 'm-1', choices: [choice], ...more };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  const timer = setInterval(() => {
    const delta = deltas.shift();
    if (delta !== undefined) {
      send({ index: 0, delta, finish_reason: null });
      return;
    }
    clearInterval(timer);
    const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
    send({ index: 0, delta: {}, finish_reason: tool === undefined ? 'tool_calls' : 'stop' }, { usage });
    response.end('data: [DONE]\n\n');
  }, PIECE_INTERVAL_MS);
  response.once('close', () => clearInterval(timer));
}

function toolCall(number) {
  const call = { name: 'look_up', arguments: JSON.stringify({ number }) };
  return { tool_calls: [{ index: 0, id: toolCallIdOf(number), type: 'function', function: call }] };
}

function pieces(found) {
  return Array.from({ length: PIECES }, (_, index) => ({ content: index === 0 ? found : ` and so on ${index}` }));
}
