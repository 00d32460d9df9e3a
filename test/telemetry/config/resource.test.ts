import { describe, expect, test } from 'vitest';

import { DSN, hostWith, resolving } from './resolving.ts';

describe('the resource', () => {
  test('of a process nobody named is called what the conventions say', () => {
    expect(resolving({ SENTRY_DSN: DSN }).config.resourceAttributes).toEqual({
      'service.name': 'unknown_service:node',
      'deployment.environment.name': 'production',
    });
  });

  test('is called after the main script', () => {
    const { config } = resolving({ SENTRY_DSN: DSN }, {}, hostWith({}, '/app/src/helper.ts'));
    expect(config.resourceAttributes['service.name']).toBe('helper');
  });

  test('says which application it is of only with a name somebody gave, else with the path of its script', () => {
    const application = (env: Readonly<Record<string, string>>, script?: string): string =>
      resolving({ SENTRY_DSN: DSN, ...env }, {}, hostWith({}, script)).config.application;
    expect(application({}, '/app/index.js')).toBe(application({}, '/app/index.js'));
    expect(application({}, '/app/index.js')).not.toBe(application({}, '/other/index.js'));
    expect(application({})).not.toBe(application({}, '/unknown_service:node'));
    for (const env of [{ OTEL_SERVICE_NAME: 'index' }, { npm_package_name: 'index' }]) {
      expect(application(env, '/app/index.js')).toBe(application(env, '/other/index.js'));
      expect(application(env, '/app/index.js')).not.toBe(application({}, '/app/index.js'));
    }
  });

  test('is called after the npm package first', () => {
    const { config } = resolving(
      { SENTRY_DSN: DSN, npm_package_name: '@acme/helper', npm_package_version: '1.2.3' },
      {},
      hostWith({}, '/app/src/main.ts'),
    );
    expect(config.resourceAttributes).toEqual({
      'service.name': '@acme/helper',
      'service.version': '1.2.3',
      'deployment.environment.name': 'production',
    });
  });

  test('takes each attribute from the strongest source, and within one from the setting of its own', () => {
    const environment = {
      SENTRY_DSN: DSN,
      OTEL_SERVICE_NAME: 'variable',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=list,service.version=1,deployment.environment.name=list,team=a,region=eu',
    };
    const defaults = { serviceName: 'file', environment: 'file', resourceAttributes: { team: 'file', tier: 'file' } };
    expect(resolving(environment, { defaults }).config.resourceAttributes).toEqual({
      'service.name': 'variable',
      'service.version': '1',
      'deployment.environment.name': 'list',
      team: 'a',
      region: 'eu',
      tier: 'file',
    });
    expect(
      resolving(environment, {
        defaults,
        environment: 'code',
        resourceAttributes: { 'service.name': 'code', region: 'us', replicas: 3, zones: ['a', 'b'] },
      }).config.resourceAttributes,
    ).toEqual({
      'service.name': 'code',
      'service.version': '1',
      'deployment.environment.name': 'code',
      team: 'a',
      region: 'us',
      tier: 'file',
      replicas: 3,
      zones: ['a', 'b'],
    });
  });

  test.each([
    [{ SENTRY_ENVIRONMENT: 'staging' }, 'staging'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging' }, 'staging'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=staging' }, 'staging'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=old', SENTRY_ENVIRONMENT: 'staging' }, 'staging'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging,deployment.environment=old' }, 'staging'],
    [{ SENTRY_ENVIRONMENT: '  ' }, 'production'],
  ])('names one environment, the same as the configuration: %j', (environment, name) => {
    const { config } = resolving({ SENTRY_DSN: DSN, ...environment });
    expect(config.environment).toBe(name);
    expect(config.resourceAttributes).toEqual({
      'service.name': 'unknown_service:node',
      'deployment.environment.name': name,
    });
  });

  test('decodes a list, takes an unencoded equals sign as it is, and leaves out bad entries alone', () => {
    const { config, problems } = resolving({
      SENTRY_DSN: DSN,
      OTEL_RESOURCE_ATTRIBUTES: ' team = core%2Cagents , query=a=b,broken=100%,alone,=nameless,%E2%82%AC=euro',
    });
    expect(config.resourceAttributes).toEqual({
      'service.name': 'unknown_service:node',
      'deployment.environment.name': 'production',
      team: 'core,agents',
      query: 'a=b',
      '€': 'euro',
    });
    expect(problems).toEqual([
      {
        key: 'OTEL_RESOURCE_ATTRIBUTES',
        message:
          'OTEL_RESOURCE_ATTRIBUTES must list key=value with percent-encoded values, but does not in "broken", entry 4, entry 5.',
      },
    ]);
  });

  test('an empty service name is none', () => {
    const { config } = resolving({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=,team=a',
    });
    expect(config.resourceAttributes).toMatchObject({ 'service.name': 'unknown_service:node', team: 'a' });
  });
});
