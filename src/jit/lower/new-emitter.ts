/** @file Writes ONNX nodes, and remembers in which layouts each value of the graph already lies in memory. */

import {
  float,
  int,
  ints,
  type OnnxAttribute,
  type OnnxData,
  type OnnxNode,
  type OnnxTensor,
} from '../../onnx/index.ts';
import type { Fusions, Value, ValueType } from '../ir.ts';
import { sizeOf } from '../types.ts';
import { reorderInput, reorderOutput } from './blocked-ops.ts';
import type { Emitter } from './emitter.ts';
import { between, blocks, isFree, isPlain, type Layout, lay, nchw, permuted, plain } from './layout.ts';

export function newEmitter(carry: boolean, block: number | undefined, fusions: Fusions): Emitter {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const forms = new Map<Value, Map<string, { name: string; layout: Layout }>>();
  const aliases = new Map<Value, Value>();
  const numbers = new Map<Value, number>();
  const sourceOf = (value: Value): Value => aliases.get(value) ?? value;
  const made = new Map<string, string>();
  let count = 0;

  const emit: Emitter['emit'] = (opType, inputs, attributes = {}, outputs = 1, domain) => {
    const names = Array.from({ length: outputs }, () => `t${count++}`);
    nodes.push({ opType, inputs, outputs: names, attributes, ...(domain ? { domain } : {}) });
    return names;
  };
  const emit1: Emitter['emit1'] = (op, inputs, attributes, domain) =>
    emit(op, inputs, attributes, 1, domain)[0] as string;
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
  const longs: Emitter['longs'] = (values) =>
    initializer(`long ${values.join()}`, 'int64', [values.length], values);
  const scalar: Emitter['scalar'] = (value, dtype) =>
    initializer(`${dtype} ${Object.is(value, -0) ? '-0' : value}`, dtype, [], typed([value], dtype));
  const constant: Emitter['constant'] = (data, shape, dtype) =>
    initializer(`data ${initializers.size}`, dtype, shape, data);
  const once: Emitter['once'] = (key, make) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const name = make();
    made.set(key, name);
    return name;
  };
  const reshape: Emitter['reshape'] = (name, shape) => emit1('Reshape', [name, longs(shape)]);
  const transpose: Emitter['transpose'] = (name, perm) => emit1('Transpose', [name], { perm: ints(perm) });

  const put: Emitter['put'] = (value, name, layout = plain(value.shape.length)) => {
    if (aliases.has(value)) throw new Error(`internal: a value of ${value.node.source} is lowered twice`);
    const known = forms.get(value) ?? new Map<string, { name: string; layout: Layout }>();
    known.set(layout.join(), { name, layout });
    forms.set(value, known);
  };

  const get: Emitter['get'] = (alias, layout = plain(alias.shape.length)) => {
    const value = sourceOf(alias);
    const known = forms.get(value)?.get(layout.join());
    if (known) return known.name;
    const name = bring(value, layout);
    put(value, name, layout);
    return name;
  };

  const bring = (value: Value, layout: Layout): string => {
    if (layout === blocks) return intoBlocks(value);
    const { op } = value.node;
    const shape = lay(value.shape, layout);
    if (op.kind === 'constant') {
      if (typeof op.data !== 'number') {
        return constant(permuted(op.data, value.shape, layout), shape, value.dtype);
      }
      if (shape.length === 0) return scalar(op.data, value.dtype);
      const { data } = op;
      const key = `splat ${value.dtype} ${Object.is(data, -0) ? '-0' : data} ${shape.join()}`;
      if (sizeOf(shape) <= 16)
        return initializer(key, value.dtype, shape, typed(Array(sizeOf(shape)).fill(data), value.dtype));
      return once(key, () => emit1('Expand', [scalar(data, value.dtype), longs(shape)]));
    }
    const sources = [...(forms.get(value)?.values() ?? [])].filter((source) => source.layout !== blocks);
    const free = sources.find(({ layout: from }) => isFree(lay(value.shape, from), between(from, layout)));
    if (free) return reshape(free.name, shape);
    const blocked = forms.get(value)?.get(blocks.join())?.name;
    if (blocked !== undefined) {
      const last = isPlain(layout);
      if (last || layout.join() === nchw.join()) return outOfBlocks(value, blocked, last);
      return transpose(get(value, nchw), between(nchw, layout));
    }
    const [first] = sources;
    if (!first) throw new Error(`internal: a value of ${value.node.source} used before it was lowered`);
    const best = sources.find((source) => isPlain(source.layout)) ?? first;
    return transpose(best.name, between(best.layout, layout));
  };

  /** Whether channels come last in the blocks of all channels, as they do in the plain layout: then nothing has to move. */
  const isAlike = ({ shape: [, height, width, channels = 1] }: Value): boolean =>
    block !== undefined && (channels === block || (height === 1 && width === 1 && channels % block === 0));

  /** onnxruntime reorders floats; masks and whole numbers go as such. */
  const reorder = (
    op: typeof reorderInput,
    name: string,
    channels: number,
    last: boolean,
    dtype: ValueType,
  ): string => {
    const writer = { block, emit1 };
    if (dtype === 'float32') return op(writer, name, channels, last);
    const floats = emit1('Cast', [name], { to: int(1) });
    const to = int(dtype === 'bool' ? 9 : 6);
    return emit1('Cast', [op(writer, floats, channels, last)], { to });
  };

  const outOfBlocks = (value: Value, name: string, last: boolean): string => {
    const { shape } = value;
    const single = shape[1] === 1 && shape[2] === 1;
    if (isAlike(value) && (last || single)) return reshape(name, last ? shape : lay(shape, nchw));
    return reorder(reorderOutput, name, shape[3] ?? 1, last, value.dtype);
  };

  const intoBlocks = (value: Value): string => {
    const { op } = value.node;
    if (block === undefined) throw new Error('internal: blocks without blocked convs');
    const whole = (value.shape[3] ?? 1) % block === 0;
    if (whole && op.kind === 'constant' && typeof op.data === 'number') return get(value, nchw);
    const last = has(value, plain(4)) && !has(value, nchw);
    if (isAlike(value) && last) return reshape(get(value), lay(value.shape, nchw));
    return reorder(reorderInput, get(value, last ? plain(4) : nchw), value.shape[3] ?? 1, last, value.dtype);
  };

  const has: Emitter['has'] = (value, layout) => forms.get(sourceOf(value))?.has(layout.join()) ?? false;

  const numberOf: Emitter['numberOf'] = (value) => {
    const number = numbers.get(value);
    if (number === undefined && !forms.has(value))
      throw new Error(`internal: a value of ${value.node.source} used before it was lowered`);
    return number;
  };

  return {
    nodes,
    initializers,
    carry,
    block,
    fusions,
    emit,
    emit1,
    longs,
    scalar,
    constant,
    get,
    put,
    has,
    layouts: (value) => [...(forms.get(sourceOf(value))?.values() ?? [])].map((form) => form.layout),
    alias: (value, other) => void aliases.set(value, sourceOf(other)),
    putNumber: (value, number) => void numbers.set(value, number),
    numberOf,
    reshape,
    transpose,
    once,
  };
}

function typed(values: readonly number[], dtype: ValueType): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

export { float, int, ints, type OnnxAttribute };
