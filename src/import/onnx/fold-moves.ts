/** @file Moves of constants: Gather, Slice, Split, Concat, Reshape and their kin. */
import { type Constant, countOf, numbersOf, picked, transposed } from './constant.ts';
import { broadcast, type Fold, joint, make, viewed } from './fold-values.ts';
import { sliceIndices, targetDims } from './ops/moves.ts';

/** Entries of an axis. */
function taken(x: Constant, axis: number, indices: readonly number[], shape: readonly number[]): Constant {
  const inner = countOf(x.shape.slice(axis + 1));
  const outer = countOf(x.shape.slice(0, axis));
  const size = x.shape[axis] ?? 1;
  const places = new Int32Array(outer * indices.length * inner);
  let next = 0;
  for (let o = 0; o < outer; o++)
    for (const index of indices)
      for (let i = 0; i < inner; i++) places[next++] = (o * size + index) * inner + i;
  return { kind: 'constant', dtype: x.dtype, shape, data: picked(x.data, places) };
}
const withDim = (shape: readonly number[], axis: number, dims: readonly number[]): number[] => [
  ...shape.slice(0, axis),
  ...dims,
  ...shape.slice(axis + 1),
];

export const gather: Fold = (call) => {
  const [x, indices] = [call.constant(0), call.constant(1)];
  const axis = call.axis(call.int('axis', 0), x.shape.length);
  const size = x.shape[axis] ?? 1;
  const list = numbersOf(indices).map((i) => (i < 0 ? i + size : i));
  if (list.some((i) => i < 0 || i >= size)) call.fail(`indices out of an axis of ${size}`);
  return [taken(x, axis, list, withDim(x.shape, axis, indices.shape))];
};
/** Entries by their indices along the first axes: data[indices[..., 0], indices[..., 1], ...]. */
export const gatherNd: Fold = (call) => {
  const [x, indices] = [call.constant(0), call.constant(1)];
  if (call.int('batch_dims', 0) !== 0) call.fail('batch_dims of a constant have no counterpart');
  const depth = indices.shape.at(-1) ?? 0;
  if (!depth || depth > x.shape.length) call.fail(`indices of ${depth} axes for ${x.shape.length}`);
  const [first, rest] = [x.shape.slice(0, depth), x.shape.slice(depth)];
  const list = numbersOf(indices);
  const rows = Array.from({ length: list.length / depth }, (_, k) =>
    first.reduce((row, size, i) => {
      const given = list[k * depth + i] ?? 0;
      const index = given < 0 ? given + size : given;
      if (index < 0 || index >= size) call.fail(`indices out of an axis of ${size}`);
      return row * size + index;
    }, 0),
  );
  const flat = { ...x, shape: [countOf(first), ...rest] };
  return [taken(flat, 0, rows, [...indices.shape.slice(0, -1), ...rest])];
};
export const slice: Fold = (call) => {
  let x = call.constant(0);
  const starts = call.intsOrInput('starts', 1) ?? [];
  const ends = call.intsOrInput('ends', 2) ?? [];
  const axes = call.intsOrInput('axes', 3) ?? starts.map((_, i) => i);
  const steps = call.numbers(4) ?? starts.map(() => 1);
  axes.forEach((given, i) => {
    const axis = call.axis(given, x.shape.length);
    const list = sliceIndices(x.shape[axis] ?? 1, starts[i] ?? 0, ends[i] ?? 0, steps[i] ?? 1);
    x = taken(x, axis, list, withDim(x.shape, axis, [list.length]));
  });
  return [x];
};
export const split: Fold = (call) => {
  const x = call.constant(0);
  const axis = call.axis(call.int('axis', 0), x.shape.length);
  const size = x.shape[axis] ?? 1;
  const parts = call.node.outputs.length;
  const each = Math.ceil(size / parts);
  const sizes =
    call.intsOrInput('split', 1) ?? Array.from({ length: parts }, (_, i) => Math.min(each, size - i * each));
  let from = 0;
  return sizes.map((length) => {
    const list = sliceIndices(size, from, from + length, 1);
    from += length;
    return taken(x, axis, list, withDim(x.shape, axis, [list.length]));
  });
};
export const concat: Fold = (call) => {
  const inputs = call.inputs.map((_, i) => call.constant(i));
  const [first] = inputs;
  if (!first) return call.fail('has no inputs');
  const axis = call.axis(call.int('axis', 0), first.shape.length);
  const outer = countOf(first.shape.slice(0, axis));
  const rows = inputs.map((x) => countOf(x.shape.slice(axis)));
  const values: number[] = [];
  for (let o = 0; o < outer; o++)
    inputs.forEach((x, k) => {
      const row = rows[k] ?? 0;
      for (let i = 0; i < row; i++) values.push(x.data[o * row + i] ?? 0);
    });
  const size = inputs.reduce((n, x) => n + (x.shape[axis] ?? 1), 0);
  return [make(call, first.dtype, withDim(first.shape, axis, [size]), values)];
};

export const reshape: Fold = (call) => {
  const x = call.constant(0);
  return viewed(call, x, targetDims(call, x.shape, numbersOf(call.constant(1))));
};
export const squeeze: Fold = (call) => {
  const x = call.constant(0);
  const axes = call.intsOrInput('axes', 1)?.map((axis) => call.axis(axis, x.shape.length));
  return viewed(
    call,
    x,
    x.shape.filter((dim, i) => (axes ? !axes.includes(i) : dim !== 1)),
  );
};
export const unsqueeze: Fold = (call) => {
  const x = call.constant(0);
  const given = call.intsOrInput('axes', 1) ?? [];
  const rank = x.shape.length + given.length;
  const axes = new Set(given.map((axis) => call.axis(axis, rank)));
  const rest = [...x.shape];
  return viewed(
    call,
    x,
    Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : (rest.shift() ?? 1))),
  );
};
export const flatten: Fold = (call) => {
  const x = call.constant(0);
  const at = call.int('axis', 1);
  const axis = at < 0 ? at + x.shape.length : at;
  return viewed(call, x, [countOf(x.shape.slice(0, axis)), countOf(x.shape.slice(axis))]);
};
export const transpose: Fold = (call) => {
  const x = call.constant(0);
  const order = call.ints('perm') ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  if (new Set(order).size !== x.shape.length || order.some((i) => i < 0 || i >= x.shape.length))
    call.fail('perm does not fit its input');
  return [transposed(x, order)];
};
export const expand: Fold = (call) => {
  const x = call.constant(0);
  const shape = joint(call, [x.shape, numbersOf(call.constant(1))]);
  const place = broadcast(x.shape, shape);
  return [
    make(
      call,
      x.dtype,
      shape,
      Array.from({ length: countOf(shape) }, (_, i) => x.data[place(i)] ?? 0),
    ),
  ];
};
