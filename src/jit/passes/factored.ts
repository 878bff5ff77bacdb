/**
 * @file Takes a factor out of the gradient of a batch norm, dx = k (dy - ...) with a number k for each channel, where only the
 * gradients of a conv read dx. These are linear in dx, so that k multiplies the kernel and its gradient instead of the image.
 */

import { add, add1 } from '../build.ts';
import { type Node, type Readers, reachable, readersOf, type Value } from '../ir.ts';
import { isWhole } from '../lower/choose.ts';
import type { Recorded } from '../record.ts';
import { sizeOf } from '../types.ts';
import { endsOf, rewrite } from './rewrite.ts';

/** The image has at least this many times the numbers of what the factor multiplies instead. */
const leastSaving = 4;

/** The graph in which such a `normGrad` has its factor as an output, and `channelScale` multiplies the kernels. */
export function factored(recorded: Recorded, block: number | undefined): Recorded {
  const ends = endsOf(recorded);
  const readers = readersOf(reachable(recorded.trace, ends), ends);
  /** By the dx of the old graph. */
  const factors = new Map<Value, Value>();
  return rewrite(recorded, (node, { trace, now }) => {
    const { op, inputs, outputs } = node;
    const [first, second] = inputs;
    const [output] = outputs;
    if (!first || !second || !output) return undefined;
    if (op.kind === 'normGrad' && comesFactored(second, block) && fits(output, readers)) {
      const factor = { shape: [output.shape[3] ?? 1], dtype: output.dtype };
      const results = add(trace, op, inputs.map(now), [...outputs, factor]);
      const f = results.at(-1);
      if (f) factors.set(output, f);
      return results.slice(0, -1);
    }
    const scaled = (x: Value, f: Value): Value => add1(trace, { kind: 'channelScale' }, [x, f], x);
    if (op.kind === 'convInputGrad') {
      const factor = factors.get(first);
      return factor && add(trace, op, [now(first), scaled(now(second), factor)], outputs);
    }
    if (op.kind === 'convFilterGrad') {
      const factor = factors.get(second);
      return factor && [scaled(add1(trace, op, [now(first), now(second)], output), factor)];
    }
    return undefined;
  });
}

/** Whether lowering gives the gradient of such an image without its factor: in blocks, and where there are none. */
const comesFactored = (x: Value, block: number | undefined): boolean =>
  block === undefined ? x.shape.length === 4 : isWhole({ block }, x);

/** Whether only gradients of convs read dx, and the factor multiplies much smaller tensors there. */
function fits(dx: Value, readersOfValue: Readers): boolean {
  const readers = readersOfValue(dx) ?? [];
  const isConvGrad = ({ op, inputs: [a, b] }: Node): boolean =>
    (op.kind === 'convInputGrad' && a === dx && b !== dx) ||
    (op.kind === 'convFilterGrad' && b === dx && a !== dx);
  const isSmall = ({ inputs: [, b], outputs: [y] }: Node): boolean =>
    leastSaving * sizeOf((b === dx ? y : b)?.shape ?? []) <= sizeOf(dx.shape);
  return readers.length > 0 && readers.every((node) => isConvGrad(node) && isSmall(node));
}
