/** The OpenAPI 3.1 description of the HTTP transport, made of the same facts its routes are. */
import { VERSION } from '../../telemetry/config/version.ts';
import type { Agent } from '../types.ts';
import { TRACE_ID_HEADER } from './http-answer.ts';

export interface OpenApiOptions {
  readonly agents: readonly Pick<Agent, 'name' | 'description'>[];
  readonly basePath: string;
  /** Whether questions can be asked with GET. */
  readonly eventSource: boolean;
  readonly needsToken: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/** Describes every route: where, what to send, every status and what comes with it. */
export function openApiDocument(options: OpenApiOptions): Json {
  const { agents, basePath, eventSource, needsToken } = options;
  return {
    openapi: '3.1.0',
    info: { title: 'Agents', version: VERSION, description: agents.map(describeAgent).join('\n') },
    ...(basePath === '' ? {} : { servers: [{ url: basePath }] }),
    paths: {
      '/agents/{agent}/run': {
        parameters: [agentParameter(agents)],
        post: runOperation(needsToken),
        ...(eventSource ? { get: eventSourceOperation(needsToken) } : {}),
      },
      '/healthz': { get: HEALTH },
      '/readyz': { get: READINESS },
      '/openapi.json': { get: description(needsToken) },
    },
    components: {
      schemas: SCHEMAS,
      responses: PROBLEMS,
      ...(needsToken ? { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } } : {}),
    },
  };
}

function describeAgent({ name, description }: Pick<Agent, 'name' | 'description'>): string {
  return description === undefined ? `- ${name}` : `- ${name}: ${description}`;
}

function agentParameter(agents: OpenApiOptions['agents']): Json {
  return {
    name: 'agent',
    in: 'path',
    required: true,
    schema: { type: 'string', enum: agents.map(({ name }) => name) },
  };
}

function runOperation(needsToken: boolean): Json {
  return {
    operationId: 'run',
    summary: 'Ask an agent',
    ...security(needsToken),
    parameters: TRACE_PARAMETERS,
    requestBody: { required: true, content: json('#/components/schemas/Question') },
    responses: {
      200: answered({ ...json('#/components/schemas/Answer'), ...EVENTS }),
      ...problems('400', '403', '404', '408', '413', '415', '500', '503', ...(needsToken ? ['401'] : [])),
    },
  };
}

function eventSourceOperation(needsToken: boolean): Json {
  return {
    operationId: 'runForEventSource',
    summary: "Ask an agent with a browser's EventSource, which cannot POST",
    ...security(needsToken),
    parameters: [
      { name: 'input', in: 'query', required: true, schema: { type: 'string' } },
      { name: 'conversationId', in: 'query', schema: { $ref: '#/components/schemas/ConversationId' } },
      ...TRACE_PARAMETERS,
    ],
    responses: {
      200: answered(EVENTS),
      204: { description: 'The browser reconnects to a run that is over: it must not come again.' },
      ...problems('400', '403', '404', '406', '500', '503', ...(needsToken ? ['401'] : [])),
    },
  };
}

function description(needsToken: boolean): Json {
  return {
    operationId: 'describe',
    summary: 'This description',
    ...security(needsToken),
    responses: {
      200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
      ...problems('403', ...(needsToken ? ['401'] : [])),
    },
  };
}

const STATUS_CONTENT = { 'application/json': { schema: { $ref: '#/components/schemas/Status' } } };

const HEALTH: Json = {
  operationId: 'health',
  summary: 'Whether the process answers',
  responses: { 200: { description: 'It does, whatever state its transports are in.', content: STATUS_CONTENT } },
};

const READINESS: Json = {
  operationId: 'readiness',
  summary: 'Whether questions are taken',
  responses: {
    200: { description: 'They are.', content: STATUS_CONTENT },
    503: { description: 'Not now, or not over every transport.', content: STATUS_CONTENT },
  },
};

const TRACE_PARAMETERS: readonly Json[] = ['traceparent', 'tracestate', 'baggage', 'sentry-trace'].map((name) => ({
  name,
  in: 'header',
  description: 'The trace the run becomes a part of.',
  schema: { type: 'string' },
}));

const EVENTS: Json = {
  'text/event-stream': {
    schema: {
      type: 'string',
      description:
        'Events run.start, text.delta, text.reset, tool.start and tool.end; the last one is run.end with an Answer ' +
        'or run.error with a Problem. Comments keep the connection open.',
    },
  },
};

function answered(content: Json): Json {
  return {
    description: 'The answer. As text/event-stream when the request accepts that: what happens, as it happens.',
    headers: { [TRACE_ID_HEADER]: { description: 'The trace of the run.', schema: { type: 'string' } } },
    content,
  };
}

function json(reference: string): Json {
  return { 'application/json': { schema: { $ref: reference } } };
}

function security(needsToken: boolean): Json {
  return needsToken ? { security: [{ token: [] }] } : {};
}

function problems(...statuses: string[]): Json {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${status}` }]));
}

const PROBLEMS: Json = Object.fromEntries(
  Object.entries({
    400: 'The question cannot be understood.',
    401: 'The token is missing or wrong.',
    403: 'The page that asks belongs to an origin that may not.',
    404: 'There is no such agent.',
    406: 'Only an event stream can be had this way.',
    408: 'The question took too long to arrive.',
    413: 'The question is too large.',
    415: 'The question is not JSON.',
    500: 'The run failed. The trace id says which.',
    503: 'There is too much to do, or the server is stopping.',
  }).map(([status, text]) => [status, { description: text, content: json('#/components/schemas/Problem') }]),
);

const SCHEMAS: Json = {
  ConversationId: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,128}$' },
  Question: {
    type: 'object',
    required: ['input'],
    additionalProperties: false,
    properties: {
      input: { type: 'string', minLength: 1 },
      conversationId: { $ref: '#/components/schemas/ConversationId' },
    },
  },
  Answer: {
    type: 'object',
    required: ['text', 'conversationId', 'runId'],
    properties: {
      text: { type: 'string' },
      conversationId: { $ref: '#/components/schemas/ConversationId' },
      runId: { type: 'string' },
      traceId: { type: 'string', pattern: '^[0-9a-f]{32}$' },
      agent: {
        type: 'string',
        description: 'Who has the conversation now: another agent than was asked when that one has handed it over.',
      },
      model: { type: 'string' },
      finishReason: { type: 'string' },
      turns: { type: 'integer' },
      usage: { type: 'object', additionalProperties: { type: 'number' } },
    },
  },
  Problem: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['type', 'message'],
        properties: {
          type: { type: 'string' },
          message: { type: 'string' },
          traceId: { type: 'string', pattern: '^[0-9a-f]{32}$' },
        },
      },
    },
  },
  Status: {
    type: 'object',
    required: ['status'],
    description: 'What is more than `status` is said to callers with the token, when one is asked for.',
    properties: {
      status: { type: 'string', enum: ['ok', 'ready', 'unready', 'stopped'] },
      agents: { type: 'array', items: { type: 'string' } },
      transports: { type: 'array', items: { $ref: '#/components/schemas/Transport' } },
    },
  },
  Transport: {
    type: 'object',
    required: ['name', 'state'],
    properties: {
      name: { type: 'string' },
      agent: { type: 'string', description: 'The agent that is asked first over this transport.' },
      state: { type: 'string', enum: ['running', 'restarting', 'done', 'stopped'] },
      since: { type: 'string', format: 'date-time', description: 'Since when a transport that restarts is down.' },
    },
  },
};
