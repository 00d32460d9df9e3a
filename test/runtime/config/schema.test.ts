import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { describe, expect, test } from 'vitest';

import { configJsonSchema, configReference } from '../../../src/runtime/config/reference.ts';
import { CONFIG_SCHEMA } from '../../../src/runtime/config/schema.ts';
import { load } from './files.ts';
import { fc } from '../../support/properties.ts';

const ROOT = new URL('../../../', import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

/** The tables between the markers of the reference: the headings, and each row as its cells. */
function documented(): { heading: string; rows: string[][] }[] {
  const document = read('docs/faultline-yaml.md');
  const reference = document.slice(document.indexOf('<!-- reference'), document.indexOf('<!-- end of reference'));
  return reference
    .split('\n### ')
    .slice(1)
    .map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      const rows = lines.filter((line) => line.startsWith('| `'));
      return {
        heading,
        rows: rows.map((row) =>
          row
            .split('|')
            .slice(1, -1)
            .map((cell) => cell.trim()),
        ),
      };
    });
}

describe('what is known about faultline.yaml', () => {
  test('is written in the reference, key by key', () => {
    const expected = configReference().map(({ places, keys }) => ({
      heading: places[0] === '' ? 'The file' : `\`${places[0]}\``,
      rows: keys.map(({ name, isRequired, expected, meaning }) => [
        `\`${name}\`${isRequired ? ' (required)' : ''}`,
        expected,
        meaning,
      ]),
    }));

    expect(documented()).toEqual(expected);
    expect(expected.flatMap(({ rows }) => rows).filter(([, , meaning]) => meaning === '')).toEqual([]);
  });

  test('is in faultline.schema.json for editors', () => {
    expect(JSON.parse(read('faultline.schema.json'))).toEqual(configJsonSchema());
  });

  test('makes every example of the documentation a valid file', async () => {
    const examples = [...read('docs/faultline-yaml.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map(
      ([, text = '']) => text,
    );
    const files = { 'tools/weather.js': '', 'prompts/researcher.md': 'Look it up.', '.env': '' };

    expect(examples.length).toBeGreaterThan(1);
    for (const example of examples) await expect(load(example, files)).resolves.toMatchObject({ notices: [] });
  });
});

/** A file that says everything once, as data. */
const SAMPLE = {
  runtime: {
    env_file: '.env',
    sentry: {
      dsn_env: 'HELPER_DSN',
      environment: 'staging',
      release: 'helper@1',
      sample_rate: 0.5,
      traces_sample_rate: 1,
      send_default_pii: true,
      debug: false,
    },
    telemetry: { service_name: 'helper', capture_content: true, recorder_directory: './spool' },
    http: {
      host: '0.0.0.0',
      port: 0,
      token_env: 'HELPER_TOKEN',
      base_path: '/api',
      allowed_hosts: ['agents.example.com'],
      cors_origins: ['https://app.example.com'],
      event_source: true,
      max_body_bytes: 1_000,
      body_timeout_ms: 1_000,
      heartbeat_ms: 1_000,
    },
    on_crash: 'restart',
    max_active: 4,
  },
  providers: { gateway: { base_url: 'https://gateway.example.com/v1', api_key_env: 'GATEWAY_KEY' } },
  defaults: { models: ['openai/gpt-5-mini'], settings: { temperature: 0 }, max_turns: 3, tool_timeout_ms: 'none' },
  agents: {
    helper: {
      description: 'Helps.',
      instructions: 'Be brief.',
      models: [
        'openai/gpt-5-mini',
        { model: 'gateway/m-1', max_retries: 0, timeout_ms: 0.5, settings: { top_k: 3, seed: -1 } },
      ],
      settings: {
        top_p: 0.5,
        max_output_tokens: 5,
        frequency_penalty: -1,
        presence_penalty: 1,
        stop_sequences: ['END'],
        provider_options: { openai: { nested: [1, { a: true }] } },
      },
      tools: ['./tools/weather.js#getWeather', '/tools/all.js'],
      agents: ['writer'],
      memory: { sqlite: './memory.db', limit: 3, timeout_ms: 100, scope: 'user', tools: true },
      transport: { slack: { bot_token_env: 'BOT', app_token_env: 'APP' } },
      tool_concurrency: 1,
      tool_timeout_ms: 1_000,
    },
    writer: { instructions_file: './writer.md', memory: 'in_process', transport: 'cli', timeout_ms: 2_147_483_647 },
  },
};

type Path = readonly (string | number)[];

/** Every place of a value, itself included. */
function placesIn(value: unknown, path: Path = []): Path[] {
  const inner =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, part]) =>
          placesIn(part, [...path, Array.isArray(value) ? Number(key) : key]),
        )
      : [];
  return [path, ...inner];
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  if (rest.length === 0 && by === undefined) delete copy[key];
  else copy[key] = replaced(copy[key], rest, by);
  return copy;
}

interface JsonSchemaValidator {
  new (options: object): { compile(schema: object): (value: unknown) => boolean };
}

/** ajv, when it is installed: another validator's view of the JSON Schema. */
function findAjv(): JsonSchemaValidator | undefined {
  try {
    const module: unknown = createRequire(import.meta.url)('ajv');
    return (module as { default: JsonSchemaValidator }).default;
  } catch {
    return undefined;
  }
}

const Ajv = findAjv();

describe.skipIf(Ajv === undefined)('the JSON Schema (needs the package ajv)', () => {
  test('accepts what the reader accepts, and refuses what it refuses', () => {
    const isValid = new Ajv!({ strict: false }).compile(configJsonSchema());
    const places = placesIn(SAMPLE);
    const value = fc.oneof(
      fc.constantFrom(
        undefined,
        null,
        '',
        'a',
        'A',
        'cli',
        'in_process',
        'restart',
        'openai/x',
        './x.js#y',
        'http://x',
      ),
      fc.constantFrom(-1, 0, 0.5, 1, 1.5, 65_536, 2 ** 31, 1e21, true, false, [], ['a'], {}, { a: 1 }, [[]]),
      fc.constantFrom(...places).map((path) => path.reduce<unknown>((at, key) => (at as never)[key], SAMPLE)),
      fc.string(),
    );
    const extra = fc.record({ at: fc.constantFrom(...places), key: fc.constantFrom('a', 'B', '1', 'model') });
    let accepted = 0;

    expect(isValid(SAMPLE)).toBe(true);
    fc.assert(
      fc.property(fc.constantFrom(...places), value, fc.option(extra), (at, by, extra) => {
        let file = replaced(SAMPLE, at, by);
        const parent = extra?.at.reduce<unknown>((inner, key) => (inner as never)?.[key], file);
        if (extra && typeof parent === 'object' && parent !== null && !Array.isArray(parent)) {
          file = replaced(file, [...extra.at, extra.key], by);
        }
        const { success } = CONFIG_SCHEMA.safeParse(file);
        if (success) accepted += 1;
        expect({ file, isValid: isValid(file) }).toEqual({ file, isValid: success });
      }),
      { numRuns: 400 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});
