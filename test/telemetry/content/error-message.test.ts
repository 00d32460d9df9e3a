import { describe, expect, it } from 'vitest';

import { safeErrorMessage } from '../../../src/telemetry/content/error-message.ts';
import { secretCases } from './corpus/secrets.ts';

describe('an error message that may leave', () => {
  it('has none of the secrets redaction knows, and does not say which they were', () => {
    const key = ['sk-', 'proj-', 'Q7f3kP9xLm2vTz8R'].join('');
    expect(safeErrorMessage(`401 for ${key} of ada@mail.org at https://a:b12@x.test`)).toBe(
      '401 for [redacted] of [redacted] at https://[redacted]@x.test',
    );
    for (const { text, secret } of secretCases()) {
      expect(safeErrorMessage(`refused: ${text}`)).not.toContain(secret);
    }
  });

  it('is not read beyond what a long message has, however long it is', () => {
    const message = safeErrorMessage(`${'word '.repeat(2_000_000)}end`);
    expect(message).toMatch(/^word word .*…$/);
    expect(message).toHaveLength(501);
  });

  it('has no part of a secret that stands where it is cut', () => {
    const secret = ['gh', 'p_16C7e42F292c6912E7710c838347Ae178B4a'].join('');
    for (let before = 440; before <= 1_010; before += 1) {
      expect(safeErrorMessage(`${'x'.repeat(before)} ${secret} end`)).not.toContain('p_16');
    }
  });
});
