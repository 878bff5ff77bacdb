/** @file The orders in which ops can read channels, and the maps of what they then make. */
import { Refusal } from '../../errors.ts';
import { type Conv, isDepthwise, shiftTap, shuffled } from '../../graph/index.ts';
import { type ChannelMap, inBlocks, sorted } from './channel-map.ts';

/** The channels that a producer makes anew, by the classes of those that it made. */
export type Arrange = (classes: Int32Array) => ChannelMap;

/** The order in which a conv can read its input: groups side by side. */
export function orderForConv(op: Conv, map: ChannelMap, c: number, whole: boolean): ChannelMap {
  if (op.groups === 1 || isDepthwise(op, c)) return map;
  const size = c / op.groups;
  if (whole) return inBlocks(map, size);
  const groups = map.map((old) => Math.floor(old / size));
  return groups.every((g, i) => i === 0 || g >= (groups[i - 1] as number)) ? map : sorted(map);
}

/** The map of a conv's outputs. Depthwise convs and whole groups follow what they read. */
export function mapOfConv(
  op: Conv,
  read: ChannelMap,
  c: number,
  own: Int32Array,
  arrange: Arrange,
  whole: boolean,
): ChannelMap {
  const [reads, makes] = [c / op.groups, op.out / op.groups];
  if (!whole && !isDepthwise(op, c)) {
    if (op.groups === 1) return arrange(own);
    // group by group, since neighbours of one class may stand in two groups
    const starts = Array.from({ length: op.groups }, (_, g) => g * makes);
    return Int32Array.from(
      starts.flatMap((from) => [...arrange(own.slice(from, from + makes))].map((j) => j + from)),
    );
  }
  return Int32Array.from({ length: (read.length / reads) * makes }, (_, j) => {
    const group = Math.floor((read[Math.floor(j / makes) * reads] as number) / reads);
    return group < 0 ? -1 : group * makes + (j % makes);
  });
}

/** For each channel of a shuffle's input, its place in the output. */
export function inverseOfShuffle(c: number, groups: number): Int32Array {
  const to = new Int32Array(c);
  for (let j = 0; j < c; j++) to[shuffled(j, c, groups)] = j;
  return to;
}

/** A shift reads by place: every copy must stand where the offset is that of its original. */
export function orderForShift(id: string, kernel: number, c: number, map: ChannelMap): ChannelMap {
  const now = map.length;
  const byTap = new Map<number, number[]>();
  for (const old of map) {
    const tap = shiftTap(old, c, kernel);
    const list = byTap.get(tap);
    if (list) list.push(old);
    else byTap.set(tap, [old]);
  }
  return Int32Array.from({ length: now }, (_, i) => {
    const old = byTap.get(shiftTap(i, now, kernel))?.shift();
    if (old === undefined)
      throw new Refusal(`${id}: ${now} channels cannot be shifted as ${c} were; choose another width`);
    return old;
  });
}
