/** @file The block of a transformer, and the parts of its heads. Vaswani et al. 2017, arXiv:1706.03762, section 3.1. */
import type { Block, Flow } from '../../src/compose/index.ts';

/** Attention, then a perceptron, each with a skip. */
export const transformer = (attention: Block, mlp: Block, dropPath: number): Block => {
  const residual =
    (body: Block): Block =>
    (x) =>
      x.residual((y) => body(y).dropPath(dropPath));
  return (x) => x.pipe('attention', residual(attention)).pipe('mlp', residual(mlp));
};

/** The parts of each head, [heads, parts], as values of their own: shuffles bring the heads of each part together. */
export function parts(x: Flow<'map'>, heads: number, sizes: readonly number[]): readonly Flow<'map'>[] {
  const apart = x.shuffle(heads);
  let from = 0;
  return sizes.map((n) => {
    const part = apart.slice(from * heads, (from + n) * heads).shuffle(n);
    from += n;
    return part;
  });
}
