/** @file The block of a transformer. Vaswani et al. 2017, arXiv:1706.03762, section 3.1. */
import type { Block } from '../../src/compose/index.ts';

/** Attention, then a perceptron, each with a skip. */
export const transformer = (attention: Block, mlp: Block, dropPath: number): Block => {
  const residual =
    (body: Block): Block =>
    (x) =>
      x.residual((y) => body(y).dropPath(dropPath));
  return (x) => x.pipe('attention', residual(attention)).pipe('mlp', residual(mlp));
};
