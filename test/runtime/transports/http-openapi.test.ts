import { expect, onTestFinished, test } from 'vitest';

import { createAgent, createRuntime, type Runtime } from '../../../src/runtime/index.ts';
import { httpTransport, type HttpTransportOptions } from '../../../src/runtime/transports/http.ts';
import { scriptedModel } from '../../../src/testing/scripted-model.ts';

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly $ref?: string }>>;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly description: string };
  readonly servers?: unknown;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, { readonly properties: object }>> };
}

async function describedBy(options: Partial<HttpTransportOptions> = {}) {
  const agent = createAgent({
    name: 'helper',
    description: 'Knows the weather',
    models: [scriptedModel(Array.from({ length: 5 }, () => 'Hello.'))],
  });
  const http = httpTransport({ agents: [agent], status: () => runtime.status(), ...options });
  const runtime: Runtime = createRuntime({ agents: [agent], transports: [{ transport: http, agent: 'helper' }] });
  const working = runtime.start();
  onTestFinished(async () => {
    await runtime.stop();
    await working;
  });
  const base = `http://localhost${options.basePath ?? ''}`;
  const headers: Record<string, string> =
    options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  const send = (path: string, init: RequestInit = {}, others: Record<string, string> = {}) =>
    http.fetch(new Request(base + path, { ...init, headers: { ...headers, ...others } }));
  const document = (await (await send('/openapi.json')).json()) as Document;
  return { document, send, http };
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

test.each<[string, Partial<HttpTransportOptions>]>([
  ['as they are', {}],
  ['with everything on', { eventSource: true, token: 'sesame', basePath: '/api' }],
])('every route is described, and nothing else is, %s', async (_name, options) => {
  const { document, send } = await describedBy(options);

  for (const [path, operations] of Object.entries(document.paths)) {
    const real = path.replace('{agent}', 'helper');
    for (const method of METHODS) {
      const response = await send(real, { method: method.toUpperCase() });
      await response.body?.cancel();
      const expected = Object.keys(operations[method]?.responses ?? { 405: {} });
      expect(expected, `${method} ${path}`).toContain(String(response.status));
    }
  }
  expect(Object.keys(document.paths)).toEqual(['/agents/{agent}/run', '/healthz', '/readyz', '/openapi.json']);
  expect(Object.keys(document.paths['/agents/{agent}/run']!)).toEqual([
    'parameters',
    'post',
    ...(options.eventSource === true ? ['get'] : []),
  ]);
});

test('every answer to a question is one that is described', async () => {
  const { document, send } = await describedBy({ eventSource: true, token: 'sesame', maxBodyBytes: 100 });
  const described = Object.keys(document.paths['/agents/{agent}/run']!['post']!.responses);
  const json = { 'content-type': 'application/json' };
  const post = (body: string, headers: Record<string, string> = {}, path = '/agents/helper/run') =>
    send(path, { method: 'POST', body }, { ...json, ...headers });

  const responses = [
    await post('{"input":"hi"}'),
    await post('{"input":"hi"}', { accept: 'text/event-stream' }),
    await post('{'),
    await post('{"input":"hi"}', { authorization: 'Bearer no' }),
    await post('{"input":"hi"}', { origin: 'https://evil.example' }),
    await post('{"input":"hi"}', {}, '/agents/nobody/run'),
    await post(`{"input":"${'x'.repeat(200)}"}`),
    await post('{"input":"hi"}', { 'content-type': 'text/plain' }),
  ];
  await Promise.all(responses.map((response) => response.text()));

  const statuses = responses.map(({ status }) => String(status));
  expect(statuses).toEqual(['200', '200', '400', '401', '403', '404', '413', '415']);
  expect(described.toSorted()).toEqual([...new Set([...statuses, '408', '500', '503'])].toSorted());
});

test.each(['/healthz', '/readyz'])('what %s says is described, down to the transports', async (path) => {
  const { document, send } = await describedBy({ token: 'sesame' });
  const { Status, Transport } = document.components.schemas;

  const status = (await (await send(path)).json()) as { readonly transports: readonly object[] };

  expect(Object.keys(Status!.properties)).toEqual(expect.arrayContaining(Object.keys(status)));
  expect(Object.keys(Transport!.properties)).toEqual(expect.arrayContaining(Object.keys(status.transports[0]!)));
});

test('every reference leads somewhere', async () => {
  const { document } = await describedBy({ eventSource: true, token: 'sesame' });

  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!);
  expect(references.length).toBeGreaterThan(10);
  for (const path of references) {
    const found = path.split('/').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], document);
    expect([path, typeof found]).toEqual([path, 'object']);
  }
});

test('the agents are in it by name and description', async () => {
  const { document } = await describedBy({ basePath: '/api' });

  expect(document.openapi).toBe('3.1.0');
  expect(document.servers).toEqual([{ url: '/api' }]);
  expect(document.info.description).toBe('- helper: Knows the weather');
  expect(JSON.stringify(document.paths)).toContain('"enum":["helper"]');
});
