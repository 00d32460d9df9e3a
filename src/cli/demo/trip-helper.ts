/** The agent of the demo: a small travel helper with tools and notes, as a product has them. */
import { setTimeout as delay } from 'node:timers/promises';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { StandardSchemaV1 } from '@standard-schema/spec';

import { defineTool, type MemoryStore, type ModelEntry, type Tool } from '../../runtime/index.ts';
import type { StubProvider } from '../../testing/stub-provider.ts';

/**
 * Shaped like a real key on purpose: the 401 of `models-exhausted` echoes parts of it, as vendors do, and
 * nothing that leaves the process may hold them.
 */
const API_KEY = 'sk-proj-7Qd2xK9vLmZpW4hTQXjY';

/** A model of `vendor`, served by the stub over HTTP. Asked once: the demo shows hops, not patience. */
export function model(provider: StubProvider, vendor: string, name: string): ModelEntry {
  const connect = createOpenAICompatible({
    name: vendor,
    baseURL: provider.baseUrl,
    apiKey: API_KEY,
    includeUsage: true,
  });
  return { model: connect(name), maxRetries: 0 };
}

/** What every helper of the demo has in common. */
export const TRIP_HELPER = {
  name: 'trip-helper',
  description: 'Answers questions about a trip',
  instructions: 'You help people plan a trip. Use the tools for facts and answer in one sentence.',
} as const;

/** The arguments of every tool here. Written by hand, because the demo needs no schema library. */
const CITY: StandardSchemaV1<unknown, { readonly city: string }> = {
  '~standard': {
    version: 1,
    vendor: 'faultline-demo',
    validate: (value) => {
      const city = typeof value === 'object' && value !== null && 'city' in value ? value.city : undefined;
      return typeof city === 'string' ? { value: { city } } : { issues: [{ message: 'city must be a string' }] };
    },
  },
};

const CITY_JSON_SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
} as const;

export const getWeather: Tool<{ readonly city: string }> = defineTool({
  name: 'get_weather',
  description: "Tomorrow's weather in a city",
  input: CITY,
  jsonSchema: CITY_JSON_SCHEMA,
  execute: async ({ city }) => {
    await delay(city.length * 6);
    return { city, forecast: '19 °C, sunny' };
  },
});

/** `get_weather` on a day on which the service behind it is down. */
export const getWeatherDown: Tool<{ readonly city: string }> = defineTool({
  name: 'get_weather',
  description: "Tomorrow's weather in a city",
  input: CITY,
  jsonSchema: CITY_JSON_SCHEMA,
  execute: async () => {
    await delay(25);
    throw new WeatherServiceError('the weather service answered 503');
  },
});

/** What the weather tool throws. */
class WeatherServiceError extends Error {
  override readonly name = 'WeatherServiceError';
}

/** The traveller's notes in a database whose file is damaged. */
export const damagedNotes: MemoryStore = {
  id: 'traveller-notes',
  system: 'sqlite',
  add: () => Promise.resolve(),
  remove: () => Promise.resolve(false),
  search: async () => {
    await delay(8);
    throw new SqliteError('database disk image is malformed');
  },
};

/** What a SQLite driver throws. */
class SqliteError extends Error {
  override readonly name = 'SqliteError';
}
