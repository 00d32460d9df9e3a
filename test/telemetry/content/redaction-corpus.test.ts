import { describe, expect, it } from 'vitest';

import { measureLookAlikes, measureSecrets, type Row } from './corpus/measure.ts';

const totalOf = (rows: readonly Row[]): number => rows.reduce((sum, { total }) => sum + total, 0);
const wrongIn = (rows: readonly Row[]): readonly string[] => rows.flatMap(({ wrong }) => wrong);

// What is promised is 99 % of each. The corpus holds the form of everything that is recognised, so that here it is all.
describe('redaction, over a corpus of texts', () => {
  it('takes out every secret and all personal data, whole', () => {
    const rows = measureSecrets();
    expect(totalOf(rows)).toBeGreaterThanOrEqual(400);
    expect(wrongIn(rows)).toEqual([]);
  });

  it('leaves what only looks like it as it is', () => {
    const rows = measureLookAlikes();
    expect(totalOf(rows)).toBeGreaterThanOrEqual(250);
    expect(wrongIn(rows)).toEqual([]);
  });
});
