/** The clients: real connections that read their streams to the end, and look whether the answer is theirs. */
import { Agent, request } from 'node:http';

import { callerSpanIdOf, conversationIdOf, traceIdOf } from './run-ids.mjs';

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

/** Makes runs until `next` has no more numbers, so many at a time. */
export async function makeRuns(url, concurrency, next) {
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let number = next(); number !== undefined; number = next()) await makeRun(url, number);
    }),
  );
}

async function makeRun(url, number) {
  const { status, text } = await post(url, number);
  const last = text.slice(text.lastIndexOf('event: '));
  if (status === 200 && last.startsWith('event: run.end') && new RegExp(`found ${number}\\b`).test(last)) return;
  throw new Error(`Run ${number} was answered with ${status} and ${last.slice(0, 300)}`);
}

function post(url, number) {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      traceparent: `00-${traceIdOf(number)}-${callerSpanIdOf(number)}-01`,
    };
    const outgoing = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, text }));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify({ input: `run ${number}`, conversationId: conversationIdOf(number) }));
  });
}

/** Closes what is kept open between runs. */
export function closeConnections() {
  agent.destroy();
}
