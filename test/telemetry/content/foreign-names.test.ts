import type { Attributes, Span } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { describe, expect, it } from 'vitest';

import {
  createContentPolicy,
  type CaptureContent,
  type ContentOptions,
} from '../../../src/telemetry/content/policy.ts';
import { createContentGuard } from '../../../src/telemetry/export/content-policy.ts';

/** What leaves of a span another instrumentation wrote. */
function leaving(
  attributes: Attributes,
  options: ContentOptions = {},
  write: (span: Span) => void = () => {},
  { name = 'their span', scope = 'somebody-else' } = {},
) {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const span = provider.getTracer(scope).startSpan(name, { attributes });
  write(span);
  span.end();
  const guard = createContentGuard(createContentPolicy(options));
  return guard.allow(exporter.getFinishedSpans()[0]!);
}

const KEY = ['sk', 'proj', 'Ab3'.repeat(12)].join('-');

/** What `@mastra/core` 0.18 writes for an agent that calls a tool, by the kind of content. */
const MASTRA = {
  everything: {
    'agent.generateVNext.argument.0': '"canary"',
    'agent.formatTools.argument.0': '{"weather":{"type":"function","description":"canary"}}',
    'mastra.setLogger.argument.1': '{"logger":"canary"}',
    'reports.write.argument.0': '{"title":"canary"}',
    'agent.generateVNext.result': '{"text":"canary"}',
    'voice.speak.result': '{"text":"canary"}',
    'workflow.executionWorkflow.step.toolCallStep.argument.0': '{"inputData":{"args":{"city":"canary"}}}',
    'workflow.executionWorkflow.step.llm-execution.result': '{"messageId":"m1","output":{"text":"canary"}}',
  },
  conversation: {
    'stream.prompt.messages': '[{"role":"user","content":[{"type":"text","text":"canary"}]}]',
    'stream.response.providerMetadata': '{"openai":{"note":"canary"}}',
  },
  answer: {
    'stream.response.text': 'canary',
    'stream.response.toolCalls': '[{"toolName":"weather","args":{"city":"canary"}}]',
  },
  toolDefinitions: { 'stream.prompt.tools': ['{"type":"function","name":"weather","description":"canary"}'] },
  toolArguments: { 'stream.toolCall.args': '{"city":"canary"}' },
  toolResults: { 'stream.toolCall.result': '{"r":"canary"}' },
};
const MASTRA_PLAIN: Attributes = {
  componentName: 'executionWorkflow',
  runId: '7cca4182-5603-4f9d-82c6-8d2dec253665',
  'aisdk.model.id': 'gpt-5-mini',
  'operation.name': 'mastra.stream.aisdk.doStream',
  'stream.prompt.toolChoice': '"auto"',
  'stream.response.finishReason': 'stop',
  'stream.settings.temperature': 0,
  'stream.toolCall.toolName': 'weather',
  'stream.usage.inputTokens': 11,
  'cicd.pipeline.result': 'success',
};
const MASTRA_CONTENT: Attributes = Object.assign({}, ...Object.values(MASTRA)) as Attributes;

describe('what Mastra writes of agents, workflows and tools', () => {
  it('stays in while content is not recorded', () => {
    expect(leaving({ ...MASTRA_PLAIN, ...MASTRA_CONTENT }).attributes).toEqual(MASTRA_PLAIN);
  });

  it('leaves with the kind it is of', () => {
    const only = (kinds: CaptureContent): Attributes =>
      leaving(MASTRA_CONTENT, { captureContent: kinds }, undefined, { scope: 'default-tracer' }).attributes;
    expect(only(true)).toEqual(MASTRA_CONTENT);
    expect(only({ toolArguments: true })).toEqual(MASTRA.toolArguments);
    expect(only({ toolResults: true })).toEqual(MASTRA.toolResults);
    expect(only({ toolDefinitions: true })).toEqual(MASTRA.toolDefinitions);
    expect(only({ outputs: true, toolArguments: true })).toEqual({ ...MASTRA.answer, ...MASTRA.toolArguments });
  });

  it.each<[string, { readonly scope?: string; readonly name?: string }, Attributes]>([
    ['the tracer', { scope: 'default-tracer' }, {}],
    ['the method the span is named after', { name: 'workflow.deploy' }, {}],
    ['what is written after it', {}, { componentName: 'deploy' }],
  ])('is known by %s', (_what, as, after) => {
    const called = { 'workflow.deploy.argument.0': '"canary"', 'workflow.deploy.result': '"canary"' };
    const write = (span: Span): unknown => span.setAttributes(after);
    expect(leaving(called, {}, write, as).attributes).toEqual(after);
  });

  it('stays JSON without what is secret or too long in it', () => {
    const name = 'workflow.executionWorkflow.step.llm-execution.argument.0';
    const value = JSON.stringify({ key: KEY, messages: [{ role: 'user', content: 'long '.repeat(40_000) }] });
    const left = String(leaving({ [name]: value, componentName: 'w' }, { captureContent: true }).attributes[name]);
    expect(left).not.toContain(KEY);
    expect(Buffer.byteLength(left)).toBeLessThanOrEqual(65_536);
    expect(JSON.parse(left)).toMatchObject({ key: '[redacted:openai_key]' });
  });
});

/** What `@traceloop/instrumentation-pinecone` and `-qdrant` 0.27 write: all on the span but the metadata of a match. */
const VECTOR_PLAIN: Attributes = {
  'db.system': 'Pinecone',
  'db.vector.table_name': 'notes',
  'db.vector.query.top_k': 1,
  'db.vector.query.include_metadata': true,
  'db.vector.query.id': 'q1',
  'db.vector.query.result.namespace': 'team-a',
  'db.vector.query.result.matches_length': 1,
  'db.vector.query.result.0.score': 0.5,
};
const VECTOR_CONTENT: Attributes = {
  'db.vector.query.metadata_filter': '{"author":"canary"}',
  'db.vector.query.embeddings.vector': [0.12345],
  'db.vector.query.result.0.id': 'canary',
  'db.vector.query.result.0.values': '[0.1]',
  'db.vector.query.result.0.metadata': '{"text":"canary"}',
  'db.vector.delete.selector': '{"must":[{"key":"author","match":{"value":"canary"}}]}',
  'db.vector.get.selector': '["canary"]',
};

describe('what instrumentations of vector databases write', () => {
  const searched = (options: ContentOptions): ReadableSpan =>
    leaving({ ...VECTOR_PLAIN, ...VECTOR_CONTENT }, options, (span) => {
      span.addEvent('pinecone.query.result.0', {});
      span.addEvent('pinecone.query.result.0.metadata', { text: `canary ${KEY}`, 'page.title': 'canary', year: 1999 });
    });

  it('stays in while memory is not recorded', () => {
    const { attributes, events } = searched({});
    expect(attributes).toEqual(VECTOR_PLAIN);
    expect(events.map(({ name }) => name)).toEqual(['pinecone.query.result.0']);
  });

  it('leaves without secrets while it is', () => {
    const { attributes, events } = searched({ captureContent: { memory: true } });
    expect(attributes).toEqual({ ...VECTOR_PLAIN, ...VECTOR_CONTENT });
    expect(events[1]?.attributes).toEqual({
      text: 'canary [redacted:openai_key]',
      'page.title': 'canary',
      year: 1999,
    });
  });
});

/** What `bullmq` 6.7 with `bullmq-otel` writes: of what a job returned and why it failed in events. */
describe('what BullMQ writes of a job', () => {
  const processed = (options: ContentOptions): readonly (Attributes | undefined)[] => {
    const { attributes, events } = leaving({ 'bullmq.job.progress': '"canary"' }, options, (span) => {
      span.addEvent('job completed', { 'bullmq.job.result': '{"answer":"canary"}' });
      span.addEvent('job failed', { 'bullmq.job.failed.reason': 'canary' });
      span.setAttributes({ 'bullmq.job.name': 'ask', 'bullmq.job.attempts.made': 1 });
    });
    return [attributes, ...events.map((event) => event.attributes)];
  };
  const PLAIN: Attributes = { 'bullmq.job.name': 'ask', 'bullmq.job.attempts.made': 1 };

  it('stays in where it was what a job returned, or why it failed, while content is not recorded', () => {
    expect(processed({})).toEqual([PLAIN, {}, { 'bullmq.job.failed.reason': '[message withheld]' }]);
  });

  it('leaves while it is', () => {
    expect(processed({ captureContent: true })).toEqual([
      { ...PLAIN, 'bullmq.job.progress': '"canary"' },
      { 'bullmq.job.result': '{"answer":"canary"}' },
      { 'bullmq.job.failed.reason': 'canary' },
    ]);
  });
});

describe('what database instrumentations write of the values of a statement', () => {
  it('leaves as little as those in the statement', () => {
    const values = {
      'db.postgresql.values': ['canary', '7'],
      'db.mysql.values': '[canary, 7]',
      'db.values': ['canary'],
      'db.sql.params': '["canary"]',
      'db.knex.bindings': ['canary'],
    };
    const plain = { 'db.system': 'postgresql', 'db.postgresql.plan': 'insert-note', 'db.name': 'notes' };
    expect(leaving({ ...plain, ...values }).attributes).toEqual(plain);
    expect(leaving(values, { captureContent: { toolArguments: true } }).attributes).toEqual(values);
  });
});

/** What `@voltagent/core` 2.10 writes, by the kind of content. */
const VOLT_AGENT = {
  everything: {
    'agent.messages': '[{"role":"user","content":"canary"}]',
    'agent.messages.ui': '[{"role":"user","parts":[{"type":"text","text":"canary"}]}]',
    'agent.context': '{"tier":"canary"}',
    'agent.summary.preview': 'canary',
    'workflow.context': '{"tier":"canary"}',
    'workflow.stateSnapshot': '{"result":"canary"}',
    'suspension.data': '{"question":"canary"}',
    'resume.data': '{"answer":"canary"}',
    'guardrail.input.original': 'canary',
    'guardrail.output.after': 'canary',
    'guardrail.message': 'canary',
    'guardrail.result.metadata': '{"found":"canary"}',
    'middleware.input.current': 'canary',
    'middleware.output.after': 'canary',
    'eval.input': 'canary',
    'eval.output': 'canary',
    'eval.expected': 'canary',
    'eval.scorer.metadata': '{"payload":"canary"}',
    'planagent.todos': '[{"content":"canary"}]',
    'planagent.task.description': 'canary',
    'planagent.task.response_preview': 'canary',
  },
  request: { 'agent.stateSnapshot': '{"instructions":"canary","tools":[{"description":"canary"}]}' },
  toolArguments: {
    'workspace.search.query': 'canary',
    'workspace.sandbox.command': 'echo canary',
    'workspace.sandbox.args': ['canary'],
  },
};
const VOLT_AGENT_PLAIN: Attributes = {
  'entity.type': 'agent',
  'entity.name': 'helper',
  'operation.id': '28062c12-fefa-4738-b202-a7fadcf63ba6',
  'span.label': 'weather',
  'agent.state': 'completed',
  'agent.workingMemory.enabled': false,
  'guardrail.name': 'no numbers',
  'guardrail.action': 'allow',
  'middleware.name': 'trim',
  'eval.scorer.name': 'helpfulness',
  'workflow.state': 'suspended',
  'workspace.search.mode': 'hybrid',
  'llm.usage.prompt_tokens': 11,
};
const VOLT_AGENT_CONTENT: Attributes = Object.assign({}, ...Object.values(VOLT_AGENT)) as Attributes;

describe('what VoltAgent writes of agents, guardrails and workflows', () => {
  it('stays in while content is not recorded', () => {
    expect(leaving({ ...VOLT_AGENT_PLAIN, ...VOLT_AGENT_CONTENT }).attributes).toEqual(VOLT_AGENT_PLAIN);
  });

  it('stays in on what says by its scope alone that it is of VoltAgent', () => {
    expect(leaving(VOLT_AGENT_CONTENT, {}, undefined, { scope: '@voltagent/core' }).attributes).toEqual({});
  });

  it('stays in where it is in an event', () => {
    const write = (span: Span): unknown =>
      span.addEvent('guardrail.stream.process', { 'guardrail.chunk.index': 0, 'guardrail.chunk.text': 'canary' });
    const [event] = leaving(VOLT_AGENT_PLAIN, {}, write).events;
    expect(event).toMatchObject({ attributes: { 'guardrail.chunk.index': 0 } });
    expect(event?.attributes).not.toHaveProperty(['guardrail.chunk.text']);
  });

  it('leaves with the kind it is of', () => {
    const only = (kinds: CaptureContent): Attributes =>
      leaving(VOLT_AGENT_CONTENT, { captureContent: kinds }, undefined, { scope: '@voltagent/core' }).attributes;
    expect(only(true)).toEqual(VOLT_AGENT_CONTENT);
    expect(only({ toolArguments: true })).toEqual(VOLT_AGENT.toolArguments);
  });
});

/** What is said about an answer, or gathered beside it, by the instrumentation that says it. */
const BESIDE_CONTENT: Attributes = {
  // OpenLLMetry
  'mcp.response.value': '{"content":[{"type":"text","text":"canary"}]}',
  // OpenInference
  'annotation.explanation': 'canary',
  'evaluations.0.evaluation.explanation': 'canary',
  'trace.annotations.1.annotation.explanation': 'canary',
  'input.images.0.image.url': 'https://example.com/canary.png',
  'output.images.0.image.url': 'https://example.com/canary.png',
  metadata: '{"thread_id":"th1","user_query":"canary","ls_stop":["canary"]}',
  // Langfuse
  'langfuse.experiment.item.metadata': '{"question":"canary"}',
  'langfuse.experiment.item.expected_output': 'canary',
  'langfuse.experiment.metadata': '{"note":"canary"}',
  'langfuse.observation.model.parameters': '{"response_format":"{\\"description\\":\\"canary\\"}"}',
  // Genkit
  'genkit:init': '{"question":"canary"}',
  'genkit:metadata:context': '{"question":"canary"}',
  'genkit:metadata:interrupt': '{"question":"canary"}',
  'genkit:metadata:resumed': '{"answer":"canary"}',
};
const BESIDE_PLAIN: Attributes = {
  'openinference.span.kind': 'CHAIN',
  'mcp.request.id': '7',
  'annotation.label': 'good',
  'evaluation.name': 'helpfulness',
  'evaluations.0.evaluation.score': 0.9,
  'input.mime_type': 'application/json',
  'metadata.team': 'search',
  'ai.telemetry.metadata.team': 'search',
  'traceloop.association.properties.team': 'search',
  'langfuse.experiment.name': 'nightly',
  'genkit:metadata:subtype': 'tool',
  'genkit:metadata:agent:sessionId': '7cca4182-5603-4f9d-82c6-8d2dec253665',
};

describe('what is written beside an answer', () => {
  it('stays in where it may quote it, and leaves where it is a name or was set for telemetry', () => {
    expect(leaving({ ...BESIDE_PLAIN, ...BESIDE_CONTENT }).attributes).toEqual(BESIDE_PLAIN);
    expect(leaving(BESIDE_CONTENT, { captureContent: true }).attributes).toEqual(BESIDE_CONTENT);
  });

  it('stays in also where the span says last what it is, and where it has not said it when it begins', () => {
    const metadata = { metadata: '{"user_query":"canary"}' };
    const late = leaving(metadata, {}, (span) => span.setAttribute('openinference.span.kind', 'CHAIN'));
    expect(late.attributes).toEqual({ 'openinference.span.kind': 'CHAIN' });
    const begun = new NodeTracerProvider().getTracer('somebody-else').startSpan('begun', { attributes: metadata });
    expect(createContentGuard(createContentPolicy({})).allow(begun as unknown as ReadableSpan).attributes).toEqual({});
  });
});

describe('what an application writes under a name that is content elsewhere', () => {
  const OWN: Attributes = {
    metadata: 'tier=gold',
    'workflow.deploy.result': 'success',
    'storage.upload.result': 'ok',
    'command.argument.0': '--fast',
    'eval.expected': 'success',
    'guardrail.message': 'within limits',
    'workflow.context': 'nightly',
    'experiment.evaluation.explanation': 'baseline',
  };

  it.each(['my-app', 'faultline'])('leaves on a span of %s', (scope) => {
    expect(leaving(OWN, {}, undefined, { scope, name: 'deploy' }).attributes).toEqual(OWN);
  });

  it('does not let the same text leave where it is content', () => {
    const guard = createContentGuard(createContentPolicy({}));
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const tracer = provider.getTracer('somebody-else');
    tracer.startSpan('own', { attributes: { metadata: 'same' } }).end();
    tracer.startSpan('theirs', { attributes: { metadata: 'same', 'openinference.span.kind': 'LLM' } }).end();
    const left = exporter.getFinishedSpans().map((span) => guard.allow(span).attributes['metadata']);
    expect(left).toEqual(['same', undefined]);
  });
});
