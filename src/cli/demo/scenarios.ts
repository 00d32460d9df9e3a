/** The scenarios: each is one real agent run over real HTTP, against a provider that behaves as the title says. */
import { setTimeout as delay } from 'node:timers/promises';

import { createAgent, createRuntime, inProcessMemory, type RunResult, type Transport } from '../../runtime/index.ts';
import type { StubProvider, StubProviderScript, StubTurn } from '../../testing/stub-provider.ts';
import { damagedNotes, getWeather, getWeatherDown, model, TRIP_HELPER } from './trip-helper.ts';

/** What a scenario can use. */
export interface Stage {
  /** Starts a provider that follows the script; it is closed when the scenario is over. */
  provider(script: StubProviderScript): Promise<StubProvider>;
  /** Shows text as the model writes it. */
  show(text: string): void;
}

/** One thing that happens to agents. `run` resolves with what came of it, in one line. */
export interface Scenario {
  readonly title: string;
  run(stage: Stage): Promise<string>;
}

const QUESTION = 'What should I pack for Lisbon tomorrow?';
const ANSWER = 'Light clothes and sunglasses: Lisbon gets 19 °C and sun tomorrow.';

/** Every scenario by its name on the command line, in the order of a full demo. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  success: {
    title: 'the agent remembers, looks something up and answers',
    async run(stage) {
      const provider = await stage.provider({ 'gpt-5-mini': [lookUp('Lisbon'), say(ANSWER)] });
      const notes = inProcessMemory({ id: 'traveller-notes' });
      await notes.add({ id: 'note-1', text: 'Likes to pack light for Lisbon.' });
      const agent = createAgent({
        ...TRIP_HELPER,
        models: [model(provider, 'openai', 'gpt-5-mini')],
        tools: [getWeather],
        memory: notes,
      });
      return answered(await agent.run(QUESTION, { conversationId: 'trip-42', user: { id: 'traveller-7' } }));
    },
  },

  streaming: {
    title: 'the answer is streamed',
    async run(stage) {
      const provider = await stage.provider({
        'gpt-5-mini': [
          { ...say('Take the train: it leaves at 09:14 and needs 55 minutes to Sintra.'), frameDelayMs: 12 },
        ],
      });
      const agent = createAgent({ ...TRIP_HELPER, models: [model(provider, 'openai', 'gpt-5-mini')] });
      const run = agent.stream('How do I get to Sintra?');
      for await (const event of run) if (event.type === 'text.delta') stage.show(event.text);
      await run.result;
      return 'the answer appeared as it was written';
    },
  },

  'parallel-tools': {
    title: 'one turn asks for three tools, which run side by side',
    async run(stage) {
      const provider = await stage.provider({
        'gpt-5-mini': [lookUp('Oslo', 'Lisbon', 'Barcelona'), say('Lisbon and Barcelona are warmest; pack for 19 °C.')],
      });
      const agent = createAgent({
        ...TRIP_HELPER,
        models: [model(provider, 'openai', 'gpt-5-mini')],
        tools: [getWeather],
      });
      return answered(await agent.run('Oslo, Lisbon or Barcelona: where is it warmest?'));
    },
  },

  'sub-agent': {
    title: 'the agent asks another agent',
    async run(stage) {
      const provider = await stage.provider({
        'gpt-5-mini': [call('ask_local_guide', { task: 'Where to eat in Lisbon?' }), say('Eat at the market hall.')],
        'claude-haiku-4-5': [say('The market hall by the river is open until midnight.')],
      });
      const guide = createAgent({
        name: 'local-guide',
        description: 'Knows the city',
        instructions: 'You know every street of the city.',
        models: [model(provider, 'anthropic', 'claude-haiku-4-5')],
      });
      const agent = createAgent({
        ...TRIP_HELPER,
        models: [model(provider, 'openai', 'gpt-5-mini')],
        tools: [guide.asTool({ name: 'ask_local_guide' })],
      });
      return answered(await agent.run('Where should I eat in Lisbon?'));
    },
  },

  fallback: {
    title: 'the first model is rate limited, the second one takes over',
    async run(stage) {
      const provider = await stage.provider({
        'gpt-5': [{ type: 'status', status: 429, headers: { 'retry-after': '30' }, latencyMs: 15 }],
        'claude-haiku-4-5': [lookUp('Lisbon'), say(ANSWER)],
      });
      const agent = createAgent({
        ...TRIP_HELPER,
        models: [model(provider, 'openai', 'gpt-5'), model(provider, 'anthropic', 'claude-haiku-4-5')],
        tools: [getWeather],
      });
      return answered(await agent.run(QUESTION));
    },
  },

  'tool-failure': {
    title: 'a tool throws; the model is told and answers without it',
    async run(stage) {
      const provider = await stage.provider({
        'gpt-5-mini': [lookUp('Lisbon'), say('I cannot see the forecast right now; pack a light jacket to be safe.')],
      });
      const agent = createAgent({
        ...TRIP_HELPER,
        models: [model(provider, 'openai', 'gpt-5-mini')],
        tools: [getWeatherDown],
      });
      return answered(await agent.run(QUESTION));
    },
  },

  'memory-failure': {
    title: 'the memory store is broken; the agent answers without its notes',
    async run(stage) {
      const provider = await stage.provider({ 'gpt-5-mini': [say('Pack light clothes and a jacket.')] });
      const agent = createAgent({
        ...TRIP_HELPER,
        models: [model(provider, 'openai', 'gpt-5-mini')],
        memory: damagedNotes,
      });
      return answered(await agent.run(QUESTION));
    },
  },

  'models-exhausted': {
    title: 'every model of the chain fails: a wrong key, a rate limit, a dropped connection',
    async run(stage) {
      const provider = await stage.provider({
        'gpt-5': [{ type: 'status', status: 401, latencyMs: 15 }],
        'claude-haiku-4-5': [{ type: 'status', status: 429, headers: { 'retry-after': '30' }, latencyMs: 15 }],
        'mistral-large-latest': [{ type: 'reset', latencyMs: 15 }],
      });
      const agent = createAgent({
        ...TRIP_HELPER,
        models: [
          model(provider, 'openai', 'gpt-5'),
          model(provider, 'anthropic', 'claude-haiku-4-5'),
          model(provider, 'mistral', 'mistral-large-latest'),
        ],
      });
      return endsWith('AllModelsFailedError', agent.run(QUESTION), 'the run failed as intended');
    },
  },

  'agent-error': {
    title: 'the model keeps asking for tools until the agent gives up',
    async run(stage) {
      const provider = await stage.provider({ 'gpt-5-mini': () => lookUp('Lisbon') });
      const agent = createAgent({
        ...TRIP_HELPER,
        models: [model(provider, 'openai', 'gpt-5-mini')],
        tools: [getWeather],
        maxTurns: 2,
      });
      return endsWith('MaxTurnsError', agent.run(QUESTION), 'the run failed as intended');
    },
  },

  'transport-crash': {
    title: 'the chat connection drops while the agent is working',
    async run(stage) {
      const provider = await stage.provider({ 'gpt-5-mini': [{ type: 'hang' }] });
      const agent = createAgent({ ...TRIP_HELPER, models: [model(provider, 'openai', 'gpt-5-mini')] });
      const chat: Transport = {
        name: 'chat-socket',
        async start(receive) {
          void receive({
            id: 'message-1',
            text: QUESTION,
            conversationId: 'trip-42',
            userId: 'traveller-7',
            transport: 'chat-socket',
            reply: () => Promise.resolve(),
          });
          await provider.waitForRequest();
          await delay(40);
          throw new SocketClosedError('the connection was closed (1006)');
        },
      };
      const runtime = createRuntime({
        agents: [agent],
        transports: [{ transport: chat, agent: agent.name }],
      });
      return endsWith('SocketClosedError', runtime.start(), 'the transport crashed as intended');
    },
  },

  abort: {
    title: 'the user presses stop in the middle of the answer',
    async run(stage) {
      const provider = await stage.provider({
        'gpt-5-mini': [{ type: 'hang', text: 'For Lisbon', latencyMs: 40 }],
      });
      const agent = createAgent({ ...TRIP_HELPER, models: [model(provider, 'openai', 'gpt-5-mini')] });
      const run = agent.stream(QUESTION);
      for await (const event of run) if (event.type === 'text.delta') run.abort(new StoppedByUser('stop'));
      return endsWith('StoppedByUser', run.result, 'the run was stopped as intended');
    },
  },
};

/** What a transport throws when its connection is gone. */
class SocketClosedError extends Error {
  override readonly name = 'SocketClosedError';
}

/** Why a run was aborted. */
class StoppedByUser extends Error {
  override readonly name = 'StoppedByUser';
}

function say(text: string): StubTurn & { readonly type: 'text' } {
  return {
    type: 'text',
    text,
    latencyMs: 70,
    usage: { inputTokens: 412, outputTokens: 38, cachedTokens: 256, reasoningTokens: 12 },
  };
}

/** The model asks for the weather of each city, in one turn. */
function lookUp(...cities: string[]): StubTurn {
  return {
    type: 'toolCalls',
    calls: cities.map((city) => ({ name: 'get_weather', arguments: { city } })),
    latencyMs: 50,
    usage: { inputTokens: 286, outputTokens: 24 * cities.length },
  };
}

function call(name: string, input: Readonly<Record<string, unknown>>): StubTurn {
  return {
    type: 'toolCalls',
    calls: [{ name, arguments: input }],
    latencyMs: 50,
    usage: { inputTokens: 286, outputTokens: 31 },
  };
}

function answered({ text }: RunResult): string {
  return `the agent answered: ${text}`;
}

/** Waits for the failure the scenario is about. Any other end is a fault of the demo and is passed on. */
async function endsWith(name: string, work: Promise<unknown>, outcome: string): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error && error.name === name) return `${outcome}: ${name}`;
    throw error;
  }
  throw new Error(`expected ${name}, but nothing failed`);
}
