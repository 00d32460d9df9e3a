import { onTestFinished } from 'vitest';

import { serveHttp, type ServeHttpOptions } from '../../../src/cli/serve-http.ts';
import { createAgent, createRuntime, type Agent, type Runtime } from '../../../src/runtime/index.ts';
import { httpTransportWith } from '../../../src/runtime/transports/http.ts';
import type { HttpTransport, HttpTransportOptions } from '../../../src/runtime/transports/http.ts';
import { systemTime, type Time } from '../../../src/runtime/time.ts';
import { scriptedModel, type ScriptedTurn, type ScriptedTurnFunction } from '../../../src/testing/scripted-model.ts';

export interface Serving {
  readonly origin: string;
  readonly http: HttpTransport;
  readonly runtime: Runtime;
  /** What the runtime ends with. */
  readonly working: Promise<void>;
}

/** A helper that says what the script says. */
export function helper(...turns: (ScriptedTurn | ScriptedTurnFunction)[]): Agent {
  return createAgent({ name: 'helper', models: [{ model: scriptedModel(turns), maxRetries: 0 }] });
}

/** Has a runtime serve an agent over HTTP on a free port until the test is over. */
export async function serve(
  agent: Agent,
  options: Partial<HttpTransportOptions> & { readonly server?: Partial<ServeHttpOptions>; readonly time?: Time } = {},
): Promise<Serving> {
  const { server = {}, time = systemTime, ...transportOptions } = options;
  let listening!: (origin: string) => void;
  const origin = new Promise<string>((resolve) => {
    listening = resolve;
  });
  const http = httpTransportWith(time, {
    agents: [agent],
    listen: (fetch, signal) =>
      serveHttp({ fetch, signal, port: 0, onListening: ({ origin }) => listening(origin), ...server }),
    ...transportOptions,
  });
  const runtime = createRuntime({ agents: [agent], transports: [{ transport: http, agent: agent.name }] });
  const working = runtime.start();
  onTestFinished(async () => {
    await runtime.stop();
    await working.catch(() => {});
  });
  return { origin: await Promise.race([origin, working.then(() => '')]), http, runtime, working };
}

interface Asking extends Omit<RequestInit, 'headers'> {
  readonly agent?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks an agent, by default for all of its answer at once. */
export function ask(origin: string, body: unknown, init: Asking = {}) {
  const { agent = 'helper', headers, ...others } = init;
  return fetch(`${origin}/agents/${agent}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...others,
  });
}

export interface ReceivedEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly id?: string;
}

/** The events of a stream, as a browser would parse them, comments left out. */
export async function eventsOf(response: Response): Promise<ReceivedEvent[]> {
  return parseEvents(await response.text());
}

export function parseEvents(text: string): ReceivedEvent[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
    .map((block) => {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2))) as Record<
        string,
        string
      >;
      const { event = 'message', data = 'null', id } = fields;
      return { event, data: JSON.parse(data) as ReceivedEvent['data'], ...(id === undefined ? {} : { id }) };
    });
}
