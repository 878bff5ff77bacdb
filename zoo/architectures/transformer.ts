/** @file Parts of transformers. Vaswani et al. 2017, arXiv:1706.03762, section 3.1. */
import type { Block, Flow } from '../../src/compose/index.ts';

/** The block: attention, then a perceptron, each with a skip. */
export const transformer =
  (attention: Block, mlp: Block, dropPath: number): Block =>
  (x) =>
    x.pipe('attention', residual(attention, dropPath)).pipe('mlp', residual(mlp, dropPath));
/** A sum with the input, which training leaves out at this rate. */
export const residual =
  (body: Block, dropPath = 0): Block =>
  (x) =>
    x.residual((y) => body(y).dropPath(dropPath));

/** The parts of each head, [heads, parts], as values of their own: shuffles bring the heads of each part together. */
export function headParts(x: Flow<'map'>, heads: number, sizes: readonly number[]): readonly Flow<'map'>[] {
  const apart = x.shuffle(heads);
  let from = 0;
  return sizes.map((n) => {
    const part = apart.slice(from * heads, (from + n) * heads).shuffle(n);
    from += n;
    return part;
  });
}
