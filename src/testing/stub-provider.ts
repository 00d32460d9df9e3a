/**
 * A loopback model provider that speaks OpenAI's chat completions, well-behaved or broken as scripted.
 *
 * Real clients talk real HTTP to it, so what a vendor can do to an agent (rate limits, cut streams,
 * junk, silence) can be seen without a vendor and without a key that costs money.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

import { createArrivals } from '../receiver/arrivals.ts';
import { listenOnLoopback } from '../receiver/loopback-server.ts';
import {
  closingFrames,
  completionBody,
  contentFrames,
  defaultErrorBody,
  errorBody,
  frame,
  type StubToolCall,
  type StubUsage,
  type WireAnswer,
} from './stub-provider/wire.ts';

export type { StubToolCall, StubUsage } from './stub-provider/wire.ts';

/** What the provider does with one request. */
export type StubTurn = StubTiming &
  (
    | ({ readonly type: 'text'; readonly text: string; readonly reasoning?: string } & StubAnswer)
    | ({
        readonly type: 'toolCalls';
        readonly calls: readonly StubToolCall[];
        readonly text?: string;
      } & StubAnswer)
    /** An HTTP answer as given; `body` defaults to what OpenAI says for this status. */
    | {
        readonly type: 'status';
        readonly status: number;
        readonly headers?: Readonly<Record<string, string>>;
        readonly body?: unknown;
      }
    /** Sends `text`, then destroys the socket in the middle of the answer. */
    | { readonly type: 'cut'; readonly text: string }
    /** Streams `text`, then an error frame, then ends. Not streamed: a 500 with the same error. */
    | { readonly type: 'errorFrame'; readonly text: string; readonly message?: string }
    /** Streams `text`, then ends without a finish reason and without the end marker. */
    | { readonly type: 'unfinished'; readonly text: string }
    /** Streams `text` if there is any, then stays silent until the client gives up or the provider closes. */
    | { readonly type: 'hang'; readonly text?: string }
    /** 200 with a body that is not JSON. */
    | { readonly type: 'junk'; readonly body?: string }
    /** Resets the connection before any answer. */
    | { readonly type: 'reset' }
  );

/** Fields of a turn that is a regular answer. */
export interface StubAnswer {
  /** Default: 10 tokens in, 5 out. `'none'`: the provider reports no usage. */
  readonly usage?: StubUsage | 'none';
  /** In OpenAI's words (`stop`, `length`, `content_filter`, `tool_calls`). Default: what fits the turn. */
  readonly finishReason?: string;
  /** The dated name a vendor answers with. Default: the requested name. */
  readonly responseModel?: string;
}

/** How long a turn takes. Both default to 0. */
export interface StubTiming {
  /** Before the first byte of the answer. */
  readonly latencyMs?: number;
  /** Between two frames of a stream. */
  readonly frameDelayMs?: number;
}

/** What one model does: its turns in order, or a function that decides per request (`turn` counts from 0). */
export type StubModelScript =
  | readonly StubTurn[]
  | ((request: StubRequest, turn: number) => StubTurn | Promise<StubTurn>);

/** What each model does, by model name. A model that is not here answers 404, as at a vendor. */
export type StubProviderScript = Readonly<Record<string, StubModelScript>>;

/** The parts of a chat completions request that scripts and tests look at. */
export interface StubRequestBody {
  readonly model: string;
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly messages: readonly {
    readonly role: string;
    readonly content?: unknown;
    readonly tool_calls?: readonly unknown[];
    readonly tool_call_id?: string;
  }[];
  readonly tools?: readonly unknown[];
  readonly [other: string]: unknown;
}

/** One request for a chat completion that reached a scripted model. */
export interface StubRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: StubRequestBody;
  /** True as soon as the client closed the connection before it had the whole answer. */
  readonly abortedByClient: boolean;
}

/** A running stub provider. */
export interface StubProvider {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  /** What a client takes as its base URL: the origin and `/v1`. */
  readonly baseUrl: string;
  /** Every chat completion asked for, in order of arrival. */
  readonly requests: readonly StubRequest[];
  /** Resolves with the `count`th request as soon as it has arrived. */
  waitForRequest(count?: number): Promise<StubRequest>;
  /** Resolves with the `count`th request its client gave up on, as soon as that happened. */
  waitForAbort(count?: number): Promise<StubRequest>;
  /** Ends open answers, hanging ones included, and frees the port. Waits that are not over yet reject. */
  close(): Promise<void>;
}

const DEFAULT_USAGE: StubUsage = { inputTokens: 10, outputTokens: 5 };

/** Starts a provider that follows `script` on a free loopback port. */
export async function startStubProvider(script: StubProviderScript): Promise<StubProvider> {
  const requests: StubRequest[] = [];
  const aborted: StubRequest[] = [];
  const arrivals = createArrivals();
  const turns = new Map<string, number>();
  let answers = 0;
  let toolCalls = 0;
  let closed = false;

  const server = await listenOnLoopback(0, async (request, response) => {
    try {
      await handle(request, response);
    } catch (error) {
      // Only a script function that throws gets here: say so to the client instead of hanging.
      if (response.headersSent) throw error;
      sendJson(response, 500, errorBody(`The stub provider's script failed: ${String(error)}`, 'stub_error'));
    }
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const apiKey = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const text = await readAll(request);
    if (apiKey === undefined) {
      sendJson(response, 401, errorBody("You didn't provide an API key.", 'invalid_request_error'));
    } else if (request.method === 'GET' && path === '/v1/models') {
      const data = Object.keys(script).map((id) => ({
        id,
        object: 'model',
        created: 0,
        owned_by: 'stub',
      }));
      sendJson(response, 200, { object: 'list', data });
    } else if (request.method === 'POST' && path === '/v1/chat/completions') {
      const body = parseBody(text);
      if (body === undefined) {
        sendJson(response, 400, errorBody('The body is not a chat completion request.', 'invalid_request_error'));
      } else {
        await complete({ method: request.method, path, headers: request.headers, body }, apiKey, response);
      }
    } else {
      sendJson(response, 404, errorBody(`Unknown request: ${request.method} ${path}`, 'invalid_request_error'));
    }
  }

  async function complete(
    seen: Omit<StubRequest, 'abortedByClient'>,
    apiKey: string,
    response: ServerResponse,
  ): Promise<void> {
    const request = { ...seen, abortedByClient: false };
    const gone = new AbortController();
    const exchange: Exchange = { request, apiKey, response, gone: gone.signal, broken: false };
    response.once('close', () => {
      gone.abort();
      if (response.writableFinished || exchange.broken || closed) return;
      request.abortedByClient = true;
      aborted.push(request);
      arrivals.arrived();
    });
    requests.push(request);
    arrivals.arrived();

    const turn = await nextTurn(request);
    try {
      await play(turn, exchange, {
        id: () => `chatcmpl-${++answers}`,
        callId: () => `call_${++toolCalls}`,
      });
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    }
  }

  async function nextTurn(request: StubRequest): Promise<StubTurn> {
    const { model } = request.body;
    const turn = turns.get(model) ?? 0;
    turns.set(model, turn + 1);
    const planned = Object.hasOwn(script, model) ? script[model] : undefined;
    if (planned === undefined) {
      const body = errorBody(`The model ${model} does not exist.`, 'invalid_request_error', 'model_not_found');
      return { type: 'status', status: 404, body };
    }
    if (typeof planned === 'function') return planned(request, turn);
    // 400, because a client retries a 500 and the mistake would look like a slow test.
    const body = errorBody(`The script of ${model} has ${planned.length} turns and all were used.`, 'stub_error');
    return planned[turn] ?? { type: 'status', status: 400, body };
  }

  function waitFor(what: string, list: readonly StubRequest[], count: number): Promise<StubRequest> {
    const request = arrivals.wait(what, list, count).then((arrived) => arrived[count - 1]!);
    // A test that failed before it awaited this must not also die of an unhandled rejection at close.
    request.catch(() => {});
    return request;
  }

  return {
    origin: server.origin,
    baseUrl: `${server.origin}/v1`,
    requests,
    waitForRequest: (count = 1) => waitFor('requests', requests, count),
    waitForAbort: (count = 1) => waitFor('aborted requests', aborted, count),
    close: () => {
      closed = true;
      arrivals.close();
      return server.close();
    },
  };
}

/** One request on its way to an answer. */
interface Exchange {
  readonly request: StubRequest;
  readonly apiKey: string;
  readonly response: ServerResponse;
  /** Aborted when the connection is over, whoever ended it. */
  readonly gone: AbortSignal;
  /** True when the script breaks the connection, so that the client is not blamed for it. */
  broken: boolean;
}

interface Ids {
  id(): string;
  callId(): string;
}

async function play(turn: StubTurn, exchange: Exchange, ids: Ids): Promise<void> {
  const { response, request, gone } = exchange;
  const stream = request.body.stream === true;
  if (turn.latencyMs !== undefined) await delay(turn.latencyMs, undefined, { signal: gone });

  const write = async (frames: readonly string[]): Promise<void> => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [index, text] of frames.entries()) {
      if (index > 0 && turn.frameDelayMs !== undefined) await delay(turn.frameDelayMs, undefined, { signal: gone });
      response.write(text);
    }
  };
  const partial = (text: string): Promise<void> => write(contentFrames(answerOf({ type: 'text', text }, request, ids)));

  switch (turn.type) {
    case 'text':
    case 'toolCalls': {
      const answer = answerOf(turn, request, ids);
      if (!stream) return sendJson(response, 200, completionBody(answer));
      await write(contentFrames(answer));
      await write(closingFrames(answer, request.body.stream_options?.include_usage === true));
      response.end();
      return;
    }
    case 'status':
      return sendJson(
        response,
        turn.status,
        turn.body ?? defaultErrorBody(turn.status, request.body.model, exchange.apiKey),
        turn.headers,
      );
    case 'cut': {
      exchange.broken = true;
      if (stream) {
        await partial(turn.text);
      } else {
        const body = JSON.stringify(completionBody(answerOf({ type: 'text', text: turn.text }, request, ids)));
        response.writeHead(200, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        });
        response.write(body.slice(0, body.length / 2));
      }
      // An empty write calls back once everything before it has left: the client has the text, then the cut.
      response.write('', () => response.destroy());
      return;
    }
    case 'errorFrame': {
      const error = errorBody(turn.message ?? 'The server had an error while processing your request.', 'server_error');
      if (!stream) return sendJson(response, 500, error);
      await partial(turn.text);
      response.end(frame(error));
      return;
    }
    case 'unfinished':
      if (!stream) return sendJson(response, 200, { id: ids.id(), object: 'chat.completion', choices: [] });
      await partial(turn.text);
      response.end();
      return;
    case 'hang':
      if (stream && turn.text !== undefined) await partial(turn.text);
      return;
    case 'junk': {
      const junk = turn.body ?? '{"id": "chatcmpl-1", "choices": [{';
      response.writeHead(200, {
        'content-type': stream ? 'text/event-stream' : 'application/json',
      });
      response.end(stream ? `data: ${junk}\n\n` : junk);
      return;
    }
    case 'reset':
      exchange.broken = true;
      response.socket?.resetAndDestroy();
      return;
  }
}

function answerOf(turn: StubTurn & { type: 'text' | 'toolCalls' }, request: StubRequest, ids: Ids): WireAnswer {
  const usage = turn.usage ?? DEFAULT_USAGE;
  const calls = turn.type === 'toolCalls' ? turn.calls : [];
  return {
    id: ids.id(),
    model: turn.responseModel ?? request.body.model,
    text: turn.text ?? '',
    ...(turn.type === 'text' && turn.reasoning !== undefined ? { reasoning: turn.reasoning } : {}),
    toolCalls: calls.map(({ id, name, arguments: input }) => ({ id: id ?? ids.callId(), name, arguments: input })),
    finishReason: turn.finishReason ?? (turn.type === 'toolCalls' ? 'tool_calls' : 'stop'),
    ...(usage === 'none' ? {} : { usage }),
  };
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(text);
}

function parseBody(text: string): StubRequestBody | undefined {
  try {
    const body: unknown = JSON.parse(text);
    const shaped = typeof body === 'object' && body !== null && 'model' in body && 'messages' in body;
    return shaped && typeof body.model === 'string' && Array.isArray(body.messages)
      ? (body as StubRequestBody)
      : undefined;
  } catch {
    return undefined;
  }
}
