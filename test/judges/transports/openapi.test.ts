import { expect, test } from 'vitest';

import { httpTransport } from '../../../src/runtime/transports/http.ts';
import { loadPackage } from './support/packages.ts';

interface ValidatorModule {
  readonly Validator: new () => {
    readonly version: string;
    validate(document: unknown): Promise<{ readonly valid: boolean; readonly errors?: unknown }>;
  };
}

test.each([
  ['as it is', {}],
  ['with everything on', { eventSource: true, token: 'sesame', basePath: '/api' }],
])("the transport's description is valid OpenAPI 3.1, %s", async (_name, options) => {
  const { Validator } = loadPackage('@seriousme/openapi-schema-validator') as ValidatorModule;
  const http = httpTransport({ agents: [{ name: 'helper', description: 'Helps' }, { name: 'other' }], ...options });
  const headers = { authorization: 'Bearer sesame' };
  const path = `${'basePath' in options ? options.basePath : ''}/openapi.json`;
  const response = await http.fetch(new Request(`http://localhost${path}`, { headers }));

  const validator = new Validator();
  const result = await validator.validate(await response.json());

  expect([validator.version, result]).toEqual(['3.1', { valid: true }]);
});
