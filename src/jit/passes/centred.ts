/**
 * @file Fuses a conv with the batch norms that are its only readers: the conv subtracts the mean from its output.
 *
 * The mean over the batch commutes with a conv: that of the output is the conv of the mean image of the input, which is one image
 * instead of a batch. So the mean is known before the output is made, and the conv subtracts it as a bias.
 */

import { add } from '../build.ts';
import { type Node, type Readers, reachable, readersOf, type Value } from '../ir.ts';
import { isWhole } from '../lower/choose.ts';
import type { Recorded } from '../record.ts';
import { sizeOf } from '../types.ts';
import { endsOf, rewrite } from './rewrite.ts';

/** An input with more than this many times the output's numbers takes longer to average than the pass that is saved. */
const largestInput = 2;

/** Smaller batches save less than the mean image costs. */
const smallestBatch = 8;

/** The graph in which such convs are `centredConv`s, and their norms read c and m. */
export function centred(recorded: Recorded, block: number | undefined): Recorded {
  const ends = endsOf(recorded);
  const readers = readersOf(reachable(recorded.trace, ends), ends);
  /** By the output of a conv: the m that goes with its c. */
  const means = new Map<Value, Value>();
  return rewrite(recorded, (node, { trace, now }) => {
    const { op, inputs, outputs } = node;
    const [y] = outputs;
    if (op.kind === 'conv' && y && fits(node, y, readers, block)) {
      const mean = { shape: [y.shape[3] ?? 1], dtype: y.dtype };
      const [c, m] = add(trace, { kind: 'centredConv', geometry: op.geometry }, inputs.map(now), [y, mean]);
      if (!c || !m) throw new Error('internal: a centred conv without its mean');
      means.set(y, m);
      return [c];
    }
    if (op.kind !== 'norm' && op.kind !== 'normGrad') return undefined;
    const image = op.kind === 'norm' ? inputs[0] : inputs[1];
    const m = image && means.get(image);
    return m && add(trace, op, [...inputs.map(now), m], outputs);
  });
}

/** Whether a conv comes centred: its output is large enough to save a pass over it, and only norms and their gradients read it. */
function fits({ inputs: [x] }: Node, y: Value, readersOfValue: Readers, block: number | undefined): boolean {
  const readers = readersOfValue(y) ?? [];
  const isNorm = ({ op, inputs }: Node): boolean => op.kind === 'norm' && inputs[0] === y;
  const isGradient = ({ op, inputs: [dy, image, , mean] }: Node): boolean =>
    op.kind === 'normGrad' &&
    image === y &&
    dy !== y &&
    !!mean &&
    isNorm(mean.node) &&
    mean === mean.node.outputs[1];
  const [batch = 1] = y.shape;
  return (
    isWhole({ block }, y) &&
    batch >= smallestBatch &&
    sizeOf(x?.shape ?? []) <= largestInput * sizeOf(y.shape) &&
    readers.some(isNorm) &&
    readers.every((reader) => isNorm(reader) || isGradient(reader))
  );
}
