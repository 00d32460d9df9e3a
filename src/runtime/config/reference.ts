/** The configuration file for people and editors: the reference and the JSON Schema, from the one description. */
import { z } from 'zod';

import { CONFIG_SCHEMA, expectationOf } from './schema.ts';
import { elementOf, fieldsOf, required } from './schema-parts.ts';

/** The JSON Schema of the file, in the draft that editors of YAML read. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    ...z.toJSONSchema(CONFIG_SCHEMA, { target: 'draft-7' }),
    title: 'faultline.yaml',
    description: 'Agents and how they run, for `faultline run` and `faultline serve`.',
  };
}

/** One object of the file, wherever it may stand. */
export interface ReferenceSection {
  /** `agents.<name>.settings`; the same object may stand in several places. */
  readonly places: readonly string[];
  readonly keys: readonly ReferenceKey[];
}

export interface ReferenceKey {
  readonly name: string;
  readonly isRequired: boolean;
  /** What its value must be. */
  readonly expected: string;
  /** What it means, and what happens without it. */
  readonly meaning: string;
}

type Shape = NonNullable<ReturnType<typeof fieldsOf>>;

/** Every object of the file, each once, in the order in which they first occur. */
export function configReference(): readonly ReferenceSection[] {
  const places = new Map<Shape, string[]>();
  const visit = (schema: z.core.$ZodType, path: string): void => {
    for (const { part, suffix } of elementOf(schema)) visit(part, `${path}${suffix}`);
    const shape = fieldsOf(schema);
    if (shape === undefined) return;
    const known = places.get(shape);
    if (known !== undefined) {
      known.push(path);
      return;
    }
    places.set(shape, [path]);
    for (const [name, field] of Object.entries(shape)) visit(required(field), path === '' ? name : `${path}.${name}`);
  };
  visit(CONFIG_SCHEMA, '');
  return [...places].map(([shape, places]) => ({ places, keys: Object.entries(shape).map(describeKey) }));
}

function describeKey([name, field]: [string, z.core.$ZodType]): ReferenceKey {
  const schema = required(field);
  const { description = '', default: byDefault } = z.globalRegistry.get(schema) ?? {};
  const meaning = byDefault === undefined ? description : `${description} Default: \`${JSON.stringify(byDefault)}\`.`;
  // Its keys have a section of their own.
  const expected = fieldsOf(schema) === undefined ? expectationOf(schema) : 'an object';
  return { name, isRequired: schema === field, expected, meaning };
}
