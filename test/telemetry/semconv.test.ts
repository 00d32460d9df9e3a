import * as stable from '@opentelemetry/semantic-conventions';
import { describe, expect, it } from 'vitest';

import * as semconv from '../../src/telemetry/semconv.ts';

describe('the table of names', () => {
  it('agrees with the published package on every name of the stable registry', () => {
    expect({
      db: semconv.DB_SYSTEM_NAME,
      error: semconv.ERROR_TYPE,
      type: semconv.EXCEPTION_TYPE,
      message: semconv.EXCEPTION_MESSAGE,
      stacktrace: semconv.EXCEPTION_STACKTRACE,
      address: semconv.SERVER_ADDRESS,
      port: semconv.SERVER_PORT,
    }).toEqual({
      db: stable.ATTR_DB_SYSTEM_NAME,
      error: stable.ATTR_ERROR_TYPE,
      type: stable.ATTR_EXCEPTION_TYPE,
      message: stable.ATTR_EXCEPTION_MESSAGE,
      stacktrace: stable.ATTR_EXCEPTION_STACKTRACE,
      address: stable.ATTR_SERVER_ADDRESS,
      port: stable.ATTR_SERVER_PORT,
    });
  });

  it('gives an operation name only to what Sentry counts as an agent, a model call or a tool', () => {
    const counted = Object.entries(semconv.OPERATIONS).filter(([, names]) => names.operationName !== undefined);
    expect(counted.map(([operation, names]) => [operation, names.operationName])).toEqual([
      ['agent', 'invoke_agent'],
      ['chat', 'chat'],
      ['tool', 'execute_tool'],
    ]);
  });

  it('uses every name once', () => {
    const names = Object.values(semconv).filter((value) => typeof value === 'string');
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});
