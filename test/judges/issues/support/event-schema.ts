import { readdirSync, readFileSync } from 'node:fs';

import { fileOfBugsink } from './bugsink.ts';
import { loadPackage } from './packages.ts';

/** What is used of `ajv`. */
interface AjvModule {
  readonly Ajv: new (options: object) => {
    compile(schema: unknown): ((value: unknown) => boolean) & { errors?: readonly SchemaError[] | null };
  };
}

interface SchemaError {
  readonly instancePath: string;
  readonly message?: string;
}

/** Says what is wrong with an event: nothing, for one that Relay understands. */
export type EventSchema = (event: unknown) => readonly string[];

/**
 * The schema of error events that Sentry generates from Relay's source (getsentry/sentry-data-schemas). Bugsink
 * brings an unchanged copy along, with its MIT licence.
 */
export function loadEventSchema(): EventSchema {
  const { Ajv } = loadPackage('ajv') as AjvModule;
  const python = readdirSync(fileOfBugsink('lib')).find((name) => name.startsWith('python')) ?? 'python3';
  const schema: unknown = JSON.parse(
    readFileSync(fileOfBugsink('lib', python, 'site-packages/api/event.schema.json'), 'utf8'),
  );
  // Its formats are those of Rust's numbers, which no JSON validator knows.
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  return (event) => {
    if (validate(event)) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
}
