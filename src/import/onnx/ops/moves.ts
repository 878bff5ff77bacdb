/** @file Ops that move values without computing: most change only how a value is seen. */
import { item } from '../../../access.ts';
import { isMap } from '../../../graph/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { countOf, numbersOf, wholeNumbers } from '../constant.ts';
import { orderChannels, unmixed, unreadable } from '../layout.ts';
import {
  type Axes,
  type Axis,
  dimsOf,
  isOnly,
  isWhole,
  offsetsOf,
  printAxes,
  reshaped,
  sizeOfAxis,
  whole,
} from '../view.ts';

const withAxes = (live: Live, axes: Axes): readonly [Live] => [{ ...live, axes }];

/** The sizes that Reshape asks for: 0 keeps a size, -1 is what is left. */
export function targetDims(
  call: Call,
  dims: readonly number[],
  target: readonly number[],
): readonly number[] {
  const total = countOf(dims);
  const zeros = call.int('allowzero', 0) === 1;
  const kept = target.map((dim, i) =>
    dim === 0 && !zeros ? (dims[i] ?? call.fail('keeps the size of an axis that is not there')) : dim,
  );
  const known = kept.reduce((n, dim) => (dim === -1 ? n : n * dim), 1);
  return kept.map((dim) => (dim === -1 ? total / known : dim));
}

/** Reshape, and Flatten, Squeeze and Unsqueeze as reshapes. */
function reshapedTo(call: Call, x: Live, dims: readonly number[]): readonly Value[] {
  const isShape = dims.every((dim) => Number.isInteger(dim) && dim > 0);
  const axes = isShape ? reshaped(x.axes, dims) : undefined;
  const plain = axes || !isShape ? x : computed(call, x);
  if (plain.id !== x.id) return reshapedTo(call, plain, dims);
  return axes
    ? withAxes(x, axes)
    : call.fail(`reshapes ${printAxes(x.axes)} to [${dims.join(', ')}], which has no counterpart`);
}
/** As the value that it is: flattened, with its channels in order. */
function computed(call: Call, x: Live): Live {
  const flat = unmixed(call, x);
  const index = flat.axes.findIndex((axis) => axis.length > 1 && isOnly(axis, 'c'));
  const isAll = index >= 0 && sizeOfAxis(item(flat.axes, index)) === call.draft.channels(flat.id);
  return isAll ? orderChannels(call, flat, index) : flat;
}
export function reshape(call: Call): readonly Value[] {
  const x = call.live(0);
  return reshapedTo(call, x, targetDims(call, dimsOf(x.axes), numbersOf(call.constant(1))));
}
export function flatten(call: Call): readonly Value[] {
  const x = call.live(0);
  const axis = call.int('axis', 1);
  const dims = dimsOf(x.axes);
  const at = axis < 0 ? axis + dims.length : axis;
  return reshapedTo(call, x, [countOf(dims.slice(0, at)), countOf(dims.slice(at))]);
}
export function squeeze(call: Call): readonly Value[] {
  const x = call.live(0);
  const given = call.intsOrInput('axes', 1)?.map((axis) => call.axis(axis, x.axes.length));
  const drop = new Set(given ?? x.axes.flatMap((axis, i) => (axis.length ? [] : [i])));
  if ([...drop].some((i) => x.axes[i]?.length)) return call.fail('squeezes an axis that is larger than 1');
  return withAxes(
    x,
    x.axes.filter((_, i) => !drop.has(i)),
  );
}
export function unsqueeze(call: Call): readonly Value[] {
  const x = call.live(0);
  const given = call.intsOrInput('axes', 1) ?? [];
  const rank = x.axes.length + given.length;
  const added = new Set(given.map((axis) => call.axis(axis, rank)));
  const rest = [...x.axes];
  return withAxes(
    x,
    Array.from({ length: rank }, (_, i): Axis => (added.has(i) ? [] : (rest.shift() ?? []))),
  );
}
export function transpose(call: Call): readonly Value[] {
  const x = call.live(0);
  const order = call.ints('perm') ?? x.axes.map((_, i) => x.axes.length - 1 - i);
  const isOrder = order.length === x.axes.length && new Set(order).size === order.length;
  if (!isOrder) return call.fail(`perm [${order.join(', ')}] for ${x.axes.length} axes`);
  return withAxes(
    x,
    order.map((i) => x.axes[i] ?? call.fail('perm names an axis that is not there')),
  );
}
/** A side of a map at most. */
const mostRepeats = 2 ** 16;
/** Expand: repeats what has one value along an axis. */
export function expand(call: Call): readonly Value[] {
  const x = call.live(0);
  const target = numbersOf(call.constant(1));
  const rank = Math.max(target.length, x.axes.length);
  const axes = Array.from({ length: rank }, (_, i): Axis => {
    const axis = x.axes[i - rank + x.axes.length] ?? [];
    const size = target[i - rank + target.length] ?? 1;
    if (size === 1 || size === sizeOfAxis(axis)) return axis;
    if (axis.length || !(size > 1 && size <= mostRepeats))
      return call.fail(`repeats an axis of ${sizeOfAxis(axis)} to ${size}`);
    return [{ base: '*', size, step: 0 }];
  });
  return withAxes(x, axes);
}

/** Some indices of an axis, in the given order. */
export function select(call: Call, x: Live, index: number, indices: readonly number[]): Live {
  const axis = item(x.axes, index);
  const size = sizeOfAxis(axis);
  if (!indices.length || indices.some((i) => !Number.isInteger(i) || i < 0 || i >= size))
    return call.fail(`indices out of an axis of ${size}`);
  if (indices.length === size && indices.every((from, i) => from === i)) return x;
  const other = (axes: Axis): Live => ({ ...x, axes: x.axes.map((a, i) => (i === index ? axes : a)) });
  if (isOnly(axis, '*'))
    return other(indices.length === 1 ? [] : [{ base: '*', size: indices.length, step: 0 }]);
  if (isOnly(axis, 'c')) {
    // all channels in another order: that is one node, which all parts of a Split read
    const ordered = size === call.draft.channels(x.id) ? orderChannels(call, x, index) : x;
    return selectChannels(call, ordered, index, indices);
  }
  return selectPlaces(call, x, index, indices);
}

/** Channels: one slice where they follow each other, else an order of channels and a slice. */
function selectChannels(call: Call, x: Live, index: number, indices: readonly number[]): Live {
  const { draft, path } = call;
  const c = draft.channels(x.id);
  if (new Set(indices).size !== indices.length)
    return call.fail('takes a channel twice, which has no counterpart');
  const along = offsetsOf(item(x.axes, index));
  // the other atoms of the channels, the slowest first; they keep their places after the selected axis
  const rest = x.axes
    .flatMap((axis, i) => (i === index ? [] : axis.filter(({ base }) => base === 'c')))
    .sort((a, b) => b.step - a.step);
  const inner = offsetsOf(rest);
  const chosen = indices.flatMap((i) => inner.map((offset) => (along[i] ?? 0) + offset));
  const [from = 0] = chosen;
  const isRun = chosen.every((channel, i) => channel === from + i);
  let id = x.id;
  if (!isRun) {
    const taken = new Set(chosen);
    const order = [...chosen, ...Array.from({ length: c }, (_, i) => i).filter((i) => !taken.has(i))];
    id = draft.emit(chosen.length < c ? `${path}/permute` : path, { kind: 'permute', order }, [id]);
  }
  const start = isRun ? from : 0;
  if (chosen.length < c)
    id = draft.emit(path, { kind: 'slice', from: start, to: start + chosen.length }, [id]);
  let step = inner.length;
  const steps = new Map(
    rest.map((atom) => {
      step /= atom.size;
      return [atom, { ...atom, step }] as const;
    }),
  );
  const axes = x.axes.map((axis, i): Axis => {
    if (i !== index) return axis.map((atom) => steps.get(atom) ?? atom);
    return indices.length === 1 ? [] : [{ base: 'c', size: indices.length, step: inner.length }];
  });
  return { ...x, id, axes };
}

const mostTaps = 2 ** 26;
/** Rows or columns: neighbours by cutting off the others, those at equal distances by a depthwise conv whose filters have a single one. */
function selectPlaces(call: Call, x: Live, index: number, indices: readonly number[]): Live {
  const { draft, path } = call;
  const shape = draft.shape(x.id);
  const axis = item(x.axes, index);
  if (!isMap(shape)) return call.fail(unreadable(x));
  const side = isWhole(axis, 'h', shape[0]) ? 0 : isWhole(axis, 'w', shape[1]) ? 1 : call.fail(unreadable(x));
  const [from = 0, second = from + 1] = indices;
  const stride = second - from;
  if (stride < 1 || indices.some((i, k) => i !== from + k * stride))
    return call.fail('takes rows or columns in an order that has no counterpart');
  const size = shape[side];
  // the first window begins at 0 and reads `from`; the last one ends within the map
  const after = size - 1 - (from + (indices.length - 1) * stride);
  const made = whole(side === 0 ? 'h' : 'w', indices.length);
  const seen = { ...x, axes: x.axes.map((a, i) => (i === index ? made : a)) };
  if (stride === 1) return { ...seen, id: cutOff(call, x.id, side, from, after) };
  const kernel = from + 1;
  const c = shape[2];
  const tooMany = Math.floor(after / stride); // windows that would follow the last one
  const reach = kernel + tooMany * stride;
  if (reach * c > mostTaps) return call.fail(`takes rows or columns by filters of ${reach} x ${c} numbers`);
  const taps = new Float32Array(reach * c);
  taps.fill(1, from * c, (from + 1) * c);
  const pairs = (n: number, m: number): readonly [number, number] => (side === 0 ? [n, m] : [m, n]);
  const id = draft.emit(
    path,
    {
      ...{ kind: 'conv', out: c, kernel: pairs(reach, 1), stride: pairs(stride, 1), dilation: [1, 1] },
      ...{ groups: c, padding: 'valid', bias: false },
    } as const,
    [x.id],
    { slots: { kernel: { encoding: 'float32', shape: [...pairs(reach, 1), 1, c], data: taps } }, names: {} },
  );
  return { ...seen, id };
}

/** A map without its first and last rows or columns; what was cut off already is cut off together. */
function cutOff({ draft, path }: Call, id: string, side: 0 | 1, before: number, after: number): string {
  const { op, inputs } = draft.node(id);
  const cuts = side === 0 ? ([before, 0, after, 0] as const) : ([0, after, 0, before] as const);
  const isCut = op.kind === 'pad' && Math.max(...op.pads) <= 0;
  const [top, right, bottom, left] = isCut ? op.pads : [0, 0, 0, 0];
  const pads = [top - cuts[0], right - cuts[1], bottom - cuts[2], left - cuts[3]] as const;
  return draft.emit(path, { kind: 'pad', pads }, isCut ? inputs : [id]);
}

export function slice(call: Call): readonly Value[] {
  let x = unmixed(call, call.live(0));
  const starts = call.intsOrInput('starts', 1) ?? [];
  const ends = call.intsOrInput('ends', 2) ?? [];
  const axes = call.intsOrInput('axes', 3) ?? starts.map((_, i) => i);
  const steps = call.numbers(4) ?? starts.map(() => 1);
  axes.forEach((given, i) => {
    const index = call.axis(given, x.axes.length);
    x = select(
      call,
      x,
      index,
      sliceIndices(sizeOfAxis(item(x.axes, index)), starts[i] ?? 0, ends[i] ?? 0, steps[i] ?? 1),
    );
  });
  return [x];
}
/** The indices of a slice, as ONNX clamps them. */
export function sliceIndices(size: number, start: number, end: number, step: number): readonly number[] {
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  const clamp = (n: number, low: number, high: number): number => Math.max(low, Math.min(high, n));
  const [first, last] =
    step > 0
      ? [clamp(from, 0, size), clamp(to, 0, size)]
      : [clamp(from, 0, size - 1), clamp(to, -1, size - 1)];
  const count = step === 0 ? 0 : Math.max(0, Math.ceil((last - first) / step));
  return Array.from({ length: count }, (_, i) => first + i * step);
}

export function split(call: Call): readonly Value[] {
  const x = unmixed(call, call.live(0));
  const index = call.axis(call.int('axis', 0), x.axes.length);
  const size = sizeOfAxis(item(x.axes, index));
  const parts = call.node.outputs.length;
  const each = Math.ceil(size / parts);
  const sizes =
    call.intsOrInput('split', 1) ?? Array.from({ length: parts }, (_, i) => Math.min(each, size - i * each));
  const isWhole = sizes.every((length) => Number.isInteger(length) && length > 0);
  if (!isWhole || sizes.reduce((sum, length) => sum + length, 0) !== size)
    return call.fail(`splits an axis of ${size} into parts that do not fill it`);
  let from = 0;
  return sizes.map((length) => {
    const start = from;
    from += length;
    return select(
      call,
      x,
      index,
      Array.from({ length }, (_, i) => start + i),
    );
  });
}

export function gather(call: Call): readonly Value[] {
  const x = unmixed(call, call.live(0));
  const index = call.axis(call.int('axis', 0), x.axes.length);
  const size = sizeOfAxis(item(x.axes, index));
  const constant = call.constant(1);
  const indices = numbersOf(constant).map((i) => (i < 0 ? i + size : i));
  if (constant.shape.length > 1)
    return call.fail(`indices of ${constant.shape.length} axes have no counterpart`);
  const chosen = select(call, x, index, indices);
  return withAxes(
    chosen,
    constant.shape.length === 0 ? chosen.axes.filter((_, i) => i !== index) : chosen.axes,
  );
}

/** The sizes of a value; that of the batch is a number which stands for every batch. */
export const shapeOfValue = (call: Call): readonly Value[] => {
  const x = call.live(0);
  const dims = dimsOf(x.axes);
  return [wholeNumbers(dims.slice(...[call.int('start', 0), call.int('end', dims.length)]))];
};
