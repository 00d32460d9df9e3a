/** Both ends of HTTP with canaries in them: the clients of served agents, and the provider of their models. */
import { expect } from 'vitest';

import type { StubProviderScript, StubRequest, StubTurn } from '../../src/testing/stub-provider.ts';
import { ask } from '../runtime/transports/serving.ts';
import {
  ANSWER,
  CONTENT,
  INPUT,
  KEY,
  QUESTION,
  SECRETS,
  SPOKEN_PERSONAL,
  SPOKEN_SECRETS,
  UNSAID,
  type Leaving,
} from './canary-parts.ts';

/** Both models of the provider do what the first word they are asked says. */
export const PROVIDER: StubProviderScript = { 'm-1': turnOf, 'm-2': turnOf };

function turnOf({ body: { messages } }: StubRequest): StubTurn {
  const asked = messages.findLastIndex(({ role }) => role === 'user');
  const said = String(messages[asked]?.content);
  const isFirst = asked === messages.length - 1;
  const [word = ''] = said.split(' ', 1);
  if (word === 'refuse') return refusal(said);
  if (word === 'break') return { type: 'errorFrame', text: ANSWER, message: `it broke at ${said}` };
  if (isFirst && Object.hasOwn(CALLS, word)) {
    return { type: 'toolCalls', calls: [{ name: word, arguments: CALLS[word]! }] };
  }
  return { type: 'text', text: ANSWER, reasoning: `${CONTENT.reasoning} ${SPOKEN_SECRETS}` };
}

/** What tools are called with. */
const CALLS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  look: INPUT,
  find: { [CONTENT.argumentName]: CONTENT.argument, password: SECRETS.password },
  remember: { text: `${CONTENT.record} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}` },
};

/** A refusal that quotes the request, and has headers nobody asked for. */
function refusal(said: string): StubTurn {
  return {
    type: 'status',
    status: 400,
    headers: {
      'set-cookie': `__cf_bm=${UNSAID['response cookie of the model']}; session=${SECRETS.cookie}`,
      'x-note': UNSAID['response header of the model'],
      'x-request-id': UNSAID['response header of the model'],
    },
    body: { error: { message: `${said} is not allowed`, code: 'content_policy', type: 'invalid_request_error' } },
  };
}

/** What a client sends along with its question. The server asks for the token. */
const CLIENT_HEADERS = {
  authorization: `Bearer ${SECRETS['bearer token']}`,
  cookie: `session=${SECRETS.cookie}; note=${UNSAID['request cookie of the client']}`,
  'x-note': UNSAID['request header of the client'],
  'x-api-key': SECRETS['API key under its name'],
  'user-agent': UNSAID['user agent of the client'],
  referer: `https://example.org/?q=${UNSAID['referrer of the client']}`,
  baggage: `note=${UNSAID['baggage of the client']},key=${KEY}`,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

/** The name of what nobody who asks may learn anything from. */
export const FAILED_ANSWER = 'an answer that says that something failed';

/**
 * Asks a served agent everything there is to ask: for one answer and for a stream, in the body and in the address,
 * with and without right, and what makes it fail. Answers what the failed requests were told.
 */
export async function askInEveryWay(origin: string, agent: string): Promise<readonly Leaving[]> {
  const inStream = { accept: 'text/event-stream' };
  const put = (body: unknown, headers: Readonly<Record<string, string>> = {}, name = agent) =>
    ask(origin, body, { agent: name, headers: { ...CLIENT_HEADERS, ...headers } });

  const address = `${origin}/agents/${agent}/run?${new URLSearchParams({ input: QUESTION }).toString()}`;
  const answered = [await fetch(address, { headers: { ...CLIENT_HEADERS, ...inStream } })];
  for (const word of ['remember', 'tell', 'find', 'look']) {
    for (const headers of [{}, inStream]) answered.push(await put({ input: `${word} ${QUESTION}` }, headers));
  }
  expect(answered.map(({ status }) => status)).toEqual(answered.map(() => 200));
  for (const answer of answered) expect(await answer.text()).toContain(CONTENT.completion);

  const failed = [
    await put({ input: `refuse ${QUESTION}` }),
    await put({ input: `refuse ${QUESTION}` }, inStream),
    await put({ input: `break ${QUESTION}` }),
    await put({ input: QUESTION }, { authorization: `Bearer ${KEY}` }),
    await put({ input: QUESTION, conversationId: `${UNSAID['malformed body']} ${KEY}` }),
    await put(`{"input": "${UNSAID['malformed body']}`),
    await put({ input: QUESTION }, {}, UNSAID['agent nobody knows']),
  ];
  expect(failed.map(({ status }) => status)).toEqual([500, 200, 500, 401, 400, 400, 404]);
  return Promise.all(failed.map(failedAnswer));
}

async function failedAnswer(response: Response): Promise<Leaving> {
  const headers = JSON.stringify(Object.fromEntries(response.headers));
  return { way: FAILED_ANSWER, bytes: `${headers} ${await response.text()}` };
}
