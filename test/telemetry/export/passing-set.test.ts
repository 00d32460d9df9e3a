import { describe, expect, it } from 'vitest';

import { createPassingSet } from '../../../src/telemetry/export/passing-set.ts';
import { fc } from '../../support/properties.ts';
import { runScript } from '../../support/run-script.ts';

describe('a set of elements that pass through', () => {
  it('holds what was added and not deleted, in the order in which it came', () => {
    const steps = fc.array(
      fc.oneof({ weight: 3, arbitrary: fc.constant('add' as const) }, { weight: 2, arbitrary: fc.nat({ max: 200 }) }),
      { size: 'max', maxLength: 400 },
    );
    fc.assert(
      fc.property(steps, (taken) => {
        const model = new Set<number>();
        const set = createPassingSet<number>();
        for (const [element, step] of taken.entries()) {
          const take = (from: { add(element: number): unknown; delete(element: number): boolean }): unknown =>
            step === 'add' ? void from.add(element) : from.delete(step);
          expect(take(set)).toBe(take(model));
          expect(set.oldest).toBe(model.values().next().value);
        }
        expect([...set]).toEqual([...model]);
        expect(set.size).toBe(model.size);
        set.clear();
        expect([...set]).toEqual([]);
      }),
    );
  });

  it('can be emptied by whoever goes through it', () => {
    const set = createPassingSet<number>();
    for (let element = 0; element < 100; element += 1) set.add(element);
    for (const element of set) set.delete(element);
    expect(set.size).toBe(0);
  });

  it('leaves nothing among the old objects of what has passed', async () => {
    const { stdout, stderr } = await runScript(`
      import { runInNewContext } from 'node:vm';
      import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
      import { createPassingSet } from 'DIST/telemetry/export/passing-set.js';
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc');
      const collectYoung = () => collect({ type: 'minor' });
      const oldBytes = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space').space_used_size;
      class Passing {
        content = Array.from({ length: 200 }).fill(0);
      }
      const set = createPassingSet();
      const inside = [];
      const pass = (count) => {
        for (let index = 0; index < count; index += 1) {
          const element = new Passing();
          set.add(element);
          inside.push(element);
          if (inside.length > 3) set.delete(inside.shift());
        }
      };
      pass(1_000);
      // What is in it now becomes old.
      collectYoung();
      collectYoung();
      const before = oldBytes();
      let most = 0;
      for (let round = 0; round < 20; round += 1) {
        pass(1_000);
        collectYoung();
        most = Math.max(most, oldBytes() - before);
      }
      console.log(most);
    `);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^\d+\n$/);
    expect(Number(stdout)).toBeLessThan(1_000_000);
  });
});
