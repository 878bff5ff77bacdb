/** @file Batch norm in training and its gradient as ONNX nodes. */

import { float, int } from '../../onnx/index.ts';
import type { Value } from '../ir.ts';
import { sizeOf } from '../types.ts';
import { chooseLayout, operand } from './choose.ts';
import type { Emitter } from './emitter.ts';
import { nchw, plain } from './layout.ts';

type Three = readonly [Value, Value, Value];

/**
 * One BatchNormalization. With momentum 0 its running outputs are the batch's own statistics (biased variance).
 *
 * onnxruntime writes these outputs into the buffers of the running inputs, whatever else reads these. So the
 * inputs are two values that nothing else can share: made from this x, by two different ops.
 */
export function lowerNorm(e: Emitter, eps: number, [x, gamma, beta]: Three, [y, mean, variance]: Three): void {
  const rank = x.shape.length;
  const channels = x.shape.at(-1) ?? 1;
  const layout = rank === 4 ? nchw : plain(rank);
  const image = e.get(x, layout);
  const at = (end: number[]): string =>
    e.reshape(e.emit1('Slice', [image, e.longs(end.map(() => 0)), e.longs(end)]), [channels]);
  const sample = at(rank === 4 ? [1, channels, 1, 1] : [1, channels]);
  const first = e.emit1('Mul', [sample, e.scalar(0, 'float32')]);
  const second = e.emit1('Sub', [sample, sample]);
  const inputs = [image, e.get(gamma), e.get(beta), first, second];
  const attributes = { training_mode: int(1), momentum: float(0), epsilon: float(eps) };
  const [name, meanName, varianceName] = e.emit('BatchNormalization', inputs, attributes, 3);
  e.put(y, name as string, layout);
  e.put(mean, meanName as string);
  e.put(variance, varianceName as string);
}

/**
 * dbeta = sum dy, dgamma = sum dy xhat, dx = gamma s (dy - dbeta/m - xhat dgamma/m) with s = 1/sqrt(var + eps),
 * in as few passes over the images as ONNX's ops allow.
 */
export function lowerNormGrad(
  e: Emitter,
  eps: number,
  [dy, x, gamma, mean, variance]: readonly [Value, Value, Value, Value, Value],
  [dx, dgamma, dbeta]: Three,
): void {
  const rank = x.shape.length;
  const layout = chooseLayout(e, [dy, x], rank);
  const count = sizeOf(x.shape) / (x.shape.at(-1) ?? 1);
  const axes = e.longs(plain(rank - 1).map((axis) => layout.indexOf(axis)));
  const [image, gradient] = [e.get(x, layout), e.get(dy, layout)];
  const wide = (name: string): string => {
    const at = layout.indexOf(rank - 1);
    return at === rank - 1 ? name : e.reshape(name, [dx.shape.at(-1) ?? 1, 1, 1]);
  };
  const two = (op: string, a: string, b: string): string => e.emit1(op, [a, b]);
  const inverse = e.emit1('Reciprocal', [e.emit1('Sqrt', [two('Add', e.get(variance), e.scalar(eps, 'float32'))])]);
  const centred = two('Sub', image, operand(e, mean, rank, layout));
  const sum = (name: string): string => e.emit1('ReduceSum', [name, axes], { keepdims: int(0) });
  const sumDy = sum(gradient);
  const gradGamma = two('Mul', sum(two('Mul', gradient, centred)), inverse);
  const scale = two('Mul', e.get(gamma), inverse);
  const share = e.scalar(1 / count, 'float32');
  const slope = two('Mul', two('Mul', scale, inverse), two('Mul', gradGamma, share));
  const shift = two('Mul', scale, two('Mul', sumDy, share));
  const away = two('Add', two('Mul', centred, wide(slope)), wide(shift));
  e.put(dx, two('Sub', two('Mul', gradient, wide(scale)), away), layout);
  e.put(dgamma, gradGamma);
  e.put(dbeta, sumDy);
}
