/** @file Writes ONNX nodes and constants with unique names. */

import { ints, type OnnxData, type OnnxNode, type OnnxTensor } from '../../onnx/index.ts';
import type { ValueType } from '../ir.ts';
import { nth } from '../types.ts';
import type { Emitter } from './emitter.ts';

/** The part of an emitter that knows nothing of the values of the graph. */
export type Writer = Pick<
  Emitter,
  | 'nodes'
  | 'initializers'
  | 'emit'
  | 'emit1'
  | 'longs'
  | 'scalar'
  | 'constant'
  | 'splat'
  | 'once'
  | 'reshape'
  | 'transpose'
>;

/** Larger constants of one value are expanded by the graph. */
const largestSplat = 16;

export function newWriter(): Writer {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const results = new Map<string, string>();
  let count = 0;

  const emit: Writer['emit'] = (opType, inputs, attributes = {}, outputs = 1, domain) => {
    const names = Array.from({ length: outputs }, () => `t${count++}`);
    nodes.push({ opType, inputs, outputs: names, attributes, ...(domain ? { domain } : {}) });
    return names;
  };
  const emit1: Writer['emit1'] = (op, inputs, attributes, domain) =>
    nth(emit(op, inputs, attributes, 1, domain), 0);
  const initializer = (
    key: string,
    dtype: OnnxTensor['dtype'],
    shape: readonly number[],
    data: OnnxData,
  ): string => {
    const known = initializers.get(key);
    if (known) return known.name;
    const name = `c${initializers.size}`;
    initializers.set(key, { name, dtype, shape, data });
    return name;
  };
  const longs: Writer['longs'] = (values) =>
    initializer(`long ${values.join()}`, 'int64', [values.length], values);
  const scalar: Writer['scalar'] = (value, dtype) =>
    initializer(`${dtype} ${spelled(value)}`, dtype, [], typed([value], dtype));
  const once: Writer['once'] = (key, make) => {
    const known = results.get(key);
    if (known !== undefined) return known;
    const name = make();
    results.set(key, name);
    return name;
  };
  const splat: Writer['splat'] = (value, shape, dtype) => {
    if (shape.length === 0) return scalar(value, dtype);
    const size = shape.reduce((product, dim) => product * dim, 1);
    const key = `splat ${dtype} ${spelled(value)} ${shape.join()}`;
    if (size <= largestSplat)
      return initializer(key, dtype, shape, typed(Array<number>(size).fill(value), dtype));
    return once(key, () => emit1('Expand', [scalar(value, dtype), longs(shape)]));
  };
  return {
    nodes,
    initializers,
    emit,
    emit1,
    longs,
    scalar,
    constant: (data, shape, dtype) => initializer(`data ${initializers.size}`, dtype, shape, data),
    splat,
    once,
    reshape: (name, shape) => emit1('Reshape', [name, longs(shape)]),
    transpose: (name, perm) => emit1('Transpose', [name], { perm: ints(perm) }),
  };
}

/** A number as a part of a key, where 0 and -0 differ. */
const spelled = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

function typed(values: readonly number[], dtype: ValueType): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}
