/** @file Channel maps: for each new channel, the old channel that it copies; and permutations of channels. */
import { append } from '../lookup.ts';

/** For each new channel the old one that it copies; -1 where it copies none. */
export type ChannelMap = Int32Array;

/** Whether an entry of a map means a new channel, which copies none. */
export const isNew = (old: number): boolean => old < 0;
/** The old channel that each new one belongs to: the one that it copies, or for a new channel the one before it. */
export function owners(map: ChannelMap): ChannelMap {
  let last = map.find((old) => !isNew(old)) ?? 0;
  return map.map((old) => {
    if (!isNew(old)) last = old;
    return last;
  });
}

/** The map of n channels that stay as they are. */
export const identity = (n: number): ChannelMap => Int32Array.from({ length: n }, (_, i) => i);
/** Whether two maps are equal. */
export const same = (a: ChannelMap, b: ChannelMap): boolean =>
  a.length === b.length && a.every((v, i) => v === b[i]);
/** The map in the order of the old channels, new ones first. */
export const sorted = (map: ChannelMap): ChannelMap => map.slice().sort();

/** A producer's map: channels in order, each `times(class)` times; neighbours of one class are copied as a block. */
export function repeated(classes: Int32Array, times: (id: number) => number): ChannelMap {
  const map: number[] = [];
  let block: number[] = [];
  classes.forEach((id, i) => {
    block.push(i);
    if (classes[i + 1] === id) return;
    for (let copy = 0; copy < times(id); copy++) map.push(...block);
    block = [];
  });
  return Int32Array.from(map);
}

/** The new channels that copy each old one. */
export function positions(map: ChannelMap): Map<number, number[]> {
  const copies = new Map<number, number[]>();
  map.forEach((old, i) => {
    append(copies, old, i);
  });
  return copies;
}

/** The permutation that turns `map` into `wanted`. */
export function orderTo(map: ChannelMap, wanted: ChannelMap): number[] {
  const copies = positions(map);
  return [...wanted].map((old) => {
    const i = copies.get(old)?.shift();
    if (i === undefined) throw new Error(`internal: channel ${old} is missing from a permutation`);
    return i;
  });
}

/** Copies of old blocks of `size` channels, each whole and in order; the map itself when it is ordered so already. */
export function inBlocks(map: ChannelMap, size: number): ChannelMap {
  const fits = map.every(
    (old, i) => old % size === i % size && (i % size === 0 || old === (map[i - 1] ?? 0) + 1),
  );
  if (fits && map.length % size === 0) return map;
  const counts = new Map<number, number>();
  for (const old of map) if (old % size === 0) counts.set(old, (counts.get(old) ?? 0) + 1);
  const wanted: number[] = [];
  for (const [first, count] of [...counts].sort((a, b) => a[0] - b[0])) {
    for (let copy = 0; copy < count; copy++) for (let k = 0; k < size; k++) wanted.push(first + k);
  }
  return Int32Array.from(wanted);
}

/** Whether the channels for which `inside` holds are neighbours. */
export function contiguous(map: ChannelMap, inside: (old: number) => boolean): boolean {
  const first = map.findIndex(inside);
  const count = map.filter(inside).length;
  return map.slice(first, first + count).every(inside);
}
