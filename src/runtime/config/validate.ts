import { z } from 'zod';

import { describe } from '../../telemetry/config/kinds.ts';
import { isRecord } from '../fields.ts';
import type { ConfigProblem } from './config-error.ts';
import { pathName, valueAt, type ConfigDocument, type ConfigPath } from './document.ts';
import { hint } from './nearest.ts';
import { CONFIG_SCHEMA, expectationOf, type ConfigFile } from './schema.ts';
import { alternativeFor, fieldsOf, memberOf } from './schema-parts.ts';

/** A file that fits the schema, or everything that does not. */
export type Validation =
  | { readonly status: 'valid'; readonly file: ConfigFile }
  | { readonly status: 'invalid'; readonly problems: readonly ConfigProblem[] };

export function validateConfig(document: ConfigDocument): Validation {
  const result = CONFIG_SCHEMA.safeParse(document.value);
  if (result.success) return { status: 'valid', file: result.data };
  const problems = result.error.issues.flatMap((issue) =>
    explain(issue, { schema: CONFIG_SCHEMA, path: [] }, document),
  );
  return { status: 'invalid', problems };
}

/** A schema and where the value it is for stands. */
interface Place {
  readonly schema: z.core.$ZodType;
  readonly path: ConfigPath;
}

/** An issue in the words of the schema. Its path begins at `place`. */
function explain(issue: z.core.$ZodIssue, place: Place, document: ConfigDocument): readonly ConfigProblem[] {
  const segments = issue.path as ConfigPath;
  const path = [...place.path, ...segments];
  const value = valueAt(document.value, path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const schema = alternativeFor(schemaAt(place, segments, document), value);
      const known = Object.keys(fieldsOf(schema) ?? {});
      return issue.keys.map((key) => ({
        ...document.positionOfKey([...path, key]),
        message: `${pathName(path)} has no key ${describe(key)}; ${hint(key, known)}`,
      }));
    }
    case 'invalid_key': {
      const names = schemaAt(place, segments.slice(0, -1), document);
      const expected = names instanceof z.ZodRecord ? expectationOf(names.keyType) : 'another name';
      const name = describe(path.at(-1));
      const message = `a key of ${pathName(path.slice(0, -1))} must be ${expected}, but is ${name}`;
      return [{ ...document.positionOfKey(path), message }];
    }
    case 'invalid_union': {
      const union = schemaAt(place, segments, document);
      const meant = alternativeFor(union, value);
      const inner = fieldsOf(meant) === undefined ? undefined : z.safeParse(meant!, value).error;
      if (inner === undefined) return [wrongValue(path, union, value, document)];
      return inner.issues.flatMap((issue) => explain(issue, { schema: meant!, path }, document));
    }
    default:
      return [wrongValue(path, schemaAt(place, segments, document), value, document)];
  }
}

function wrongValue(
  path: ConfigPath,
  schema: z.core.$ZodType,
  value: unknown,
  document: ConfigDocument,
): ConfigProblem {
  const is = value === undefined ? 'is missing: it must be' : 'must be';
  const came = value === undefined ? '' : whatCame(path, value);
  return { ...document.positionOf(path), message: `${pathName(path)} ${is} ${expectationOf(schema)}${came}` };
}

/** Where a variable is to be named often its value stands, which is a secret of any form. */
function whatCame(path: ConfigPath, value: unknown): string {
  return String(path.at(-1)).endsWith('_env') ? ', and not its value' : `, but is ${describeValue(value)}`;
}

/** Quotes are easily overlooked, and what is empty is of the right type. */
function describeValue(value: unknown): string {
  if (value === '') return 'an empty text';
  if (Array.isArray(value) && value.length === 0) return 'an empty list';
  if (isRecord(value) && Object.keys(value).length === 0) return 'an empty object';
  return typeof value === 'string' && LOOKS_LIKE_ANOTHER_TYPE.test(value)
    ? `the text ${describe(value)}`
    : describe(value);
}

const LOOKS_LIKE_ANOTHER_TYPE = /^(?:[-+.\d]+|true|false)$/;

/** The schema of what the segments lead to. Where there are alternatives, that for the value which is there. */
function schemaAt(place: Place, segments: ConfigPath, document: ConfigDocument): z.core.$ZodType {
  const [segment, ...rest] = segments;
  if (segment === undefined) return place.schema;
  const meant = alternativeFor(place.schema, valueAt(document.value, place.path));
  const member = memberOf(meant, segment);
  if (member === undefined) return place.schema;
  return schemaAt({ schema: member, path: [...place.path, segment] }, rest, document);
}
