import { context, propagation, trace } from '@opentelemetry/api';
import { expect, onTestFinished, test } from 'vitest';

import { captureException, setupTracing } from '../../../src/index.ts';
import { loadConfig } from '../../../src/runtime/config.ts';
import { startFakeSentry } from '../../../src/testing/fake-sentry.ts';
import { rejection } from '../support/agents.ts';
import { loading, writeFiles } from './files.ts';

test('a file that cannot be used is an Issue that says where to look, and nothing of what stands there', async () => {
  const sentry = await startFakeSentry();
  const tracing = setupTracing({ env: {}, dsn: sentry.dsn, onDiagnostic: () => {} });
  onTestFinished(async () => {
    await tracing.shutdown(1_000);
    for (const api of [trace, context, propagation]) api.disable();
    await sentry.close();
  });
  const directory = writeFiles({
    'faultline.yaml': 'agents:\n  one: { models: [openai/a], max_turns: marmalade, Zanzibar: 1 }',
  });

  const error = await rejection(loadConfig(`${directory}/faultline.yaml`, loading().options));
  captureException(error);
  await tracing.flush();

  expect(String(error)).toMatch(/marmalade[^]*Zanzibar/);
  expect(JSON.stringify(sentry.envelopes.flatMap(({ items }) => items))).not.toMatch(/marmalade|Zanzibar/);
  expect(sentry.envelopes[0]!.items[0]!.payload).toMatchObject({
    exception: {
      values: [
        {
          type: 'ConfigError',
          value: `the configuration file ${directory}/faultline.yaml cannot be used; see 2:41, 2:52`,
        },
      ],
    },
  });
});
