import { basename, extname } from 'node:path';

import type { AttributeValue } from '@opentelemetry/api';

import { ENVIRONMENT, RESOURCE_ATTRIBUTES, SERVICE_NAME, SERVICE_VERSION } from './catalog.ts';
import type { Host } from './host.ts';
import type { NpmPackage } from './npm-package.ts';
import { overlay } from './records.ts';
import { first, type Layer, type Settings } from './settings.ts';

/** Attributes of the resource. `service.name` and `deployment.environment.name` are always among them. */
export type ResourceAttributes = Readonly<Record<string, AttributeValue>>;

/** Attribute that Sentry's environment filter is driven by. */
export const DEPLOYMENT_ENVIRONMENT_NAME = 'deployment.environment.name';
/** Its name before semantic conventions 1.27. Sentry reads both, so two that differ must not leave together. */
const DEPLOYMENT_ENVIRONMENT = 'deployment.environment';

/** Attributes with a setting of their own, which wins over the same attribute in a list beside it. */
const NAMED = [
  ['service.name', SERVICE_NAME],
  ['service.version', SERVICE_VERSION],
  [DEPLOYMENT_ENVIRONMENT_NAME, ENVIRONMENT],
] as const;

/** The resource of all spans: each source of settings laid over the weaker ones, over what npm and Node say. */
export function resolveResource(settings: Settings, program: NpmPackage, host: Host): ResourceAttributes {
  const { name, version } = program;
  const builtIn: ResourceAttributes = {
    'service.name': name ?? scriptName(host),
    ...(version ? { 'service.version': version } : {}),
    [DEPLOYMENT_ENVIRONMENT_NAME]: 'production',
  };
  return overlay([...settings.layers.map(attributesOf), builtIn]);
}

/**
 * What tells this application from others: its name, and where nobody gave it one, what it was started with. Half of
 * all programs are called `index` or `server`.
 */
export function resolveApplication(settings: Settings, program: NpmPackage, host: Host): string {
  const given = overlay(settings.layers.map(attributesOf));
  const name = given['service.name'] ?? program.name;
  return name === undefined ? `${scriptName(host)}\n${host.mainScript ?? host.workingDirectory}` : String(name);
}

function attributesOf(layer: Layer): ResourceAttributes {
  const given: Record<string, AttributeValue> = { ...first(layer.read(RESOURCE_ATTRIBUTES)) };
  const { [DEPLOYMENT_ENVIRONMENT]: formerName, ...attributes } = given;
  // As if it were not there, like every empty variable.
  if (attributes['service.name'] === '') delete attributes['service.name'];
  if (formerName !== undefined) attributes[DEPLOYMENT_ENVIRONMENT_NAME] ??= formerName;
  for (const [attribute, setting] of NAMED) {
    const value = first(layer.read(setting));
    if (value !== undefined) attributes[attribute] = value;
  }
  return attributes;
}

function scriptName({ mainScript }: Host): string {
  // What the semantic conventions call a service nobody named.
  return mainScript === undefined ? 'unknown_service:node' : basename(mainScript, extname(mainScript));
}
