/** @file Kernels that move values without computing: reshape, slice, pad, gather; and constants of a given shape. */

import * as tf from '@tensorflow/tfjs-core';
import { MoonletError } from '../../errors.ts';
import { paddingsAttr } from '../../kernels/index.ts';
import { valueType } from '../backend.ts';
import {
  add1,
  concat,
  constant,
  expand,
  int,
  onnx,
  pad,
  reshape,
  slice,
  splat,
  transpose,
} from '../build.ts';
import type { Trace, Value } from '../ir.ts';
import { type Call, dtypeAttr, numberAttr, numbersAttr, type Rule, type Rules } from '../rule.ts';
import { sizeOf } from '../types.ts';

const toShape: Rule = (call) => {
  const x = call.in('x');
  return reshape(call.trace, x, tf.util.inferFromImplicitShape(numbersAttr(call, 'shape'), sizeOf(x.shape)));
};

const expandDims: Rule = (call) => {
  const x = call.in('input');
  const dim = numberAttr(call, 'dim');
  return reshape(call.trace, x, x.shape.toSpliced(dim < 0 ? dim + x.shape.length + 1 : dim, 0, 1));
};

const axisOf = (call: Call, rank: number): number => {
  const axis = numberAttr(call, 'axis');
  return axis < 0 ? axis + rank : axis;
};

const pack: Rule = (call) => {
  const rank = (call.all[0]?.shape.length ?? 0) + 1;
  const axis = axisOf(call, rank);
  const parts = call.all.map((x) => reshape(call.trace, x, x.shape.toSpliced(axis, 0, 1)));
  return concat(call.trace, parts, axis);
};

/** The piece of `x` from `begin` to `begin + size` along one axis. */
function piece(trace: Trace, x: Value, axis: number, begin: number, size: number): Value {
  const start = x.shape.map((_, i) => (i === axis ? begin : 0));
  return slice(
    trace,
    x,
    start,
    x.shape.map((dim, i) => (i === axis ? size : dim)),
  );
}

const unpack: Rule = (call) => {
  const x = call.in('value');
  const axis = axisOf(call, x.shape.length);
  const shape = x.shape.toSpliced(axis, 1);
  return Array.from({ length: x.shape[axis] ?? 0 }, (_, i) =>
    reshape(call.trace, piece(call.trace, x, axis, i, 1), shape),
  );
};

/** What tf's helpers read of a tensor: its shape. */
const shapeOnly = ({ shape }: Value): tf.Tensor => ({ shape: [...shape], rank: shape.length }) as tf.Tensor;

const split: Rule = (call) => {
  const x = call.in('x');
  const axis = axisOf(call, x.shape.length);
  const { numOrSizeSplits: count } = call.attrs;
  const wanted = typeof count === 'number' ? count : numbersAttr(call, 'numOrSizeSplits');
  const sizes = tf.backend_util.prepareSplitSize(shapeOnly(x), wanted, axis);
  let begin = 0;
  return sizes.map((size) => {
    const part = piece(call.trace, x, axis, begin, size);
    begin += size;
    return part;
  });
};

const toSlice: Rule = (call) => {
  const x = call.in('x');
  const [begin = [], size = []] = tf.slice_util.parseSliceParams(
    shapeOnly(x),
    numbersAttr(call, 'begin'),
    numbersAttr(call, 'size'),
  );
  return slice(call.trace, x, begin, size);
};

const stridedSlice: Rule = (call) => {
  const x = call.in('x');
  const mask = (name: string): number => numberAttr(call, name);
  const info = tf.slice_util.sliceInfo(
    [...x.shape],
    numbersAttr(call, 'begin'),
    numbersAttr(call, 'end'),
    numbersAttr(call, 'strides'),
    mask('beginMask'),
    mask('endMask'),
    mask('ellipsisMask'),
    mask('newAxisMask'),
    mask('shrinkAxisMask'),
  );
  return reshape(
    call.trace,
    slice(call.trace, x, info.begin, info.finalShapeSparse, info.strides),
    info.finalShape,
  );
};

const reverse: Rule = (call) => {
  const x = call.in('x');
  const dims = tf.util.parseAxisParam(numbersAttr(call, 'dims'), [...x.shape]);
  if (dims.length === 0) return x;
  const begin = x.shape.map((dim, i) => (dims.includes(i) ? dim - 1 : 0));
  return slice(
    call.trace,
    x,
    begin,
    x.shape,
    x.shape.map((_, i) => (dims.includes(i) ? -1 : 1)),
  );
};

const padded: Rule = (call) => {
  const paddings = paddingsAttr(call.attrs, 'paddings');
  const before = paddings.map((pair) => pair[0]);
  return pad(
    call.trace,
    call.in('x'),
    before,
    paddings.map((pair) => pair[1]),
    numberAttr(call, 'constantValue'),
  );
};

/** Reflection leaves the edge out, symmetry repeats it: a gather of mirrored places along each axis. */
const mirrorPad: Rule = (call) => {
  const paddings = paddingsAttr(call.attrs, 'paddings');
  const edge = call.attrs['mode'] === 'reflect' ? 0 : 1;
  return paddings.reduce((x, [before, after], axis) => {
    if (before + after === 0) return x;
    const length = x.shape[axis] ?? 1;
    const places = Int32Array.from({ length: before + length + after }, (_, i) => {
      const place = i - before;
      if (place < 0) return -place - edge;
      return place < length ? place : 2 * length - 2 - place + edge;
    });
    return gather(call.trace, x, constant(call.trace, places, [places.length], 'int32'), axis);
  }, call.in('x'));
};

function gather(trace: Trace, x: Value, indices: Value, axis: number): Value {
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return onnx(trace, 'Gather', [x, indices], shape, x.dtype, { axis: int(axis) });
}

const gatherV2: Rule = (call) => {
  const [x, indices] = [call.in('x'), call.in('indices')];
  if (numberAttr(call, 'batchDims') !== 0) {
    throw new MoonletError('jit: tf.gather with batchDims has no rule; gather with a one-hot matMul instead');
  }
  return gather(call.trace, x, indices, axisOf(call, x.shape.length));
};

const tile: Rule = (call) => {
  const x = call.in('x');
  const reps = numbersAttr(call, 'reps');
  const shape = x.shape.map((dim, i) => dim * (reps[i] ?? 1));
  if (x.shape.every((dim, i) => dim === 1 || reps[i] === 1)) return expand(call.trace, x, shape);
  return onnx(call.trace, 'Tile', [x, longs(call.trace, reps)], shape, x.dtype);
};

/** An int32 constant; the emitter hands it to ONNX as int64 where that is asked for. */
function longs(trace: Trace, values: readonly number[]): Value {
  return add1(trace, { kind: 'constant', data: Int32Array.from(values) }, [], {
    shape: [values.length],
    dtype: 'int32',
  });
}

const fill: Rule = (call) => {
  const shape = numbersAttr(call, 'shape');
  return splat(
    call.trace,
    numberAttr(call, 'value'),
    shape,
    valueType(dtypeAttr(call) ?? 'float32', 'tf.fill'),
  );
};

const like =
  (value: number): Rule =>
  ({ trace, in: input }) => {
    const x = input('x');
    return splat(trace, value, x.shape, x.dtype);
  };

const range: Rule = (call) => {
  const [start, stop] = [numberAttr(call, 'start'), numberAttr(call, 'stop')];
  const step = numberAttr(call, 'step', 1);
  const dtype = valueType(dtypeAttr(call) ?? 'float32', 'tf.range');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  const values = Array.from({ length }, (_, i) => start + i * step);
  return constant(
    call.trace,
    dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values),
    [length],
    dtype,
  );
};

const linSpace: Rule = (call) => {
  const [start, stop] = [numberAttr(call, 'start'), numberAttr(call, 'stop')];
  const count = numberAttr(call, 'num', 1);
  const step = count > 1 ? (stop - start) / (count - 1) : 0;
  return constant(
    call.trace,
    Float32Array.from({ length: count }, (_, i) => start + i * step),
    [count],
    'float32',
  );
};

export const shapes: Rules = {
  Reshape: toShape,
  ExpandDims: expandDims,
  Transpose: (call) => transpose(call.trace, call.in('x'), numbersAttr(call, 'perm')),
  Concat: (call) => concat(call.trace, call.all, axisOf(call, call.all[0]?.shape.length ?? 0)),
  Pack: pack,
  Unpack: unpack,
  Slice: toSlice,
  StridedSlice: stridedSlice,
  SplitV: split,
  PadV2: padded,
  Pad: padded,
  MirrorPad: mirrorPad,
  Tile: tile,
  Reverse: reverse,
  GatherV2: gatherV2,
  Range: range,
  LinSpace: linSpace,
  Fill: fill,
  ZerosLike: like(0),
  OnesLike: like(1),
};
