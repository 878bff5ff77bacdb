/** @file ONNX's ops that traced models use, but for convs and pools: shapes, products, norms, and those of elementwise.ts. */

import { elementwise, elementwiseOps, type OnnxOp } from './elementwise.ts';
import {
  broadcast,
  intOf,
  intsOf,
  listOf,
  need,
  pick,
  places,
  reshaped,
  sizeOf,
  stridesOf,
  type Tensor,
  tensor,
  textOf,
  transposed,
  walk,
  zeros,
} from './tensor.ts';

/** Matrix products over the last two axes, leading ones broadcast; sums in double precision. */
function product(a: Tensor, b: Tensor): Tensor {
  const [left, right] = [
    a.shape.length === 1 ? reshaped(a, [1, ...a.shape]) : a,
    b.shape.length === 1 ? reshaped(b, [...b.shape, 1]) : b,
  ];
  const [rows = 1, inner = 1] = left.shape.slice(-2);
  const [other = 1, columns = 1] = right.shape.slice(-2);
  if (inner !== other) throw new Error(`a product of ${inner} columns with ${other} rows`);
  const batch = broadcast([left.shape.slice(0, -2), right.shape.slice(0, -2)]);
  const [from, to] = [places(left.shape.slice(0, -2), batch), places(right.shape.slice(0, -2), batch)];
  const data = new Float32Array(sizeOf(batch) * rows * columns);
  const sums = new Float64Array(columns);
  for (let n = 0; n < from.length; n++) {
    for (let row = 0; row < rows; row++) {
      sums.fill(0);
      for (let k = 0; k < inner; k++) {
        const factor = left.data[((from[n] ?? 0) * rows + row) * inner + k] ?? 0;
        const start = ((to[n] ?? 0) * inner + k) * columns;
        if (factor !== 0)
          for (let column = 0; column < columns; column++)
            sums[column] = (sums[column] ?? 0) + factor * (right.data[start + column] ?? 0);
      }
      data.set(sums, (n * rows + row) * columns);
    }
  }
  const shape = [
    ...batch,
    ...(a.shape.length === 1 ? [] : [rows]),
    ...(b.shape.length === 1 ? [] : [columns]),
  ];
  return tensor('float32', shape, data);
}

const swappedLast = (x: Tensor): Tensor => {
  const axes = x.shape.map((_, axis) => axis);
  return transposed(x, [...axes.slice(0, -2), ...axes.slice(-2).reverse()]);
};

/** With transBatch the batch axes but the first row axis move: [k, batch .., n] is read as [batch .., k, n]. */
const batchFirst = (x: Tensor): Tensor =>
  transposed(x, [...x.shape.slice(1, -1).map((_, i) => i + 1), 0, x.shape.length - 1]);

const fusedMatMul: OnnxOp = (operands, attributes) => {
  const side = (index: number, letter: 'A' | 'B'): Tensor => {
    const x = need(operands, index);
    const moved = intOf(attributes, `transBatch${letter}`, 0) === 1 ? batchFirst(x) : x;
    return intOf(attributes, `trans${letter}`, 0) === 1 ? swappedLast(moved) : moved;
  };
  return product(side(0, 'A'), side(1, 'B'));
};

const gemm: OnnxOp = (operands, attributes) => {
  const made = fusedMatMul(operands, attributes, 1) as Tensor;
  const [, , more] = operands;
  return more ? elementwise([made, more], 'float32', (a, b) => a + b) : made;
};

const concat: OnnxOp = (operands, attributes) => {
  const parts = operands.map((_, i) => need(operands, i));
  const [first] = parts;
  if (!first) throw new Error('Concat of nothing');
  const rank = first.shape.length;
  const axis = (intOf(attributes, 'axis', 0) + rank) % rank;
  const dim = parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0);
  const shape = first.shape.map((own, i) => (i === axis ? dim : own));
  const outer = sizeOf(shape.slice(0, axis));
  const inner = sizeOf(shape.slice(axis + 1));
  const data = zeros(first.dtype, sizeOf(shape));
  let start = 0;
  for (const part of parts) {
    const length = (part.shape[axis] ?? 0) * inner;
    if (part.data.length !== outer * length) throw new Error('Concat of shapes that do not fit');
    for (let i = 0; i < outer; i++)
      data.set(part.data.subarray(i * length, (i + 1) * length), i * dim * inner + start);
    start += length;
  }
  return tensor(first.dtype, shape, data);
};

const slice: OnnxOp = (operands) => {
  const x = need(operands, 0);
  const [begins, ends] = [listOf(need(operands, 1)), listOf(need(operands, 2))];
  const axes = operands[3] ? listOf(operands[3]) : begins.map((_, i) => i);
  const steps = operands[4] ? listOf(operands[4]) : begins.map(() => 1);
  const shape = [...x.shape];
  const strides = stridesOf(x.shape);
  const moves = [...strides];
  let start = 0;
  axes.forEach((given, i) => {
    const axis = given < 0 ? given + shape.length : given;
    const dim = x.shape[axis] ?? 1;
    const step = steps[i] ?? 1;
    const bound = (value: number, least: number, most: number): number =>
      Math.min(most, Math.max(least, value < 0 ? value + dim : value));
    const begin = step > 0 ? bound(begins[i] ?? 0, 0, dim) : bound(begins[i] ?? 0, 0, dim - 1);
    const end = step > 0 ? bound(ends[i] ?? 0, 0, dim) : bound(ends[i] ?? 0, -1, dim - 1);
    shape[axis] = Math.max(0, Math.ceil((end - begin) / step));
    moves[axis] = (strides[axis] ?? 1) * step;
    start += begin * (strides[axis] ?? 1);
  });
  return pick(x, shape, walk(shape, moves, start));
};

const split: OnnxOp = (operands, attributes, outputs) => {
  const x = need(operands, 0);
  const axis = intOf(attributes, 'axis', 0);
  const dim = x.shape[axis] ?? 1;
  const sizes = operands[1] ? listOf(operands[1]) : Array<number>(outputs).fill(dim / outputs);
  let begin = 0;
  return sizes.map((size) => {
    const shape = x.shape.map((own, i) => (i === axis ? size : own));
    const strides = stridesOf(x.shape);
    const part = pick(x, shape, walk(shape, strides, begin * (strides[axis] ?? 1)));
    begin += size;
    return part;
  });
};

const pad: OnnxOp = (operands, attributes) => {
  const x = need(operands, 0);
  const counts = listOf(need(operands, 1));
  const rank = x.shape.length;
  const mirror = textOf(attributes, 'mode', 'constant') === 'reflect';
  const shape = x.shape.map((dim, axis) => dim + (counts[axis] ?? 0) + (counts[axis + rank] ?? 0));
  const strides = stridesOf(x.shape);
  const outer = stridesOf(shape);
  const offsets = Int32Array.from({ length: sizeOf(shape) }, (_, place) => {
    let offset = 0;
    for (let axis = 0; axis < rank; axis++) {
      const dim = x.shape[axis] ?? 1;
      let at = (Math.floor(place / (outer[axis] ?? 1)) % (shape[axis] ?? 1)) - (counts[axis] ?? 0);
      if (mirror) at = at < 0 ? -at : at >= dim ? 2 * dim - 2 - at : at;
      if (at < 0 || at >= dim) return -1;
      offset += at * (strides[axis] ?? 1);
    }
    return offset;
  });
  return pick(x, shape, offsets, operands[2]?.data[0] ?? 0);
};

const gather: OnnxOp = (operands, attributes) => {
  const [x, indices] = [need(operands, 0), need(operands, 1)];
  const axis = intOf(attributes, 'axis', 0);
  const dim = x.shape[axis] ?? 1;
  const inner = sizeOf(x.shape.slice(axis + 1));
  const outer = sizeOf(x.shape.slice(0, axis));
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const count = indices.data.length;
  const offsets = Int32Array.from({ length: outer * count * inner }, (_, place) => {
    const index = indices.data[Math.floor(place / inner) % count] ?? 0;
    if (index < -dim || index >= dim) throw new Error(`Gather of place ${index} of ${dim}`);
    const own = index < 0 ? index + dim : index;
    return (Math.floor(place / (inner * count)) * dim + own) * inner + (place % inner);
  });
  return pick(x, shape, offsets);
};

const scatterElements: OnnxOp = (operands, attributes) => {
  const [x, indices, updates] = [need(operands, 0), need(operands, 1), need(operands, 2)];
  if (x.shape.length !== 1 || textOf(attributes, 'reduction', '') !== 'add') {
    throw new Error('the interpreter adds to vectors only');
  }
  const data = x.data.slice();
  for (let i = 0; i < indices.data.length; i++) {
    const at = indices.data[i] ?? 0;
    data[at] = (data[at] ?? Number.NaN) + (updates.data[i] ?? 0);
  }
  return tensor(x.dtype, x.shape, data);
};

/** Of whole rows alone: x[index] += row. */
const scatterND: OnnxOp = (operands, attributes) => {
  const [x, indices, updates] = [need(operands, 0), need(operands, 1), need(operands, 2)];
  if (indices.shape.at(-1) !== 1 || textOf(attributes, 'reduction', '') !== 'add') {
    throw new Error('the interpreter adds whole rows only');
  }
  const width = x.data.length / (x.shape[0] ?? 1);
  const data = x.data.slice();
  updates.data.forEach((value, i) => {
    const at = (indices.data[Math.floor(i / width)] ?? 0) * width + (i % width);
    data[at] = (data[at] ?? Number.NaN) + value;
  });
  return tensor(x.dtype, x.shape, data);
};

/** By batch statistics in training, which with a momentum of 0 are its running outputs too; by the given ones else. */
const batchNormalization: OnnxOp = (operands, attributes) => {
  const [x, gamma, beta] = [need(operands, 0), need(operands, 1), need(operands, 2)];
  const [batch = 1, channels = 1, ...rest] = x.shape;
  const eps = intOf(attributes, 'epsilon', 1e-5);
  const training = intOf(attributes, 'training_mode', 0) === 1;
  const count = sizeOf(rest);
  const [mean, variance] = training
    ? [new Float64Array(channels), new Float64Array(channels)]
    : [Float64Array.from(need(operands, 3).data), Float64Array.from(need(operands, 4).data)];
  const each = (take: (channel: number, value: number, place: number) => void): void => {
    for (let i = 0; i < x.data.length; i++) take(Math.floor(i / count) % channels, x.data[i] ?? 0, i);
  };
  const share = 1 / (batch * count);
  if (training) {
    each((c, value) => {
      mean[c] = (mean[c] ?? 0) + value * share;
    });
    each((c, value) => {
      variance[c] = (variance[c] ?? 0) + (value - (mean[c] ?? 0)) ** 2 * share;
    });
  }
  const data = new Float32Array(x.data.length);
  each((c, value, i) => {
    const scale = (gamma.data[c] ?? 0) / Math.sqrt((variance[c] ?? 0) + eps);
    data[i] = (value - (mean[c] ?? 0)) * scale + (beta.data[c] ?? 0);
  });
  const made = tensor('float32', x.shape, data);
  const statistics = [mean, variance].map((v) => tensor('float32', [channels], Float32Array.from(v)));
  return training ? [made, ...statistics] : made;
};

const softmax =
  (isLog: boolean): OnnxOp =>
  (operands, attributes) => {
    const x = need(operands, 0);
    const [dim = 1] = x.shape.slice(-1);
    if (![-1, x.shape.length - 1].includes(intOf(attributes, 'axis', -1)))
      throw new Error('softmax over the last axis only');
    const data = new Float32Array(x.data.length);
    for (let row = 0; row < data.length; row += dim) {
      const values = Array.from(x.data.subarray(row, row + dim));
      const most = Math.max(...values);
      const total = values.reduce((sum, value) => sum + Math.exp(value - most), 0);
      values.forEach((value, i) => {
        const log = value - most - Math.log(total);
        data[row + i] = isLog ? log : Math.exp(log);
      });
    }
    return tensor('float32', x.shape, data);
  };

const argMax: OnnxOp = (operands, attributes) => {
  const x = need(operands, 0);
  const [dim = 1] = x.shape.slice(-1);
  if (intOf(attributes, 'axis', 0) !== x.shape.length - 1) throw new Error('ArgMax over the last axis only');
  const places = Float64Array.from({ length: x.data.length / dim }, (_, row) => {
    const values = Array.from(x.data.subarray(row * dim, (row + 1) * dim));
    return values.indexOf(Math.max(...values));
  });
  const keep = intOf(attributes, 'keepdims', 1) === 1;
  return tensor('int64', [...x.shape.slice(0, -1), ...(keep ? [1] : [])], places);
};

export const ops: Readonly<Record<string, OnnxOp>> = {
  ...elementwiseOps,
  Reshape: (operands) => reshaped(need(operands, 0), listOf(need(operands, 1))),
  Transpose: (operands, attributes) => transposed(need(operands, 0), intsOf(attributes, 'perm', [])),
  Expand: (operands) => {
    const x = need(operands, 0);
    const shape = broadcast([x.shape, listOf(need(operands, 1))]);
    return pick(x, shape, places(x.shape, shape));
  },
  MatMul: (operands) => product(need(operands, 0), need(operands, 1)),
  FusedMatMul: fusedMatMul,
  Gemm: gemm,
  Concat: concat,
  Slice: slice,
  Split: split,
  Pad: pad,
  Gather: gather,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  BatchNormalization: batchNormalization,
  Softmax: softmax(false),
  LogSoftmax: softmax(true),
  ArgMax: argMax,
};
