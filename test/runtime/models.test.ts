import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { describe, expect, test, vi } from 'vitest';

import { createAgent, resolveModel } from '../../src/runtime/index.ts';
import type { ModelLike } from '../../src/runtime/index.ts';
import { serverOf } from '../../src/runtime/models/identity.ts';
import type { ImportPackage } from '../../src/runtime/import-package.ts';
import { resolveModelWith } from '../../src/runtime/models/resolve.ts';
import { providerName } from '../../src/telemetry/attributes/provider-name.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import { startStubProvider } from '../../src/testing/stub-provider.ts';
import { rejection } from './support/agents.ts';

const notInstalled: ImportPackage = () => Promise.resolve(undefined);

describe('a model reference', () => {
  test('reaches any compatible provider with a base URL and a key from the environment', async () => {
    const provider = await startStubProvider({ 'm-1': [{ type: 'text', text: 'Hello.' }] });
    const environment = { OPENAI_API_KEY: 'sk-1', OPENAI_BASE_URL: provider.baseUrl };
    const model = await resolveModel('openai-compatible/m-1', environment);

    const result = await createAgent({ name: 'helper', models: [model] }).stream('hi').result;
    await provider.close();

    expect(result).toMatchObject({ text: 'Hello.', usage: { inputTokens: 10, outputTokens: 5 } });
    expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-1');
    expect(provider.requests[0]?.body.stream_options).toEqual({ include_usage: true });
  });

  test('takes base URL and key from the options first', async () => {
    const provider = await startStubProvider({ 'm-1': [{ type: 'text', text: 'Hello.' }] });
    const environment = { OPENAI_API_KEY: 'sk-1', OPENAI_BASE_URL: 'http://127.0.0.1:1' };
    const model = await resolveModel('openai-compatible/m-1', environment, {
      baseUrl: provider.baseUrl,
      apiKey: 'sk-2',
    });

    await createAgent({ name: 'helper', models: [model] }).run('hi');
    await provider.close();

    expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-2');
  });

  test.each([
    ['openai/gpt-5-mini', { OPENAI_API_KEY: 'k' }, 'api.openai.com', 443],
    ['ollama/llama3.2', {}, 'localhost', 11434],
    ['ollama/llama3.2', { OLLAMA_BASE_URL: 'http://gpu:8080/v1' }, 'gpu', 8080],
    ['groq/llama-3.3-70b', { GROQ_API_KEY: 'k' }, 'api.groq.com', 443],
    ['openrouter/anthropic/claude-sonnet-4.5', { OPENROUTER_API_KEY: 'k' }, 'openrouter.ai', 443],
    [
      'openai-compatible/m-1',
      { OPENAI_COMPATIBLE_BASE_URL: 'http://one/v1', OPENAI_BASE_URL: 'http://two/v1' },
      'one',
      80,
    ],
  ])('%s with %j goes to %s:%d', async (ref, environment, address, port) => {
    const model = await resolveModelWith(notInstalled, ref, environment);

    expect(model.modelId).toBe(ref.slice(ref.indexOf('/') + 1));
    expect(serverOf(model)).toEqual({ address, port });
  });

  test.each([
    [
      'anthropic/claude-haiku-4-5',
      {},
      'anthropic/claude-haiku-4-5 needs a package that is not installed: npm install @ai-sdk/anthropic',
    ],
    [
      'google/gemini-2.5-pro',
      {},
      'google/gemini-2.5-pro needs a package that is not installed: npm install @ai-sdk/google',
    ],
    ['openai-compatible/m-1', { OPENAI_API_KEY: 'k' }, 'openai-compatible/m-1 needs a base URL: set OPENAI_BASE_URL'],
    ['openai/gpt-5-mini', { OPENAI_API_KEY: '' }, 'openai/gpt-5-mini needs a key: set OPENAI_API_KEY'],
    ['groq/llama', {}, 'groq/llama needs a key: set GROQ_API_KEY'],
  ])('%s with %j says what is missing', async (ref, environment, message) => {
    expect(await rejection(resolveModel(ref, environment))).toMatchObject({ name: 'ModelUnavailableError', message });
  });

  const needsUrl = 'needs a base URL such as https://api.example.com/v1, without a user, which that of';
  test.each([
    ['openai-compatible/m-1', { OPENAI_BASE_URL: 'localhost:8000/v1' }, `${needsUrl} OPENAI_BASE_URL is not`],
    ['openai-compatible/m-1', { OPENAI_BASE_URL: '"http://one/v1"' }, `${needsUrl} OPENAI_BASE_URL is not`],
    ['ollama/m-1', { OLLAMA_BASE_URL: 'http://me:hunter2@one/v1' }, `${needsUrl} OLLAMA_BASE_URL is not`],
    [
      'groq/m-1',
      { GROQ_API_KEY: 'gsk_1\ngsk_2' },
      'needs a key that a header can carry, which that of GROQ_API_KEY is not: look for line breaks and quotes',
    ],
    [
      'groq/m-1',
      { GROQ_API_KEY: '“gsk_1”' },
      'needs a key that a header can carry, which that of GROQ_API_KEY is not: look for line breaks and quotes',
    ],
  ])('%s with %j says what no request can be made with, and not its value', async (ref, environment, message) => {
    expect(await rejection(resolveModel(ref, environment))).toMatchObject({
      name: 'ModelUnavailableError',
      message: `${ref} ${message}`,
    });
  });

  test('takes base URL and key without the blanks around them', async () => {
    const provider = await startStubProvider({ 'm-1': [{ type: 'text', text: 'Hello.' }] });
    const environment = { OPENAI_API_KEY: 'sk-1\r\n', OPENAI_BASE_URL: ` ${provider.baseUrl} ` };
    const model = await resolveModel('openai-compatible/m-1', environment);

    await createAgent({ name: 'helper', models: [model] }).run('hi');
    await provider.close();

    expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-1');
  });

  test('takes them so from code as well, as they are read from a file', async () => {
    const provider = await startStubProvider({ 'm-1': [{ type: 'text', text: 'Hello.' }] });
    const options = { apiKey: 'sk-1\n', baseUrl: `${provider.baseUrl} \n` };
    const model = await resolveModel('openai-compatible/m-1', {}, options);

    await createAgent({ name: 'helper', models: [model] }).run('hi');
    await provider.close();

    expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-1');
  });

  test('takes null from code for what is not set', async () => {
    const provider = await startStubProvider({ 'm-1': [{ type: 'text', text: 'Hello.' }] });
    const environment = { OPENAI_API_KEY: 'sk-1', OPENAI_BASE_URL: provider.baseUrl };
    // @ts-expect-error -- as a file of JSON says it
    const model = await resolveModel('openai-compatible/m-1', environment, { apiKey: null, baseUrl: null });

    await createAgent({ name: 'helper', models: [model] }).run('hi');
    await provider.close();

    expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-1');
  });

  test.each(['gpt-5', '/gpt-5', 'openai/', 'unheard-of/model', 'constructor/model'])(
    '%j names no model',
    async (ref) => {
      expect(await rejection(resolveModel(ref, {}))).toBeInstanceOf(TypeError);
    },
  );

  test('uses the package of the vendor when it is there, with key and base URL of the environment', async () => {
    const made: unknown[] = [];
    const expected = scriptedModel([]);
    const installed: ImportPackage = (name) =>
      Promise.resolve({
        createAnthropic: (settings: object) => (id: string) => {
          made.push([name, settings, id]);
          return expected;
        },
      });
    const environment = { ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: 'http://proxy' };

    expect(await resolveModelWith(installed, 'anthropic/claude-haiku-4-5', environment)).toBe(expected);
    expect(made).toEqual([['@ai-sdk/anthropic', { apiKey: 'k', baseURL: 'http://proxy' }, 'claude-haiku-4-5']]);
  });

  test('says that a key is missing before a package of the vendor would, at its first call', async () => {
    const installed: ImportPackage = () => Promise.resolve({ createAnthropic: () => () => scriptedModel([]) });

    expect(await rejection(resolveModelWith(installed, 'anthropic/claude-haiku-4-5', {}))).toMatchObject({
      name: 'ModelUnavailableError',
      message: 'anthropic/claude-haiku-4-5 needs a key: set ANTHROPIC_API_KEY',
    });
  });

  describe('to a provider with settings', () => {
    test.each([
      ['of one’s own', 'my-gateway/m', { 'my-gateway': { baseUrl: 'http://one/v1' } }, {}, 'one'],
      [
        'that the environment moves',
        'my-gateway/m',
        { 'my-gateway': { baseUrl: 'http://one/v1' } },
        { MY_GATEWAY_BASE_URL: 'http://two/v1' },
        'two',
      ],
      ['that is known', 'openai/m', { openai: { baseUrl: 'http://one/v1' } }, { OPENAI_API_KEY: 'k' }, 'one'],
      [
        'called like a property of every object',
        'constructor/m',
        { constructor: { baseUrl: 'http://one' } },
        {},
        'one',
      ],
    ])('goes to the right server: %s', async (_what, ref, providers, environment, address) => {
      const model = await resolveModelWith(notInstalled, ref, environment, { providers });

      expect(serverOf(model)).toMatchObject({ address });
      expect(model.modelId).toBe('m');
    });

    test('needs the key whose variable it names', async () => {
      const providers = { gateway: { baseUrl: 'http://one/v1', apiKeyEnv: 'MY_KEY' } };

      expect(
        await rejection(resolveModelWith(notInstalled, 'gateway/m', { GATEWAY_API_KEY: 'k' }, { providers })),
      ).toMatchObject({ name: 'ModelUnavailableError', message: 'gateway/m needs a key: set MY_KEY' });
    });

    test('needs a base URL when it is none of the known ones', async () => {
      const options = { providers: { 'my-gateway': {} } };

      expect(await rejection(resolveModelWith(notInstalled, 'my-gateway/m', {}, options))).toMatchObject({
        message: 'my-gateway/m needs a base URL: set MY_GATEWAY_BASE_URL',
      });
    });
  });

  test('says so when the package of the vendor is of another kind', async () => {
    const error = await rejection(resolveModelWith(() => Promise.resolve({}), 'openai/gpt-5', {}));

    expect(error).toMatchObject({ message: '@ai-sdk/openai has no createOpenAI: update it' });
  });
});

test('an agent tries again to load a model that could not be loaded', async () => {
  const agent = createAgent({ name: 'helper', models: ['openai-compatible/m-1'] });
  vi.stubEnv('OPENAI_BASE_URL', '');
  expect(await rejection(agent.run('hi'))).toMatchObject({ cause: { name: 'ModelUnavailableError' } });

  const provider = await startStubProvider({ 'm-1': [{ type: 'text', text: 'Hello.' }] });
  vi.stubEnv('OPENAI_BASE_URL', provider.baseUrl);
  vi.stubEnv('OPENAI_API_KEY', 'k');

  expect(await agent.run('hi')).toMatchObject({ text: 'Hello.' });
  await provider.close();
  vi.unstubAllEnvs();
});

test.each([
  ['openai.chat', 'openai'],
  ['openai.responses', 'openai'],
  ['anthropic.messages', 'anthropic'],
  ['google.generative-ai', 'gcp.gemini'],
  ['google.vertex.chat', 'gcp.vertex_ai'],
  ['amazon-bedrock', 'aws.bedrock'],
  ['azure.chat', 'azure.ai.openai'],
  ['xai.chat', 'x_ai'],
  ['mistral.chat', 'mistral_ai'],
  ['my-gateway', 'my-gateway'],
  ['toString.chat', 'toString'],
])('the provider %s is called %s', (provider, name) => {
  expect(providerName(provider)).toBe(name);
});

describe('the server of a model', () => {
  const withConfig = (config: unknown): ModelLike => Object.assign(scriptedModel([]), { config });

  test('is read from the configuration of a real provider', () => {
    const connect = createOpenAICompatible({
      name: 'x',
      baseURL: 'https://gateway.example:8443/v1',
      queryParams: { a: 'b' },
    });

    expect(serverOf(connect('m'))).toEqual({ address: 'gateway.example', port: 8443 });
  });

  test.each([
    ['a base URL', { baseURL: 'http://[::1]/v1' }, { address: '::1', port: 80 }],
    ['no configuration', undefined, undefined],
    ['a base URL that is none', { baseURL: 'somewhere' }, undefined],
    [
      'a function that throws',
      {
        url: () => {
          throw new Error('no');
        },
      },
      undefined,
    ],
    ['a function that answers later', { url: () => Promise.resolve('http://x') }, undefined],
  ])('is found or left out with %s', (_name, config, server) => {
    expect(serverOf(withConfig(config))).toEqual(server);
  });
});
