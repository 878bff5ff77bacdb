/** @file Rules for ops that move, join and drop channels, and for inputs. */

import { item } from '../../../access.ts';
import { Refusal } from '../../../errors.ts';
import { channelsOf, isMap, shiftTap, shuffled } from '../../../graph/index.ts';
import { append, gathered } from '../../lookup.ts';
import {
  type ChannelMap,
  contiguous,
  identity,
  inBlocks,
  isNew,
  owners,
  positions,
  sorted,
} from '../channel-map.ts';
import type { Rule } from './rule.ts';

const takesNew = (): undefined => undefined;

/** input: what comes from outside stays as it is, map = identity. */
export const input: Rule<'input'> = {
  replica: ({ op, c }) => ({ op, ins: [], map: identity(c) }),
  refusesNew: takesNew,
};

/** concat: the maps of its operands one after another, each plus the old channels before it. No constraint. */
export const concat: Rule<'concat'> = {
  replica: ({ op, ins, oldIn }) => {
    const map: number[] = [];
    let offset = 0;
    ins.forEach((y, i) => {
      for (const from of y.map) map.push(isNew(from) ? from : from + offset);
      offset += channelsOf(oldIn[i] ?? [0]);
    });
    return { op, ins, map: Int32Array.from(map) };
  },
  refusesNew: takesNew,
};

/**
 * slice: the part of the map whose old channels lie in [from, to), less `from`. Its bounds move to the new place of that part.
 * The part must be contiguous; if it is not, all channels are put in the old order first.
 */
export const slice: Rule<'slice'> = {
  replica: ({ op: { from, to }, x, inOrder }) => {
    const inside = (old: number): boolean => old >= from && old < to;
    const y = contiguous(owners(x.map), inside) ? x : inOrder(x, sorted(x.map));
    const first = Math.max(0, owners(y.map).findIndex(inside));
    const count = owners(y.map).filter(inside).length;
    return {
      op: { kind: 'slice', from: first, to: first + count },
      ins: [y],
      map: y.map.slice(first, first + count).map((old) => (isNew(old) ? old : old - from)),
    };
  },
  refusesNew: takesNew,
};

/**
 * shuffle: with s(j) the input channel that output j reads, map_out = s_old^-1 . map_in . s_new. It stays a shuffle when its
 * groups divide the new width. Else it becomes the `permute` that puts the channels in the order of the old outputs.
 */
export const shuffle: Rule<'shuffle'> = {
  replica: ({ op: { groups }, ins, x, c }) => {
    const target = inverseOfShuffle(c, groups);
    const now = x.map.length;
    const moved = x.map.map((from) => target[from] ?? -1);
    if (now % groups === 0) {
      const reads = identity(now).map((j) => shuffled(j, now, groups));
      return { op: { kind: 'shuffle', groups }, ins, map: gathered(moved, reads) };
    }
    const order = [...moved.entries()].sort((a, b) => a[1] - b[1] || a[0] - b[0]).map(([i]) => i);
    return { op: { kind: 'permute', order }, ins, map: gathered(moved, order) };
  },
  refusesNew: takesNew,
};

/** For each channel of a shuffle's input, its place in the output. */
function inverseOfShuffle(c: number, groups: number): Int32Array {
  const to = new Int32Array(c);
  for (let j = 0; j < c; j++) to[shuffled(j, c, groups)] = j;
  return to;
}

/**
 * permute: old output j reads order[j]; all copies of that channel come in its place, one after another, and their map is j.
 * New channels come last.
 */
export const permute: Rule<'permute'> = {
  replica: ({ op: { order }, ins, x }) => {
    const copies = positions(x.map);
    const fresh = copies.get(-1) ?? [];
    const moved = [...order.flatMap((from) => copies.get(from) ?? []), ...fresh];
    const map = [
      ...order.flatMap((from, j) => (copies.get(from) ?? []).map(() => j)),
      ...fresh.map(() => -1),
    ];
    return { op: { kind: 'permute', order: moved }, ins, map: Int32Array.from(map) };
  },
  refusesNew: takesNew,
};

/** flatten (channels fastest): place p, channel j of the new map is p c' + j, and it copies p c + map[j]. */
export const flatten: Rule<'flatten'> = {
  replica: ({ op, ins, x, c, oldIn }) => {
    const shape = item(oldIn, 0);
    const places = isMap(shape) ? shape[0] * shape[1] : 1;
    const map: number[] = [];
    for (let p = 0; p < places; p++) for (const old of x.map) map.push(isNew(old) ? old : p * c + old);
    return { op, ins, map: Int32Array.from(map) };
  },
  refusesNew: takesNew,
};

/**
 * maxout, pixelShuffle: unit u is made of its k pieces, channels u k ... u k + k - 1 (its largest; its places in a square of
 * k = factor^2). Pieces are one decision (see `channels`): units are copied whole, their pieces are put side by side, and
 * map_out[u] = map_in[u k] / k.
 */
export const units: Rule<'maxout' | 'pixelShuffle'> = {
  replica: ({ op, x, inOrder }) => {
    const pieces = op.kind === 'maxout' ? op.pieces : op.factor ** 2;
    const y = inOrder(x, inBlocks(x.map, pieces));
    const map = y.map.filter((_, i) => i % pieces === 0).map((old) => old / pieces);
    return { op, ins: [y], map };
  },
  refusesNew: ({ kind }) => (kind === 'maxout' ? 'maxout' : 'pixel shuffle'),
};

/**
 * shift: which offset a channel moves by depends on its place (`shiftTap`), so that every copy must be at a place whose offset
 * is that of its original: tap'(j) = tap(map[j]). Its input is put in such an order; map_out = map_in.
 */
export const shift: Rule<'shift'> = {
  replica: ({ id, op, x, c, inOrder }) => {
    const y = inOrder(x, orderByTap(id, op.kernel, c, x.map));
    return { op, ins: [y], map: y.map };
  },
  refusesNew: () => 'shift',
};

/** @throws Refusal when the new width gives some offset more channels, or fewer, than there are copies for it. */
function orderByTap(id: string, kernel: number, c: number, map: ChannelMap): ChannelMap {
  const now = map.length;
  const byTap = new Map<number, number[]>();
  for (const old of map) append(byTap, shiftTap(old, c, kernel), old);
  return map.map((_, i) => {
    const old = byTap.get(shiftTap(i, now, kernel))?.shift();
    if (old === undefined)
      throw new Refusal(`${id}: ${now} channels cannot be shifted as ${c} were; choose another width`);
    return old;
  });
}
