/** @file The law of agreement over random chains of image ops, in every layout and gradient, and for every block. */

import * as tf from '@tensorflow/tfjs-core';
import { inEveryBlock, onThisMachine } from '../support/chain-laws.ts';
import { any, common } from '../support/chains.ts';
import { fc } from '../support/property.ts';

/** Runs in parts, each a test of its own. */
const parts = Array.from({ length: 12 }, (_, i) => i + 1);
const seeded = (part: number, numRuns: number) => ({ seed: 20240229 + part, numRuns });

describe('jit: chains of image ops agree with the eager backend, results and gradients', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  for (const part of parts) {
    it(`on this machine, ${part} of ${parts.length}`, () =>
      fc.assert(fc.asyncProperty(common, onThisMachine), seeded(part, 5)));

    it(`on this machine at any batch and channels, ${part} of ${parts.length}`, () =>
      fc.assert(fc.asyncProperty(any, onThisMachine), seeded(part, 5)));

    it(`in every block at any batch and channels, ${part} of ${parts.length}`, () =>
      fc.assert(fc.property(any, inEveryBlock), seeded(part, 5)));
  }
});
