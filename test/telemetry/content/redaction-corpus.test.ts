import { describe, expect, it } from 'vitest';

import { measureLookAlikes, measureSecrets, type Row } from './corpus/measure.ts';

const wrongIn = (rows: readonly Row[]): readonly string[] => rows.flatMap(({ wrong }) => wrong);
const totalOf = (rows: readonly Row[]): number => rows.reduce((sum, { total }) => sum + total, 0);

describe('redaction, over a corpus of texts', () => {
  it('takes out at least 99 % of the secrets and personal data, whole', () => {
    const rows = measureSecrets();
    expect(totalOf(rows)).toBeGreaterThanOrEqual(400);
    expect(wrongIn(rows).slice(0, totalOf(rows) / 100)).toEqual(wrongIn(rows));
  });

  it('leaves at least 99 % of what only looks like it as it is', () => {
    const rows = measureLookAlikes();
    expect(totalOf(rows)).toBeGreaterThanOrEqual(250);
    expect(wrongIn(rows).slice(0, totalOf(rows) / 100)).toEqual(wrongIn(rows));
  });
});
