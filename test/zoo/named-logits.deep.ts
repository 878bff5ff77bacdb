/** @file Every model whose logits are kept gives them. */
import { expect } from 'chai';
import { differenceOf, namedLogits } from '../support/named-logits.ts';

describe('logits of every model by its name', () => {
  for (const row of namedLogits)
    it(`${row.name}, by ${row.by}`, async () => {
      expect(await differenceOf(row)).to.be.below(1e-5);
    });
});
