/** @file A map of channels: for each new channel the old one that it copies, and the orders that it can be put in. */

/** For each new channel the old one that it copies; -1 where it copies none. */
export type ChannelMap = Int32Array;

export const isNew = (old: number): boolean => old < 0;
/** The old channel that each belongs with: its own, or for a new channel the one before it. */
export function owners(map: ChannelMap): ChannelMap {
  let last = map.find((old) => !isNew(old)) ?? 0;
  return map.map((old) => {
    if (!isNew(old)) last = old;
    return last;
  });
}

export const identity = (n: number): ChannelMap => Int32Array.from({ length: n }, (_, i) => i);
export const same = (a: ChannelMap, b: ChannelMap): boolean =>
  a.length === b.length && a.every((v, i) => v === b[i]);
export const sorted = (map: ChannelMap): ChannelMap => map.slice().sort();

/** A producer's map: channels in order, each as often as its class is told; neighbours of one class are copied as a block. */
export function repeated(classes: Int32Array, times: (id: number) => number): ChannelMap {
  const map: number[] = [];
  for (let from = 0; from < classes.length; ) {
    let to = from + 1;
    while (to < classes.length && classes[to] === classes[from]) to++;
    for (let copy = 0; copy < times(classes[from] as number); copy++)
      for (let j = from; j < to; j++) map.push(j);
    from = to;
  }
  return Int32Array.from(map);
}

/** New channels by the old one that they copy. */
export function positions(map: ChannelMap): Map<number, number[]> {
  const at = new Map<number, number[]>();
  map.forEach((old, i) => {
    const list = at.get(old);
    if (list) list.push(i);
    else at.set(old, [i]);
  });
  return at;
}

/** The order that makes `wanted` of `map`. */
export function orderTo(map: ChannelMap, wanted: ChannelMap): number[] {
  const at = positions(map);
  return [...wanted].map((old) => {
    const i = at.get(old)?.shift();
    if (i === undefined) throw new Error(`internal: channel ${old} is not there as often as needed`);
    return i;
  });
}

/** Copies of old blocks of `size` channels, each whole and in order; the map itself when it lies so already. */
export function inBlocks(map: ChannelMap, size: number): ChannelMap {
  const fits = map.every(
    (old, i) => old % size === i % size && (i % size === 0 || old === (map[i - 1] as number) + 1),
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

export function contiguous(map: ChannelMap, inside: (old: number) => boolean): boolean {
  const first = map.findIndex(inside);
  const count = map.filter(inside).length;
  return map.slice(first, first + count).every(inside);
}
