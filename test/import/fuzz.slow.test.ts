/** @file Damaged files: one clear line or a reading, never anything else (10,000 a reader: fuzz.deep.ts). */
import { expect } from 'chai';
import { fuzz, readers } from '../support/mutations.ts';

describe('200 damaged files', () => {
  for (const name of Object.keys(readers)) {
    it(`of ${name}`, () => {
      const { wrong, read, refused, slowestMs, messages } = fuzz(name, 0, 200);
      expect(wrong).to.deep.equal([]);
      expect(read + refused).to.equal(200);
      expect(slowestMs).to.be.below(2000);
      expect(messages.size, 'kinds of refusals').to.be.above(5);
    });
  }
});
