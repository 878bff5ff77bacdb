/** @file ReduceMean, ReduceSum and ReduceMax over whole maps or over all channels. */
import { item } from '../../../access.ts';
import { isMap } from '../../../graph/index.ts';
import type { Call, Live, Value } from '../call.ts';
import { isBatch, unmixed, unreadable } from '../layout.ts';
import { type Axis, isOnly, offsetsOf, sizeOfAxis } from '../view.ts';
import { mixed } from './mix.ts';

const words = { n: 'the batch', h: 'height', w: 'width', c: 'channels', '*': 'repeated values' } as const;

/** ReduceMean, ReduceSum and ReduceMax: over the whole map, or over all channels. */
export function reduce(call: Call): readonly Value[] {
  const x = unmixed(call, call.live(0));
  const rank = x.axes.length;
  const listed = call.intsOrInput('axes', 1) ?? [];
  // an empty list stands for all axes, too, unless the node says that it stands for none
  const given = listed.length || call.int('noop_with_empty_axes', 0) ? listed : x.axes.map((_, i) => i);
  const reduced = new Set(given.map((axis) => call.axis(axis, rank)));
  const kept = call.int('keepdims', 1) === 1;
  const over = x.axes.filter((_, i) => reduced.has(i));
  const left = (id: string, channels: Axis | undefined): readonly Value[] => {
    const axes = x.axes.map(
      (axis, i): Axis =>
        reduced.has(i) ? [] : channels && isOnly(axis, 'c') && axis.length ? channels : axis,
    );
    return call.result(id, kept ? axes : axes.filter((_, i) => !reduced.has(i)));
  };
  if (over.every((axis) => axis.length === 0)) return left(x.id, undefined);
  if (over.some((axis) => isBatch(axis) && axis.length)) return call.fail('reduces over the batch');
  const { draft, path } = call;
  const shape = draft.shape(x.id);
  const [h, w, c] = isMap(shape) ? shape : [1, 1, shape[0]];
  const fn = call.node.opType === 'ReduceMax' ? 'max' : 'avg';
  const total = (places: number): number => (call.node.opType === 'ReduceSum' ? places : 1);
  const atoms = over.flat();
  const covers = (base: 'h' | 'w' | 'c', size: number): boolean =>
    atoms.filter((a) => a.base === base).reduce((n, a) => n * a.size, 1) === size;
  const maps = atoms.every(({ base }) => base === 'h' || base === 'w') && covers('h', h) && covers('w', w);
  if (maps && isMap(shape))
    return left(
      draft.scaled(path, draft.emit(path, { kind: 'globalPool', fn }, [x.id]), total(h * w)),
      undefined,
    );
  const pieces = atoms.reduce((n, { size }) => n * size, 1);
  if (fn === 'max' && atoms.every(({ base }) => base === 'c') && pieces < c)
    return neighbours(call, besides(call, x, reduced), reduced, pieces, kept);
  if (!atoms.every(({ base }) => base === 'c') || !covers('c', c))
    return call.fail(
      isMap(shape) && over.every((axis) => axis.length < 2)
        ? `reduces ${over.flatMap((axis) => axis.map(({ base }) => words[base])).join(' and ')} of a map; only all its places, or all its channels, have a counterpart`
        : unreadable(x),
    );
  return left(overChannels(call, x.id, fn, total(c)), []);
}

/** A value whose channels on the reduced axes are neighbours. */
function besides(call: Call, x: Live, reduced: ReadonlySet<number>): Live {
  const c = call.draft.channels(x.id);
  const isChannels = (axis: Axis): boolean => axis.length > 0 && isOnly(axis, 'c');
  const indices = [...x.axes.keys()].filter((i) => isChannels(item(x.axes, i)));
  const inOrder = [...indices.filter((i) => !reduced.has(i)), ...indices.filter((i) => reduced.has(i))];
  const order = offsetsOf(inOrder.flatMap((i) => item(x.axes, i)));
  if (order.length !== c) return call.fail(unreadable(x));
  if (order.every((from, i) => from === i)) return x;
  const id = call.draft.emit(`${call.path}/permute`, { kind: 'permute', order: [...order] }, [x.id]);
  const axes = [...x.axes];
  let step = c;
  for (const i of inOrder) {
    const size = sizeOfAxis(item(axes, i));
    step /= size;
    axes[i] = [{ base: 'c', size, step }];
  }
  return { ...x, id, axes };
}

/** The largest of each `pieces` neighbouring channels. */
function neighbours(
  call: Call,
  x: Live,
  reduced: ReadonlySet<number>,
  pieces: number,
  kept: boolean,
): readonly Value[] {
  const id = call.draft.emit(call.path, { kind: 'maxout', pieces }, [x.id]);
  const axes = x.axes.map((axis, i) =>
    reduced.has(i)
      ? []
      : axis.map((atom) => (atom.base === 'c' ? { ...atom, step: atom.step / pieces } : atom)),
  );
  return call.result(id, kept ? axes : axes.filter((_, i) => !reduced.has(i)));
}

/** The mean or the largest of all channels: a conv of equal weights, or maxout. */
function overChannels(call: Call, id: string, fn: 'avg' | 'max', total: number): string {
  const { draft, path } = call;
  const c = draft.channels(id);
  return fn === 'max'
    ? draft.emit(path, { kind: 'maxout', pieces: c }, [id])
    : mixed(call, id, 1, new Float32Array(c).fill(total / c));
}
