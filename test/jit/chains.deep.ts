/** @file The law of agreement over many random chains, for every block; `chains.slow.test.ts` has a few of them. */

import * as tf from '@tensorflow/tfjs-core';
import { inEveryBlock, onThisMachine } from '../support/chain-laws.ts';
import { any, common } from '../support/chains.ts';
import { fc } from '../support/property.ts';

describe('jit: many chains of image ops agree with the eager backend', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  it('on this machine', () => fc.assert(fc.asyncProperty(common, onThisMachine), { numRuns: 200 }));

  it('on this machine at any batch and channels', () =>
    fc.assert(fc.asyncProperty(any, onThisMachine), { numRuns: 300 }));

  it('in every block at any batch and channels', () =>
    fc.assert(fc.property(any, inEveryBlock), { numRuns: 500 }));
});
