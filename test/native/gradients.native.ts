/** @file Every gradient on tfjs-node: PyTorch's numbers, with ties and without. */
import { expectReference, references } from '../support/gradients.ts';
import { needsTfjsNode } from './installed.ts';

describe('gradients on tfjs-node', () => {
  before(needsTfjsNode);
  for (const name of references.keys())
    it(`of ${name} are PyTorch's`, () => expectReference(name, 'tfjs-node'));
});
