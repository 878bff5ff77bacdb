/**
 * @file A conv and the norm that is all that reads it share passes over the image between them.
 *
 * - The mean over the batch goes through a conv: that of y is the conv of the mean image of x, which is one image instead of a
 *   batch. So it is known before y is made, and the conv takes it away as a bias: y comes centred.
 * - Of the norm's gradient dx = k (dy - ...), with a number k for each channel, only the conv's gradients read dx. They are
 *   linear in it, and k meets the kernel and its gradient instead of the image.
 */

import type { Node, Value } from '../ir.ts';
import { sizeOf } from '../types.ts';
import type { Source } from './blocked.ts';
import { placesMean } from './blocked-ops.ts';
import { isWhole } from './choose.ts';
import type { Emitter } from './emitter.ts';
import { blocks, nchw } from './layout.ts';
import { rowSums } from './sums.ts';

/** A conv's input of more numbers, so many times its output's, is not worth reading for the mean. */
const mostRead = 2;

/** Whether y comes centred: images enough to save a pass over, and no reader but norms and their gradients. */
export function comesCentred(e: Emitter, x: Value, y: Value): boolean {
  const readers = e.readers(y) ?? [];
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
    isWhole(e, y) &&
    batch >= 8 &&
    sizeOf(x.shape) <= mostRead * sizeOf(y.shape) &&
    readers.some(isNorm) &&
    readers.every((node) => isNorm(node) || isGradient(node))
  );
}

/** The mean over the batch of what a conv reads. */
export function meanSource(e: Emitter, x: Value): Source {
  const { block = 1 } = e;
  const [batch = 1, height = 1, width = 1, channels = 1] = x.shape;
  const over = (name: string, filled: number): string =>
    e.once(`mean image ${name}`, () => {
      const size = filled * height * width;
      return e.reshape(rowSums(e, name, [1, batch, size], 1 / batch), [1, filled, height, width]);
    });
  return {
    plain: () => over(e.get(x, nchw), channels),
    blocked: () => over(e.get(x, blocks), Math.ceil(channels / block) * block),
  };
}

/** The bias that takes away the mean of y, of which `image` is the mean image; and remembers it. */
export function centring(e: Emitter, y: Value, image: string): string {
  const mean = e.reshape(placesMean(e, image), [y.shape[3] ?? 1]);
  e.means.set(y, mean);
  return e.emit1('Neg', [mean]);
}

/** Whether a factor for each channel may be left out of dx, since it meets smaller things behind. */
export function mayScaleLater(e: Emitter, dx: Value): boolean {
  const readers = e.readers(dx) ?? [];
  const isConvGrad = ({ op, inputs: [a, b] }: Node): boolean =>
    (op.kind === 'convInputGrad' && a === dx && b !== dx) ||
    (op.kind === 'convFilterGrad' && b === dx && a !== dx);
  const isSmall = ({ inputs: [, b], outputs: [y] }: Node): boolean =>
    4 * sizeOf((b === dx ? y : b)?.shape ?? []) <= sizeOf(dx.shape);
  return readers.length > 0 && readers.every((node) => isConvGrad(node) && isSmall(node));
}

/** The kernel by which dy meets its factor. */
export function scaledKernel(e: Emitter, dy: Value, kernel: Value): Value {
  const scale = e.factors.get(dy);
  if (scale === undefined) return kernel;
  return named(e, kernel, e.emit1('Mul', [e.get(kernel), scale]));
}

/** Makes the filter gradient dk, by what does so for a dy without its factor. */
export function scaledGradient(e: Emitter, dy: Value, dk: Value, make: (raw: Value) => void): void {
  const scale = e.factors.get(dy);
  if (scale === undefined) return make(dk);
  const raw = named(e, dk);
  make(raw);
  e.put(dk, e.emit1('Mul', [e.get(raw), scale]));
}

/** A value of that shape, which no node of the graph made. */
function named(e: Emitter, { shape, dtype }: Value, name?: string): Value {
  const node: Node = { op: { kind: 'map', op: 'Mul' }, inputs: [], outputs: [], source: 'norm' };
  const value: Value = { id: -1, shape, dtype, node };
  if (name !== undefined) e.put(value, name);
  return value;
}
