import { context, propagation, SpanStatusCode, trace, type Attributes, type Span } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { MaxTurnsError } from '../../../src/runtime/errors.ts';
import { activate } from '../../../src/telemetry/active.ts';
import {
  createContentPolicy,
  type CaptureContent,
  type ContentOptions,
  type ContentPolicy,
} from '../../../src/telemetry/content/policy.ts';
import { withoutQueryValues, withoutValues } from '../../../src/telemetry/content/statement.ts';
import { withRunContext } from '../../../src/telemetry/context.ts';
import { createContentGuard } from '../../../src/telemetry/export/content-policy.ts';
import { traceAgent, traceTool } from '../../../src/telemetry/spans.ts';
import { costOfLength } from '../../support/cost.ts';

const KEY = ['sk', 'proj', 'Ab3'.repeat(12)].join('-');

const exporter = new InMemorySpanExporter();
/** What `setupTracing` was told in the test that has runs which decide for themselves. */
const everything = createContentPolicy({ captureContent: true });
const guard = createContentGuard(everything);
beforeAll(() => {
  const provider = new NodeTracerProvider({ spanProcessors: [guard.processor, new SimpleSpanProcessor(exporter)] });
  provider.register({ contextManager: new AsyncLocalStorageContextManager() });
});
afterEach(() => exporter.reset());
afterAll(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

/** A span of another instrumentation. */
function foreign(attributes: Attributes, write: (span: Span) => void = () => {}): ReadableSpan {
  const span = trace.getTracer('somebody-else').startSpan('their span', { attributes });
  write(span);
  span.end();
  return exporter.getFinishedSpans().at(-1)!;
}

/** The span as it leaves. */
function allowUnder(span: ReadableSpan, policy: ContentPolicy): ReadableSpan {
  return createContentGuard(policy).allow(span);
}

function attributesOf(attributes: Attributes, options: ContentOptions = {}): Attributes {
  return allowUnder(foreign(attributes), createContentPolicy(options)).attributes;
}

/** Names under which other instrumentations write content. */
const CONTENT_NAMES = [
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.system_instructions',
  'gen_ai.tool.definitions',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
  'gen_ai.prompt',
  'gen_ai.prompt.0.content',
  'gen_ai.prompt.12.tool_calls.0.arguments',
  'gen_ai.completion.0.content',
  'gen_ai.request.messages',
  'gen_ai.response.text',
  'gen_ai.prompt.variable.city',
  'gen_ai.some.future.messages',
  'ai.prompt',
  'ai.prompt.messages',
  'ai.prompt.format_of_tomorrow',
  'ai.response.text',
  'ai.response.object',
  'ai.response.toolCalls',
  'ai.toolCall.args',
  'ai.toolCall.result',
  'ai.values',
  'llm.input_messages.0.message.content',
  'llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments',
  'llm.prompts',
  'llm.completions',
  'llm.prompt_template.variables',
  'input.value',
  'output.value',
  'tool.parameters',
  'retrieval.documents.0.document.content',
  'traceloop.entity.input',
  'traceloop.entity.output',
  'langfuse.observation.input',
  'langfuse.trace.output',
  'gcp.vertex.agent.llm_request',
  'mlflow.spanInputs',
  'lmnr.span.output',
  'http.request.body.text',
  'http.response.body',
  'db.query.parameter.0',
  'mcp.request.argument.city',
  'llm.invocation_parameters',
  'genkit:input',
  'genkit:output',
  'traceloop.prompt.template',
  'traceloop.prompt.template_variables.subject',
  'ai.decision.state',
  'ai.decision.questions',
  'ai.decision.answers',
  'ai.documents',
  'ai.embedding',
  'ai.embeddings',
  'ai.ranking',
  'ai.response.providerMetadata',
  'ai.response.sources',
  'ai.settings.system',
  'ai.telemetry.metadata.userPrompt',
  'graphql.variables.city',
  'langfuse.observation.metadata.question',
  'langfuse.trace.metadata.question',
  'langsmith.span.inputs',
  'mcp.tool.result.0.text',
  'mcp.logging.message',
  'gen_ai.evaluation.explanation',
  'message_content.text',
  'message.tool_calls.0.tool_call.function.arguments',
  'gen_ai.request.prompt',
  'gen_ai.request.input',
  'gen_ai.request.instructions',
  'gen_ai.request.tools',
  'gen_ai.response.content',
  'gen_ai.response.message',
  'gen_ai.response.output',
  'gen_ai.response.thinking',
  'gen_ai.response.choices',
  'llm.request',
  'openai.response',
  'tool.response',
  'db.operation.parameter.city',
  'http.request_body',
  'http.body',
  'request.body',
  'response.body',
  'messaging.message.payload',
  'messaging.payload',
  'aws.bedrock.request.body',
  'db.response.body',
  'rpc.request',
  'pinecone.query.filter',
  'content',
  'haystack.component.input',
  'prompt',
  'messages',
];

/** What they say besides, which is no content. */
const OTHERS: Attributes = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-5-mini',
  'gen_ai.request.max_tokens': 100,
  'gen_ai.response.finish_reasons': ['stop'],
  'gen_ai.response.id': 'chatcmpl-1',
  'gen_ai.usage.input_tokens': 7,
  'gen_ai.usage.output_tokens': 9,
  'gen_ai.prompt.name': 'trip-helper',
  'gen_ai.tool.name': 'get_weather',
  'ai.model.id': 'gpt-5-mini',
  'ai.operationId': 'ai.generateText',
  'ai.usage.promptTokens': 7,
  'ai.telemetry.metadata.team': 'search',
  'llm.model_name': 'gpt-5-mini',
  'llm.token_count.prompt': 7,
  'openinference.span.kind': 'LLM',
  'input.mime_type': 'application/json',
  'http.request.method': 'GET',
  'http.response.status_code': 200,
  'server.address': '203.0.113.9',
  'user_agent.original': 'node',
  'url.path': '/v1/chat',
  'db.system.name': 'postgresql',
  'gen_ai.system': 'openai',
  'gen_ai.request.stop_sequences': ['END'],
  'gen_ai.tool.description': 'says the weather',
  'ai.prompt.toolChoice': '{"type":"auto"}',
  'llm.system': 'openai',
  'langfuse.trace.name': 'trip',
  'langfuse.observation.prompt.name': 'trip-helper',
  'traceloop.prompt.key': 'trip-helper',
  'mcp.method.name': 'tools/call',
  'message.type': 'SENT',
  'http.request.body.size': 7,
  'http.route': '/users/:id?',
};

/** Statements, the system they are for, and what may leave of them. */
const STATEMENTS: readonly (readonly [system: string, statement: string, left: string])[] = [
  ['postgresql', String.raw`SELECT * FROM t WHERE a='C:\' AND b='canary'`, 'SELECT * FROM t WHERE a=? AND b=?'],
  ['sqlite', String.raw`SELECT * FROM t WHERE a='C:\' AND b='canary'`, 'SELECT * FROM t WHERE a=? AND b=?'],
  ['microsoft.sql_server', String.raw`SELECT 1 WHERE a='C:\' AND b='canary'`, 'SELECT ? WHERE a=? AND b=?'],
  ['mysql', String.raw`SELECT 'it\'s canary', 'x'`, 'SELECT ?, ?'],
  ['postgresql', String.raw`SELECT E'it\'s canary', a`, 'SELECT ?, a'],
  ['', String.raw`SELECT a FROM t WHERE a='C:\' AND b='canary'`, 'SELECT a FROM t WHERE a=?'],
  ['', `SELECT a FROM t WHERE a='''it''s canary''' # canary`, 'SELECT a FROM t WHERE a='],
  ['postgresql', 'SELECT $tag$it is $ canary$tag$, a', 'SELECT ?, a'],
  ['oracle.db', `SELECT q'[it's canary]', nq'!it's canary!' FROM dual`, 'SELECT ?, ? FROM dual'],
  ['mysql', 'SELECT a # canary\nFROM t -- canary', 'SELECT a \nFROM t '],
  ['postgresql', 'SELECT /* a /* b */ canary */ a FROM t', 'SELECT '],
  ['', 'SELECT /* a /* b */ canary */ a FROM t', 'SELECT '],
  ['postgresql', `SELECT * FROM "O'Brien" WHERE x='canary'`, `SELECT * FROM "O'Brien" WHERE x=?`],
  ['postgresql', `SELECT a FROM t WHERE b = "it's canary`, 'SELECT a FROM t WHERE b = ?'],
  ['microsoft.sql_server', `SELECT [it's] FROM t WHERE a = "canary"`, `SELECT [it's] FROM t WHERE a = ?`],
  ['sqlite', 'SELECT "canary", `a b` FROM t', 'SELECT ?, `a b` FROM t'],
  ['mysql', 'SELECT 1.5e10, .5, 0xDEAD, -42, t2.a1', 'SELECT ?, ?, ?, -?, t2.a1'],
  ['mongodb', `{'find':'users','filter':{'name':'canary'}}`, `{'find':?,'filter':{'name':?}}`],
  ['mongodb', `db.users.find({name: /canary/i, "$eq": "canary"})`, 'db.users.find({name: ?, "$eq": ?})'],
  ['elasticsearch', 'PUT /idx/_doc/canary {"a":"canary"}', 'PUT ?'],
  ['keydb', 'HSET k f canary', 'HSET ?'],
  ['', 'HSET k f canary', 'HSET ?'],
  ['aerospike', 'put k canary', 'put ?'],
  ['', 'SET k canary', 'SET ?'],
  ['postgresql', 'COPY t FROM STDIN WITH (FORMAT csv);\ncanary\t2\n', 'COPY t FROM STDIN?'],
  ['', 'query Users { user(name: "canary") { id } }', 'query Users { user(name: ?) { id } }'],
  ['bigquery', `SELECT \`a\`, '''it's canary''', """it's "a" canary""", b`, 'SELECT `a`, ?, ?, b'],
];

describe('numbers that a pattern of the application matches', () => {
  const redaction = { patterns: [{ name: 'patient', pattern: /\b4\d{6}\b/ }] };

  it('become its placeholder, counts of the conventions excepted', () => {
    const attributes = { 'clinic.patient': 4_123_456, 'clinic.beds': 12, 'gen_ai.usage.input_tokens': 4_123_456 };
    expect(attributesOf(attributes, { redaction })).toEqual({
      'clinic.patient': '[redacted:patient]',
      'clinic.beds': 12,
      'gen_ai.usage.input_tokens': 4_123_456,
    });
  });

  it('make the other numbers of their list texts, and leave what else is in it what it is', () => {
    expect(attributesOf({ 'clinic.patients': [4_123_456, null, 12] }, { redaction })).toEqual({
      'clinic.patients': ['[redacted:patient]', null, '12'],
    });
    const deactivate = activate({ content: createContentPolicy({ redaction }) });
    const mixed = { 'clinic.mixed': [4_123_456, KEY, 12] } as unknown as Attributes;
    traceTool({ name: 'admit', attributes: mixed }, deactivate);
    const { attributes } = exporter.getFinishedSpans().at(-1)!;
    expect(attributes['clinic.mixed']).toEqual(['[redacted:patient]', '[redacted:openai_key]', '12']);
  });
});

describe('a span of another instrumentation, while content is not recorded', () => {
  it('loses its content under every known name, and nothing else', () => {
    const content = Object.fromEntries(CONTENT_NAMES.map((name) => [name, 'canary']));
    expect(attributesOf({ ...OTHERS, ...content })).toEqual(OTHERS);
  });

  it('loses lists of content as well, and events that are messages', () => {
    const span = foreign({ 'llm.prompts': ['canary', 'canary'] }, (writing) => {
      writing.addEvent('gen_ai.user.message', { content: 'canary' });
      writing.addEvent('gen_ai.choice', { message: 'canary' });
      writing.addEvent('gen_ai.content.prompt', { 'gen_ai.prompt': 'canary' });
      writing.addEvent('gen_ai.client.inference.operation.details', { 'gen_ai.input.messages': 'canary' });
      writing.addEvent('cache.miss', { key: 'k1', 'input.value': 'canary' });
    });
    const allowed = allowUnder(span, createContentPolicy());
    expect(allowed.attributes).toEqual({});
    expect(allowed.events.map(({ name, attributes }) => [name, attributes])).toEqual([['cache.miss', { key: 'k1' }]]);
  });

  it('keeps of a URL and of a statement what is no value', () => {
    expect(
      attributesOf({
        'url.full': `https://api.example.com/v1/search?q=canary&key=${KEY}#canary`,
        'http.target': '/v1/search?q=canary',
        'url.query': 'q=canary&page=2',
        'db.system.name': 'postgresql',
        'db.query.text': `SELECT "name" FROM users WHERE city = 'can''ary' AND age > 42 -- canary`,
      }),
    ).toEqual({
      'url.full': 'https://api.example.com/v1/search?q=?&key=?#?',
      'http.target': '/v1/search?q=?',
      'url.query': 'q=?&page=?',
      'db.system.name': 'postgresql',
      'db.query.text': 'SELECT "name" FROM users WHERE city = ? AND age > ? ',
    });
    expect(attributesOf({ 'db.system': 'mysql', 'db.statement': 'select * from t where a = "canary"' })).toMatchObject({
      'db.statement': 'select * from t where a = ?',
    });
    expect(attributesOf({ 'db.system': 'redis', 'db.statement': 'SET user:canary canary' })).toMatchObject({
      'db.statement': 'SET ?',
    });
    expect(attributesOf({ 'db.statement': '{"find":"users","filter":{"name":"canary","age":7}}' })).toEqual({
      'db.statement': '{"find":?,"filter":{"name":?,"age":?}}',
    });
  });

  it.each(STATEMENTS)('keeps of a statement for %j no value: %s', (system, statement, left) => {
    const attributes = attributesOf({ 'db.system.name': system, 'db.query.text': statement });
    expect(attributes['db.query.text']).toBe(left);
  });

  it('keeps no value of a statement wherever it stands', () => {
    const summary = { 'db.system.name': 'mysql', 'db.query.summary': "SELECT 'canary'" };
    expect(attributesOf(summary)['db.query.summary']).toBe('SELECT ?');
    const span = trace.getTracer('somebody-else').startSpan("SELECT * FROM t WHERE a='canary'");
    span.end();
    const allowed = allowUnder(exporter.getFinishedSpans().at(-1)!, createContentPolicy());
    expect(allowed.name).toBe('SELECT * FROM t WHERE a=?');
  });

  it.each(["'", '"', '$a$ $b$ ', '/*', '[', '`', '1', 'e+', 'copy from stdin', "q'", '\\', ';a', '('])(
    'reads a statement and an address made to be slow in time linear in their length, of %j',
    (bait) => {
      const read = (text: string): void => {
        withoutValues(`SELECT ${text}`);
        withoutQueryValues(`/${text}`);
      };
      expect(costOfLength(bait, 16_000, read)).toBeLessThan(8);
    },
  );

  it('reads the beginning of a statement', () => {
    const text = `SELECT ${'1'.repeat(100_000)} FROM t`;
    expect(attributesOf({ 'db.query.text': text })['db.query.text']).toBe('SELECT ?');
  });

  it('keeps no value of an address, whatever it is called', () => {
    expect(
      attributesOf({
        'url.path': '/p?q=canary',
        'http.route': '/p?q=canary',
        'next.span_name': 'GET /p?q=canary',
        'http.request.header.referer': ['https://h/?q=canary'],
        'http.response.header.location': ['https://h/cb?page=canary'],
        'request.url': 'https://h/p;id=canary?a=canary',
        'http.query_string': 'q=canary',
        'image.url': 'data:text/plain,canary',
      }),
    ).toEqual({
      'url.path': '/p?q=?',
      'http.route': '/p?q=?',
      'next.span_name': 'GET /p?q=?',
      'http.request.header.referer': ['https://h/?q=?'],
      'http.response.header.location': ['https://h/cb?page=?'],
      'request.url': 'https://h/p;id=??a=?',
      'http.query_string': 'q=?',
      'image.url': 'data:?',
    });
    const names = ['fetch GET https://api.example.com/v1?prompt=canary', 'GET /p?q=canary', 'GET /users/:id?/posts'];
    for (const name of names) trace.getTracer('somebody-else').startSpan(name).end();
    const allowed = exporter
      .getFinishedSpans()
      .slice(-3)
      .map((span) => allowUnder(span, createContentPolicy()).name);
    expect(allowed).toEqual(['fetch GET https://api.example.com/v1?prompt=?', 'GET /p?q=?', 'GET /users/:id?/posts']);
  });

  it('loses what its events say under names that are content by what the event is', () => {
    const span = foreign({}, (writing) => {
      writing.addEvent('gen_ai.tool.call', { arguments: 'canary', id: 'call_1' });
      writing.addEvent('gen_ai.agent.message', { content: 'canary', message: 'canary' });
      writing.addEvent('log', { body: 'canary', content: 'canary', arguments: 'canary', message: 'step 2' });
    });
    const withheld = allowUnder(span, createContentPolicy()).events.map(({ attributes }) => attributes);
    expect(withheld).toEqual([{ id: 'call_1' }, {}, { message: 'step 2' }]);
    const recorded = allowUnder(span, createContentPolicy({ captureContent: true }));
    expect(recorded.events.map(({ attributes }) => attributes)).toEqual(span.events.map((event) => event.attributes));
  });

  it('has the content of its events whole where it is recorded, each looked through once', () => {
    const json = JSON.stringify(Array.from({ length: 4_000 }, (_, index) => `word ${index}`));
    const long = foreign({}, (writing) => {
      for (const word of ['content', 'arguments', 'input']) writing.addEvent('gen_ai.tool.call', { [word]: json });
    });
    const recorded = allowUnder(long, createContentPolicy({ captureContent: true }));
    expect(recorded.events).toEqual(long.events);
    const short = foreign({}, (writing) => writing.addEvent('log', { body: 'canary' }));
    const policy = createContentPolicy({ captureContent: true, redaction: { redact: (text) => `<${text}>` } });
    expect(allowUnder(short, policy).events[0]).toMatchObject({ name: '<log>', attributes: { body: '<canary>' } });
  });

  it('is told what its events are by their names as they were given', () => {
    const span = foreign({}, (writing) => writing.addEvent('gen_ai.error', { message: 'canary', input: 'canary' }));
    const policy = createContentPolicy({ redaction: { redact: (text) => `<${text}>` } });
    expect(allowUnder(span, policy).events[0]).toMatchObject({
      name: '<gen_ai.error>',
      attributes: { message: '[message withheld]' },
    });
  });

  it('tells what a tool was given from what it answered, as Strands writes both', () => {
    const span = foreign({ 'gen_ai.operation.name': 'execute_tool' }, (writing) => {
      writing.addEvent('gen_ai.tool.message', { role: 'tool', content: '{"city":"Lisbon"}', id: 'call_1' });
      writing.addEvent('gen_ai.choice', { message: '19 °C', id: 'call_1' });
    });
    const left = (captureContent: CaptureContent): readonly string[] =>
      allowUnder(span, createContentPolicy({ captureContent })).events.map(({ name }) => name);
    expect(left({ toolResults: true })).toEqual(['gen_ai.choice']);
    expect(left({ toolArguments: true, outputs: true })).toEqual([]);
    expect(left(true)).toEqual(['gen_ai.tool.message', 'gen_ai.choice']);
  });

  it('has the counts in an event as they are, whatever patterns match their digits', () => {
    const used = { 'gen_ai.usage.input_tokens': 1_234_567, 'gen_ai.input.messages': 'for 1234567' };
    const span = foreign({}, (writing) => writing.addEvent('gen_ai.client.inference.operation.details', used));
    const redaction = { patterns: [{ name: 'customer', pattern: /\d{7}/ }] };
    expect(allowUnder(span, createContentPolicy({ captureContent: true, redaction })).events[0]?.attributes).toEqual({
      'gen_ai.usage.input_tokens': 1_234_567,
      'gen_ai.input.messages': 'for [redacted:customer]',
    });
  });

  it('loses personal data from all there is in an event that is content', () => {
    const said = {
      content: 'from ann@example.com',
      'app.note': 'to ann@example.com',
      // Content by its name in spans of VoltAgent alone.
      'eval.input': 'by ann@example.com',
      'app.count': 2,
    };
    const span = foreign({}, (writing) => writing.addEvent('gen_ai.user.message', said));
    expect(allowUnder(span, createContentPolicy({ captureContent: true })).events[0]?.attributes).toEqual({
      content: 'from [redacted:email]',
      'app.note': 'to [redacted:email]',
      'eval.input': 'by [redacted:email]',
      'app.count': 2,
    });
  });

  it('has the content of an event whose kind is recorded, whatever its attributes are called', () => {
    const span = foreign({}, (writing) => {
      writing.addEvent('gen_ai.system.message', { content: 'Be brief.' });
      writing.addEvent('gen_ai.tool.message', { content: '19 °C', id: 'call_1' });
      writing.addEvent('gen_ai.user.message', { content: 'canary' });
    });
    const policy = createContentPolicy({ captureContent: { systemInstructions: true, toolResults: true } });
    expect(allowUnder(span, policy).events.map(({ attributes }) => attributes)).toEqual([
      { content: 'Be brief.' },
      { content: '19 °C', id: 'call_1' },
    ]);
  });

  it('has no message of an error and no query of an address in an event that is content and recorded', () => {
    const said = {
      content: 'Be brief.',
      error: 'canary',
      lastError: ['canary'],
      errorStack: 'ApiError: canary\n    at ask (/srv/app/ask.js:3:7)',
      url: 'https://files.example/a.png?user=canary',
    };
    const span = foreign({}, (writing) => writing.addEvent('gen_ai.system.message', said));
    const policy = createContentPolicy({ captureContent: { systemInstructions: true } });
    expect(allowUnder(span, policy).events[0]?.attributes).toEqual({
      content: 'Be brief.',
      error: '[message withheld]',
      lastError: ['[message withheld]'],
      errorStack: 'Error: [message withheld]\n    at ask (/srv/app/ask.js:3:7)',
      url: 'https://files.example/a.png?user=?',
    });
  });

  it.each(['gen_ai.prompt.part', 'langfuse.observation.output'])('has neither in an event of the family %s', (name) => {
    const said = { text: 'Be brief.', error: 'canary', url: 'https://files.example/a.png?user=canary' };
    const span = foreign({}, (writing) => writing.addEvent(name, said));
    expect(allowUnder(span, createContentPolicy({ errorMessages: 'redacted' })).events[0]?.attributes).toEqual({});
    expect(
      allowUnder(span, createContentPolicy({ captureContent: true, errorMessages: 'withheld' })).events[0]?.attributes,
    ).toEqual({
      text: 'Be brief.',
      error: '[message withheld]',
      url: 'https://files.example/a.png?user=?',
    });
  });

  it.each(['error', 'agent.error', 'llm.exception'])(
    'has no conversation in an event that is called %s, also where messages of errors leave',
    (name) => {
      const said = { messages: '[{"role":"user","content":"canary"}]', errorMessages: ['Bad gateway'] };
      const span = foreign({}, (writing) => writing.addEvent(name, said));
      const left = allowUnder(span, createContentPolicy({ errorMessages: 'redacted' })).events[0]?.attributes;
      expect(left).toEqual({ errorMessages: ['Bad gateway'] });
    },
  );

  it.each(['error', 'agent.error', 'step.exception', 'onError', 'APIError', 'task.errors'])(
    'has no message of an error in an event that is called %s',
    (name) => {
      const said = {
        message: 'canary',
        description: ['canary'],
        error: '400 canary',
        stack: 'ApiError: canary',
        content: 'canary',
        step: 'a',
      };
      const span = foreign({}, (writing) => writing.addEvent(name, said));
      expect(allowUnder(span, createContentPolicy()).events[0]?.attributes).toEqual({
        message: '[message withheld]',
        description: ['[message withheld]'],
        error: 'Bad Request',
        stack: 'Error: [message withheld]',
        step: 'a',
      });
      const redacted = allowUnder(span, createContentPolicy({ errorMessages: 'redacted' }));
      expect(redacted.events[0]?.attributes).toMatchObject({ message: 'canary', description: ['canary'] });
    },
  );

  it('says of an exception its class and where it was thrown', () => {
    class ApiError extends Error {
      override readonly name = 'ApiError';
    }
    const thrown = new ApiError('no canary\n    at canary (/canary.js:1:1)');
    const span = foreign({ 'error.message': 'canary' }, (writing) => {
      writing.recordException(thrown);
      writing.setStatus({ code: SpanStatusCode.ERROR, message: 'canary' });
    });
    const allowed = allowUnder(span, createContentPolicy());
    expect(JSON.stringify([allowed.events, allowed.status, allowed.attributes])).not.toContain('canary');
    expect(allowed.status).toEqual({ code: SpanStatusCode.ERROR, message: '[message withheld]' });
    expect(allowed.events[0]?.attributes?.['exception.type']).toBe('ApiError');
    expect(allowed.events[0]?.attributes?.['exception.stacktrace']).toMatch(
      /^ApiError: \[message withheld\]\n    at .*content-policy\.test\.ts:\d+:\d+/,
    );
  });

  it.each([
    'error',
    'mcp.tool.error',
    'task.lastError',
    'error.msg',
    'step.error.message',
    'rpc.jsonrpc.error_message',
    'job.exception.message',
    'task.errorMessage',
    'tool.error.message',
    'graphql.errors',
    'task.errors.0.message',
    'task.errorMessages',
    'task.lastHTTPError',
    'step2Error',
    'error.cause',
    'error.cause.message',
    'err.message',
  ])('has no message of an error in %s, unless messages leave', (name) => {
    const message = { [name]: 'no canary' };
    const event = foreign({}, (writing) => writing.addEvent('attempt 1 failed', message));
    expect(allowUnder(event, createContentPolicy()).events[0]?.attributes).toEqual({ [name]: '[message withheld]' });
    expect(attributesOf(message)).toEqual({ [name]: '[message withheld]' });
    expect(attributesOf({ [name]: `no canary ${KEY}` }, { errorMessages: 'redacted' })).toEqual({
      [name]: 'no canary [redacted:openai_key]',
    });
    expect(attributesOf({ [name]: true })).toEqual({ [name]: true });
  });

  it.each([
    'error.stack',
    'errorStack',
    'step.error.stack',
    'error.stack_trace',
    'job.exception.stacktrace',
    'error.cause.stack',
    'err.stack',
  ])('has of the stack of an error in %s the frames alone', (name) => {
    const stack = { [name]: 'ApiError: canary\n    at ask (/srv/app/ask.js:3:7)' };
    const event = foreign({}, (writing) => writing.addEvent('error.step', stack));
    const frames = { [name]: 'Error: [message withheld]\n    at ask (/srv/app/ask.js:3:7)' };
    expect(allowUnder(event, createContentPolicy()).events[0]?.attributes).toEqual(frames);
    expect(attributesOf(stack)).toEqual(frames);
  });

  it('has no secret in any other attribute, name or link', () => {
    const span = foreign({
      'http.request.header.authorization': [`Bearer ${KEY}`],
      'http.request.header.x-api-key': ['plain'],
      'ai.request.headers.cookie': 'a=b',
      note: `the key is ${KEY}`,
      list: ['ok', KEY],
    });
    const bytes = JSON.stringify(allowUnder(span, createContentPolicy()).attributes);
    expect(bytes).not.toContain('Ab3');
    expect(bytes).not.toContain('plain');
    expect(bytes).not.toContain('a=b');
    expect(bytes).toContain('the key is [redacted');
  });

  it('is the same object when nothing changes, and is never changed itself', () => {
    const clean = foreign(OTHERS);
    expect(allowUnder(clean, createContentPolicy())).toBe(clean);
    const span = foreign({ ...OTHERS, 'input.value': 'canary' });
    const before = { ...span.attributes };
    const allowed = allowUnder(span, createContentPolicy());
    expect(span.attributes).toEqual(before);
    expect(allowed.spanContext()).toEqual(span.spanContext());
    expect(allowed.duration).toEqual(span.duration);
  });
});

describe('a span of another instrumentation, while content is recorded', () => {
  it('keeps its content, redacted and within bounds', () => {
    const conversation = JSON.stringify(
      Array.from({ length: 2_000 }, (_, index) => ({ role: 'user', content: `message ${index} with ${KEY}` })),
    );
    const allowed = attributesOf(
      { 'gen_ai.input.messages': conversation, 'ai.prompt': `say ${KEY}`, 'llm.prompts': ['a', KEY] },
      { captureContent: true },
    );
    const messages = String(allowed['gen_ai.input.messages']);
    expect(Buffer.byteLength(messages)).toBeLessThanOrEqual(65_536);
    expect(JSON.parse(messages)).toContainEqual({
      role: 'user',
      content: expect.stringContaining('message 1999 with [redacted') as string,
    });
    expect(allowed['ai.prompt']).toMatch(/^say \[redacted/);
    expect(JSON.stringify(allowed)).not.toContain('Ab3');
  });

  it('never carries more than a quarter of a megabyte of it', () => {
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`gen_ai.prompt.${index}.content`, 'word '.repeat(4_000)]),
    );
    const bytes = JSON.stringify(attributesOf(many, { captureContent: true })).length;
    expect(bytes).toBeGreaterThan(200_000);
    expect(bytes).toBeLessThan(280_000);
  });

  it('keeps the kinds that are recorded', () => {
    const tool = {
      'openinference.span.kind': 'TOOL',
      'input.value': 'arguments',
      'output.value': 'result',
      'gen_ai.tool.definitions': 'definitions',
      'gen_ai.input.messages': 'conversation',
    };
    expect(attributesOf(tool, { captureContent: { toolArguments: true } })).toEqual({
      'openinference.span.kind': 'TOOL',
      'input.value': 'arguments',
    });
    expect(attributesOf(tool, { captureContent: { toolDefinitions: true, inputs: true } })).toEqual({
      'openinference.span.kind': 'TOOL',
      'gen_ai.tool.definitions': 'definitions',
    });
  });

  it('obeys the run it belongs to', () => {
    const deactivate = activate({ content: everything });
    const inside = withRunContext({ captureContent: false }, () => foreign({ 'input.value': 'canary' }));
    const outside = foreign({ 'input.value': 'canary' });
    expect(guard.allow(inside).attributes).toEqual({});
    expect(guard.allow(outside).attributes).toEqual({ 'input.value': 'canary' });
    deactivate();
  });
});

describe('a span of ours', () => {
  it('is the same object when nothing changes, and is never changed itself', () => {
    traceAgent({ name: 'helper' }, () => undefined);
    traceAgent({ name: 'helper' }, ({ span }) => span.setAttribute('note', `for ${KEY}`));
    const [clean, span] = exporter.getFinishedSpans();
    expect(allowUnder(clean!, createContentPolicy())).toBe(clean);
    expect(allowUnder(span!, createContentPolicy()).attributes['note']).toBe('for [redacted:openai_key]');
    expect(span?.attributes['note']).toBe(`for ${KEY}`);
  });

  it('is asked of the function of the application every time, because it may answer something else', () => {
    let count = 0;
    const policy = createContentPolicy({ redaction: { redact: (text) => `${text} ${(count += 1)}` } });
    const { allow } = createContentGuard(policy);
    traceAgent({ name: 'helper' }, () => undefined);
    const [span] = exporter.getFinishedSpans();
    const names = [1, 2].map(() => allow(span!).attributes['gen_ai.agent.name']);
    expect(new Set(names).size).toBe(2);
  });

  it('comes from the same redacted resource every time', () => {
    const provider = new NodeTracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'shop', note: KEY }),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    const { allow } = createContentGuard(createContentPolicy());
    for (const name of ['one', 'two']) provider.getTracer('theirs').startSpan(name).end();
    const [one, two] = exporter.getFinishedSpans().map(allow);
    expect(one?.resource.attributes).toEqual({ 'service.name': 'shop', note: '[redacted:openai_key]' });
    expect(one?.resource).toBe(two?.resource);
  });

  it('keeps the failure it recorded', () => {
    expect(() =>
      traceTool({ name: 't' }, () => {
        throw new MaxTurnsError(3);
      }),
    ).toThrow('within 3 turns');
    const [span] = exporter.getFinishedSpans();
    expect(span?.status.message).toBe('no final answer within 3 turns');
    expect(allowUnder(span!, createContentPolicy())).toBe(span);
  });

  it('loses what the application writes on it that must stay, and keeps the rest', () => {
    const content = createContentPolicy({ captureContent: { toolArguments: true } });
    const deactivate = activate({ content });
    traceTool(
      { name: 't', attributes: { team: 'search', 'output.value': 'canary' }, arguments: () => ({ city: 'Lisbon' }) },
      ({ span }) => {
        span.setAttribute('gen_ai.tool.call.result', 'canary');
        span.setAttribute('note', `key ${KEY}`);
        span.recordException(new Error('canary'));
      },
    );
    const [span] = exporter.getFinishedSpans();
    const allowed = allowUnder(span!, content);
    expect(JSON.stringify([allowed.attributes, allowed.events])).not.toMatch(/canary|Ab3/);
    expect(allowed.attributes).toMatchObject({
      team: 'search',
      'gen_ai.tool.name': 't',
      'gen_ai.tool.call.arguments': '{"city":"Lisbon"}',
    });
    deactivate();
  });
});
