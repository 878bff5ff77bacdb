/** @file Brings values into the layout that a layer reads: a map with its channels in order, or a vector. */
import { isMap, type Shape } from '../../graph/index.ts';
import type { Call, Live } from './call.ts';
import {
  type Atom,
  type Axes,
  type Axis,
  axesOf,
  type Base,
  dimsOf,
  has,
  isOnly,
  isRepeated,
  isWhole,
  joined,
  offsetsOf,
  printAxes,
  reshaped,
  sizeOfAxis,
  whole,
} from './view.ts';

/** The batch's axis: N, or nothing where the file fixes the batch at 1. */
export const isBatch = (axis: Axis): boolean => isOnly(axis, 'n');

/** Emits the order of channels that an axis has; the value then has them in order. */
export function orderChannels(call: Call, live: Live, index: number, wanted?: string): Live {
  const { draft, path } = call;
  const axis = live.axes[index] ?? [];
  const c = draft.channels(live.id);
  if (isWhole(axis, 'c', c)) return live;
  const order = offsetsOf(axis);
  if (!isOnly(axis, 'c') || order.length !== c) return call.fail(unreadable(live));
  const [outer, inner] = axis;
  const isShuffle = axis.length === 2 && outer?.step === 1 && inner?.step === outer.size;
  const id = draft.emit(
    wanted ?? `${path}/${isShuffle ? 'shuffle' : 'permute'}`,
    isShuffle ? { kind: 'shuffle', groups: inner?.size ?? 1 } : { kind: 'permute', order: [...order] },
    [live.id],
  );
  return { ...live, id, axes: live.axes.map((a, i) => (i === index ? whole('c', c) : a)) };
}

export const unreadable = ({ axes }: Live): string =>
  `its input has the layout ${printAxes(axes)}, which is neither a map nor a vector of channels`;

/** A map of the draft whose axes are batch, channels, height, width; or the vector of a map of one place. */
export interface MapValue {
  readonly id: string;
  readonly shape: Shape;
  readonly axes: Axes;
}

/** The input as a map, channels first, as layers over maps read it. */
export function asMap(call: Call, given: Live): MapValue {
  const live = unmixed(call, given);
  const { draft } = call;
  const shape = draft.shape(live.id);
  const [h, w] = isMap(shape) ? shape : [1, 1];
  const [batch = [], , height = [], width = []] = live.axes;
  if (live.axes.length !== 4) call.fail(`its input has ${live.axes.length} axes; only maps with 4 are read`);
  if (!isBatch(batch) || !isWhole(height, 'h', h) || !isWhole(width, 'w', w)) call.fail(unreadable(live));
  const { id, axes } = orderChannels(call, live, 1);
  return { id, shape, axes };
}

/** A vector of the draft, and the order in which the value has its numbers. */
export interface VectorValue {
  readonly id: string;
  /** The index in the vector of each number of the value; undefined where they are in order. */
  readonly order: readonly number[] | undefined;
}

/** The numbers of some axes of a value as a vector. */
export function asVector(call: Call, live: Live, axes: Axes): VectorValue {
  const { draft, path } = call;
  const shape = draft.shape(live.id);
  if (axes.some((axis) => axis.some(({ base }) => base === 'n' || base === '*'))) call.fail(unreadable(live));
  const id = isMap(shape) ? draft.flat(`${path}/flatten`, live.id) : live.id;
  const steps = vectorSteps(shape);
  const order = offsetsOf(axes.flat().map((atom) => ({ ...atom, step: atom.step * steps[atom.base] })));
  if (order.length !== draft.channels(id)) call.fail(unreadable(live));
  return { id, order: order.every((from, i) => from === i) ? undefined : order };
}

/** A value of one place as a vector with the same axes. */
export function flattened(call: Call, live: Live): Live {
  const { draft, path } = call;
  const shape = draft.shape(live.id);
  return isMap(shape) && shape[0] === 1 && shape[1] === 1
    ? { ...live, id: draft.flat(`${path}/flatten`, live.id) }
    : live;
}

/** The index of the axis that holds all channels. @throws Unreadable when they are on several axes, or with others. */
export function channelAxis(call: Call, live: Live): number {
  const found = live.axes.flatMap((axis, i) => (axis.some(({ base }) => base === 'c') ? [i] : []));
  const [index] = found;
  if (found.length > 1) return call.fail(unreadable(live));
  if (index !== undefined) return isOnly(live.axes[index] ?? [], 'c') ? index : call.fail(unreadable(live));
  // one channel: the second axis, where it repeats nothing
  return isRepeated(live.axes[1] ?? []) ? 1 : call.fail(unreadable(live));
}

/** The axes of a new map or vector in the place of another value's: its own sizes, on the same axes. */
export const channelsFirst = (batch: Axis, shape: Shape): Axes => {
  const [, ...rest] = axesOf('nchw', 1, shape);
  return [batch, ...rest];
};

/** How far apart the steps of each of our axes are in the vector that `flatten` makes. */
export function vectorSteps(shape: Shape): Readonly<Record<Base, number>> {
  const [, w, c] = isMap(shape) ? shape : [1, 1, shape[0]];
  return { h: w * c, w: c, c: 1, n: 0, '*': 0 };
}

/** A map as a vector, its axes in terms of the vector. */
export function inVector(call: Call, x: Live, wanted = `${call.path}/flatten`): Live {
  const shape = call.draft.shape(x.id);
  if (!isMap(shape) || (shape[0] === 1 && shape[1] === 1)) return x;
  if (x.axes.some((axis) => !isBatch(axis) && axis.some(({ base }) => base === 'n' || base === '*')))
    return call.fail(unreadable(x));
  const steps = vectorSteps(shape);
  const axes = x.axes.map((axis) =>
    axis.map(
      (atom): Atom =>
        atom.base === 'n' ? atom : { base: 'c', size: atom.size, step: atom.step * steps[atom.base] },
    ),
  );
  return { ...x, id: call.draft.flat(wanted, x.id), axes: axes.map(joined) };
}

/**
 * The value with its channels in order, under this path, where it is a map or a vector whose channels are in another order: so a
 * node that only moves values keeps its path.
 */
export function settled(call: Call, x: Live): Live {
  const { draft, path } = call;
  const [rows = [], outer = [], inner] = x.axes;
  if (x.axes.length === 3 && inner?.length && outer.length && !has([rows], 'c')) return inCells(call, x);
  const isPlain = (axis: Axis, i: number): boolean =>
    i === 1 || isBatch(axis) || !axis.some(({ base }) => base === 'c');
  if (!x.axes.every(isPlain)) return x;
  const channels = x.axes[1] ?? [];
  if (x.axes.length === 2 && isMap(draft.shape(x.id)) && !isOnly(channels, 'c')) {
    const steps = vectorSteps(draft.shape(x.id));
    const places = offsetsOf(channels.map((atom) => ({ ...atom, step: atom.step * steps[atom.base] })));
    return places.every((from, i) => from === i) ? inVector(call, x, path) : x;
  }
  const isOrder = isOnly(channels, 'c') && sizeOfAxis(channels) === draft.channels(x.id);
  return isOrder ? orderChannels(call, x, 1, path) : x;
}

/** Rows of places, whose channels are on two axes: in order, as after a shuffle of ours that leaves them apart. */
function inCells(call: Call, x: Live): Live {
  const [rows = [], ...cells] = x.axes;
  const both = joined(cells.flat());
  if (!isOnly(both, 'c') || sizeOfAxis(both) !== call.draft.channels(x.id)) return x;
  const { id, axes } = orderChannels(call, { ...x, axes: [rows, both] }, 1, call.path);
  return { ...x, id, axes: reshaped(axes, dimsOf(x.axes)) ?? x.axes };
}

/** As a vector where channels and places are on one axis, as after Flatten. */
export function unmixed(call: Call, x: Live): Live {
  const isMixed = x.axes.some((axis) => axis.some(({ base }) => base === 'c') && !isOnly(axis, 'c'));
  const isFlat = x.axes.length === 2 && !isOnly(x.axes[1] ?? [], 'c');
  return isMixed || isFlat ? inVector(call, x) : x;
}
