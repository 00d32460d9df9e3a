import type { Attributes, AttributeValue } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';

import { plainAttributes, plainValue, writable } from '../content/plain-attribute.ts';
import type { Redactor } from '../content/redactor.ts';

/** Where spans come from, without the secrets that people put there: on command lines, in environments. */
export interface SpanOrigins {
  /** The same for the same resource, always: requests and files hold each resource once. */
  resource(resource: Resource): Resource;
  /** The same for the same scope, always. */
  scope(scope: InstrumentationScope): InstrumentationScope;
}

/** Creates what redacts origins, each once. */
export function createSpanOrigins(redactor: Redactor): SpanOrigins {
  return {
    resource: onceFor((resource) => safeResource(resource, redactor)),
    scope: onceFor((scope) => safeScope(scope, redactor)),
  };
}

function onceFor<T extends object>(change: (object: T) => T): (object: T) => T {
  const changed = new WeakMap<T, T>();
  let last: { readonly object: T; readonly result: T } | undefined;
  return (object) => {
    if (last?.object === object) return last.result;
    const result = changed.get(object) ?? change(object);
    changed.set(object, result);
    // What was made safe is safe: a function of the application is not to see it twice.
    changed.set(result, result);
    last = { object, result };
    return result;
  };
}

/** OTLP's scopes have attributes. The SDK's have none yet; those of other SDKs do. */
type ScopeWithAttributes = InstrumentationScope & { readonly attributes?: Attributes };

function safeScope(scope: ScopeWithAttributes, redactor: Redactor): InstrumentationScope {
  const { attributes: given } = scope;
  const name = redactor.text(scope.name);
  const attributes = given && plainAttributes(given, redactor);
  if (name === scope.name && attributes === given) return scope;
  return { ...scope, name, ...(attributes === undefined ? undefined : { attributes }) };
}

function safeResource(resource: Resource, redactor: Redactor): Resource {
  const isSettled = resource.asyncAttributesPending !== true;
  if (isSettled && plainAttributes(resource.attributes, redactor) === resource.attributes) return resource;
  const attributes: Record<string, RawValue> = {};
  for (const [key, value] of resource.getRawAttributes()) {
    // Of two values for one name the first counts, as in the SDK.
    attributes[redactor.name(key)] ??= safeValue(key, value, redactor);
  }
  const { schemaUrl } = resource;
  const safe = resourceFromAttributes(attributes, schemaUrl === undefined ? {} : { schemaUrl });
  // Nobody else can: the copy settles by itself.
  void safe.waitForAsyncAttributes?.();
  return safe;
}

type RawValue = ReturnType<Resource['getRawAttributes']>[number][1];

/** What a detector still looks for is redacted when it is found. */
function safeValue(key: string, value: RawValue, redactor: Redactor): RawValue {
  const redact = (found: AttributeValue | undefined): AttributeValue | undefined => {
    if (found === undefined || found === null) return undefined;
    return writable(plainValue(found, key, redactor.secretKind(key), redactor));
  };
  return value instanceof Promise ? value.then(redact, () => undefined) : redact(value);
}
