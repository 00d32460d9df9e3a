import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import manifest from '../package.json' with { type: 'json' };
import { compile } from './support/compile.ts';

const PACKAGE = join(import.meta.dirname, '..');

/** What the samples use and do not show: the application around them, and packages that are not installed here. */
const SURROUNDINGS = `
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type OpenAI from 'openai';
import type * as rxjs from 'rxjs';
import type * as vitest from 'vitest';
import type * as faultline from 'faultline';
import type * as runtime from 'faultline/runtime';

declare global {
  // Imported by an earlier sample of the page
  const setupTracing: typeof faultline.setupTracing;
  const traceAgent: typeof faultline.traceAgent;
  const traceChat: typeof faultline.traceChat;
  const traceMemory: typeof faultline.traceMemory;
  const traceTool: typeof faultline.traceTool;
  const traceTransport: typeof faultline.traceTransport;
  const captureException: typeof faultline.captureException;
  const withRunContext: typeof faultline.withRunContext;
  const createAgent: typeof runtime.createAgent;
  const expect: typeof vitest.expect;
  const defer: typeof rxjs.defer;
  const lastValueFrom: typeof rxjs.lastValueFrom;

  // Made by the application
  const agent: runtime.Agent, helper: runtime.Agent, agents: runtime.Agent[], weather: runtime.Tool;
  const models: readonly runtime.ModelRef[];
  const transports: runtime.RuntimeOptions['transports'];
  const config: runtime.RuntimeConfig;
  const chat: faultline.ChatSpan;
  const openai: OpenAI, messages: OpenAI.ChatCompletionMessageParam[], tools: object[];
  const model: string, provider: string, question: string, system: string, input: string;
  const error: unknown, request: Request, signal: AbortSignal;
  const queue: { add<T>(work: () => T): Promise<T> };
  const client: { callTool(call: { name: string; arguments: object }): Promise<{ isError?: boolean }> };
  class QuotaError extends Error {}
  class LangfuseSpanProcessor implements SpanProcessor {
    onStart(): void;
    onEnd(): void;
    forceFlush(): Promise<void>;
    shutdown(): Promise<void>;
  }
  function answer(question: string, conversationId: string): Promise<string | null>;
  function callModel(prompt: unknown): Promise<string>;
  function fetchWeather(city: string, signal?: AbortSignal): Promise<string>;
  function getWeather(city: string): Promise<string>;
  function handle(...given: unknown[]): Promise<Response>;
  function listenForMail(signal: AbortSignal): Promise<void>;
  function respond(request: Request): Promise<Response>;
  function run(signal: AbortSignal): Promise<string>;
  function runTool(name: string, input: string): Promise<string>;
  function searchNotes(question: string): Promise<string[]>;
  function textStreamOf(question: string): ReadableStream<Uint8Array>;

  // Frameworks
  interface CallHandler { handle(): rxjs.Observable<unknown> }
  interface ExecutionContext { getType(): string }
  interface NestInterceptor { intercept(context: ExecutionContext, next: CallHandler): rxjs.Observable<unknown> }
  function defineNitroPlugin(
    plugin: (app: { hooks: { hook(name: 'error', listener: (error: Error) => void): void } }) => void,
  ): void;
  function defineNuxtConfig(config: object): object;
}
`;

const PACKAGES = `
declare module 'openai' {
  class OpenAI {
    constructor(options?: { apiKey?: string; baseURL?: string });
    chat: { completions: { create(request: { model: string; messages: OpenAI.ChatCompletionMessageParam[]; tools?: object[] }): Promise<OpenAI.ChatCompletion> } };
  }
  namespace OpenAI {
    type ToolCall = { id: string; type: 'function'; function: { name: string; arguments: string } } | { id: string; type: 'custom' };
    interface ChatCompletionMessage { role: 'assistant'; content: string | null; tool_calls?: ToolCall[] }
    type ChatCompletionMessageParam =
      | ChatCompletionMessage
      | { role: 'system' | 'user'; content: string }
      | { role: 'tool'; content: string; tool_call_id: string };
    interface ChatCompletion {
      id: string;
      model: string;
      choices: { message: ChatCompletionMessage; finish_reason: 'stop' | 'tool_calls' }[];
      usage?: { prompt_tokens: number; completion_tokens: number };
    }
  }
  export default OpenAI;
}
declare module 'ai' {
  export function streamText(options: {
    model: object;
    prompt: string;
    onFinish(event: { usage: { inputTokens: number | undefined }; finishReason: string }): void;
    onError(event: { error: unknown }): void;
  }): { textStream: ReadableStream<string> & AsyncIterable<string> };
}
declare module '@ai-sdk/openai' {
  export function openai(model: string): object;
}
declare module '@sentry/node' {
  import type { ContextManager } from '@opentelemetry/api';
  export function init(options: { skipOpenTelemetrySetup?: boolean; integrations?: object[] }): void;
  export function openTelemetryIntegration(): object;
  export const SentryContextManager: new () => ContextManager;
}
declare module '@vercel/functions' {
  export function waitUntil(promise: Promise<unknown>): void;
}
declare module 'rxjs' {
  export interface Observable<T> { subscribe(next: (value: T) => void): void }
  export function defer<T>(work: () => Promise<T>): Observable<T>;
  export function lastValueFrom<T>(source: Observable<T>): Promise<T>;
}
`;

/** Every sample of the pages in TypeScript and JavaScript, as files named after page and line. */
async function samples(): Promise<readonly { readonly file: string; readonly source: string }[]> {
  const pages = ['README.md', ...(await readdir(join(PACKAGE, 'docs'))).map((page) => `docs/${page}`)];
  const texts = await Promise.all(pages.map((page) => readFile(join(PACKAGE, page), 'utf8')));
  return texts.flatMap((text, index) =>
    [...text.matchAll(/^```(?:ts|js)\n(.*?)^```/gms)].map((found) => ({
      file: `${pages[index]!.replace('docs/', '')}-line-${text.slice(0, found.index).split('\n').length}.mts`,
      // One without imports would be a script, whose names all the others would see.
      source: `${found[1]}export {};\n`,
    })),
  );
}

test('every sample of the documentation compiles as a strict application has it', async () => {
  const all = await samples();
  expect(all.length).toBeGreaterThan(40);
  const paths = Object.entries(manifest.exports).flatMap(([entry, target]) =>
    typeof target === 'string' ? [] : [[entry.replace('.', 'faultline'), [join(PACKAGE, target.types)]] as const],
  );
  const files = {
    'surroundings.d.ts': SURROUNDINGS,
    'packages.d.ts': PACKAGES,
    ...Object.fromEntries(all.map(({ file, source }) => [file, source])),
  };
  expect(await compile(files, { skipLibCheck: true, paths: Object.fromEntries(paths) })).toBe('');
});
