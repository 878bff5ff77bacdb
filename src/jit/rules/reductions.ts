/** @file Reductions, sorting, cumulative sums, softmax. */

import { axesAttr } from '../../kernels/index.ts';
import { add, add1, cast, expand, int, map, onnx, reduce, reshape, slice, splat } from '../build.ts';
import type { Value } from '../ir.ts';
import { type Call, numberAttr, type Rule, type Rules } from '../rule.ts';
import { sizeOf } from '../types.ts';

const axesOf = ({ attrs }: Call, { shape }: Value, name = 'axis'): number[] => axesAttr(attrs, name, shape);

const over =
  (op: string, axisName = 'axis'): Rule =>
  (call) => {
    const x = call.in('x');
    return reduce(call.trace, op, x, axesOf(call, x, axisName), call.attrs['keepDims'] === true);
  };

const mean: Rule = (call) => {
  const { trace } = call;
  const x = cast(trace, call.in('x'), 'float32');
  return reduce(trace, 'ReduceMean', x, axesOf(call, x), call.attrs['keepDims'] === true);
};

/** All and any. ONNX does not reduce booleans, so they are reduced as integers, by minimum and maximum. */
const logical =
  (op: string): Rule =>
  (call) => {
    const { trace } = call;
    const x = cast(trace, call.in('x'), 'int32');
    return cast(trace, reduce(trace, op, x, axesOf(call, x), call.attrs['keepDims'] === true), 'bool');
  };

const extreme =
  (op: string): Rule =>
  (call) => {
    const x = call.in('x');
    const axis = axesOf(call, x)[0] ?? 0;
    const shape = x.shape.filter((_, i) => i !== axis);
    // ONNX gives int64; lowering casts it to tf's int32
    return onnx(call.trace, op, [x], shape, 'int32', { axis: int(axis), keepdims: int(0) });
  };

const topK: Rule = (call) => {
  const x = call.in('x');
  const k = numberAttr(call, 'k', 1);
  const shape = [...x.shape.slice(0, -1), k];
  return add(
    call.trace,
    { kind: 'onnx', op: 'TopK', attributes: { k: int(k) } },
    [x],
    [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int32' },
    ],
  );
};

const cumsum: Rule = (call) => {
  const x = call.in('x');
  const flag = (name: string): ReturnType<typeof int> => int(call.attrs[name] === true ? 1 : 0);
  const axis = axesOf(call, x)[0] ?? 0;
  return onnx(call.trace, 'CumSum', [x, splat(call.trace, axis, [], 'int32')], x.shape, x.dtype, {
    exclusive: flag('exclusive'),
    reverse: flag('reverse'),
  });
};

const softmax =
  (op: string, axisName: string): Rule =>
  (call) => {
    const x = call.in('logits');
    const axis = numberAttr(call, axisName, -1);
    return onnx(call.trace, op, [x], x.shape, x.dtype, {
      axis: int(axis < 0 ? axis + x.shape.length : axis),
    });
  };

/** Sums the rows of x by segment: ScatterND of the rows into zeros. Rows without a segment go to an extra one, which is cut off. */
const segmentSum: Rule = (call) => {
  const { trace } = call;
  const [x, ids] = [call.in('x'), call.in('segmentIds')];
  const segments = numberAttr(call, 'numSegments');
  const rest = x.shape.slice(ids.shape.length);
  const count = sizeOf(ids.shape);
  const rows = reshape(trace, x, [count, ...rest]);
  const places = reshape(trace, ids, [count, 1]);
  const isSegment = (id: number): boolean => id >= 0 && id < segments;
  const scattered = (target: Value, length: number): Value => {
    const shape = [length, ...rest];
    return onnx(trace, 'ScatterND', [splat(trace, 0, shape, x.dtype), target, rows], shape, x.dtype);
  };
  const { op } = ids.node;
  if (op.kind === 'constant' && (typeof op.data === 'number' ? isSegment(op.data) : op.data.every(isSegment)))
    return scattered(places, segments);
  const [zero, end] = [splat(trace, 0, [], 'int32'), splat(trace, segments, [], 'int32')];
  const below = map(trace, 'Less', [places, zero]);
  const target = map(trace, 'Min', [map(trace, 'Where', [below, end, places]), end]);
  const begin = [0, ...rest.map(() => 0)];
  return slice(trace, scattered(target, segments + 1), begin, [segments, ...rest]);
};

const oneHot: Rule = (call) => {
  const { trace } = call;
  const indices = cast(trace, call.in('indices'), 'int32');
  const depth = numberAttr(call, 'depth');
  const shape = [...indices.shape, depth];
  const data = Int32Array.from({ length: depth }, (_, i) => i);
  const classes = add1(trace, { kind: 'constant', data }, [], { shape: [depth], dtype: 'int32' });
  const hit = map(trace, 'Equal', [reshape(trace, indices, [...indices.shape, 1]), classes]);
  const dtype = call.attrs['dtype'] === 'int32' ? 'int32' : 'float32';
  const on = numberAttr(call, 'onValue', 1);
  const off = numberAttr(call, 'offValue', 0);
  const value = map(trace, 'Where', [hit, splat(trace, on, [], dtype), splat(trace, off, [], dtype)]);
  return expand(trace, on === 1 && off === 0 ? cast(trace, hit, dtype) : value, shape);
};

export const reductions: Rules = {
  Sum: over('ReduceSum'),
  Mean: mean,
  Max: over('ReduceMax', 'reductionIndices'),
  Min: over('ReduceMin'),
  Prod: over('ReduceProd'),
  All: logical('ReduceMin'),
  Any: logical('ReduceMax'),
  ArgMax: extreme('ArgMax'),
  ArgMin: extreme('ArgMin'),
  TopK: topK,
  Cumsum: cumsum,
  Softmax: softmax('Softmax', 'dim'),
  LogSoftmax: softmax('LogSoftmax', 'axis'),
  UnsortedSegmentSum: segmentSum,
  OneHot: oneHot,
};
