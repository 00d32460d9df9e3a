import { z } from 'zod';

import { isRecord } from '../fields.ts';

type Schema = z.core.$ZodType;

/** The schema of a field, whether or not the field may be absent. */
export function required(schema: Schema): Schema {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}

/** The fields of a schema of objects, by name; `undefined` for any other schema. */
export function fieldsOf(schema: Schema | undefined): Readonly<Record<string, Schema>> | undefined {
  return schema instanceof z.ZodObject ? schema.shape : undefined;
}

/** The schema of what stands below a name or an index. */
export function memberOf(schema: Schema | undefined, segment: string | number): Schema | undefined {
  if (schema instanceof z.ZodArray) return schema.element;
  if (schema instanceof z.ZodRecord) return schema.valueType;
  const member = fieldsOf(schema)?.[segment];
  return member === undefined ? undefined : required(member);
}

/** The schemas of what stands in a list, below any name, or in one of several forms; `suffix` continues its path. */
export function elementOf(schema: Schema): readonly { readonly part: Schema; readonly suffix: string }[] {
  if (schema instanceof z.ZodArray) return [{ part: schema.element, suffix: '[]' }];
  if (schema instanceof z.ZodRecord) return [{ part: schema.valueType, suffix: '.<name>' }];
  return schema instanceof z.ZodUnion ? schema.options.map((part) => ({ part, suffix: '' })) : [];
}

/** The alternative that a value was most likely meant to be: the one for values of its shape. */
export function alternativeFor(schema: Schema, value: unknown): Schema | undefined {
  if (!(schema instanceof z.ZodUnion)) return schema;
  return schema.options.find((option) => shapeOf(option) === shapeOfValue(value));
}

type Shape = 'object' | 'list' | 'plain';

function shapeOf(schema: Schema): Shape {
  if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord) return 'object';
  return schema instanceof z.ZodArray ? 'list' : 'plain';
}

function shapeOfValue(value: unknown): Shape {
  if (isRecord(value)) return 'object';
  return Array.isArray(value) ? 'list' : 'plain';
}
