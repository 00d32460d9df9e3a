import { afterEach, describe, expect, it } from 'vitest';

import { activate } from '../../src/telemetry/active.ts';
import { createContentPolicy } from '../../src/telemetry/content/policy.ts';
import { createReporter } from '../../src/telemetry/diagnostics.ts';

let deactivate = (): void => {};
afterEach(() => deactivate());

describe('a problem that is reported', () => {
  it('is said once, without a secret it may quote', () => {
    deactivate = activate({
      content: createContentPolicy({ redaction: { patterns: [{ name: 'patient', pattern: /PAT-\d{6}/ }] } }),
    });
    const lines: string[] = [];
    const report = createReporter((line) => lines.push(line));
    const key = ['sk-', 'proj-', 'Q7f3kP9xLm2vTz8R'].join('');
    for (let time = 0; time < 2; time += 1)
      report({ key: 'answer', message: `refused: ${key} of PAT-123456; see the docs` });
    expect(lines).toEqual(['refused: [redacted:openai_key] of [redacted:patient]; see the docs']);
  });
});
