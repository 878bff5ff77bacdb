/**
 * @file Rules for ops with weights. A producer chooses the map of what it makes; a consumer gathers its weights by the
 * maps of what it reads and makes, and splits them among the copies of an input channel:
 *
 *   W'[..., i, j] = share_i W[..., map_in[i], map_out[j]],   bias'[j] = bias[map_out[j]]
 *
 * with shares that sum to one over the copies of each old input channel (`map-weight.ts` draws them). Then
 * sum_i W'[i, j] x'[i] = sum_c (sum of the shares of c's copies) W[c, map_out[j]] x[c], which is the old output map_out[j].
 */
import { Refusal } from '../../../errors.ts';
import { type Conv, isDepthwise, type Kind } from '../../../graph/index.ts';
import { type ChannelMap, inBlocks, sorted } from '../channel-map.ts';
import type { Arrange, Replica, Rule, Site } from './rule.ts';

const takesNew = (): undefined => undefined;

/**
 * conv, convTranspose: four cases, by how its outputs follow its inputs.
 *
 *   groups = 1        a producer and a consumer, as above; outputs in any number
 *   grouped, within   the same in each group. Groups must stay equal, so that each grows by one factor (`Balance`), and
 *                     the copies of an input channel must stay in its group: the input is put in order by groups first
 *   grouped, whole    (`byGroups`) whole groups are copied with all that they read and make, as often as their input has copies:
 *                     map_out[g' m + k] = g m + k where the new group g' reads a copy of group g, with m outputs a group
 *   depthwise         whole groups of one channel each: map_out[j m + k] = map_in[j] m + k. Nothing is split
 */
export const conv: Rule<'conv' | 'convTranspose'> = {
  replica: ({ op, x, c, classes, arrange, whole, inOrder }) => {
    const read = inOrder(x, readingOrder(op, x.map, c, whole));
    const single = isDepthwise(op, c);
    const map =
      single || whole
        ? mapByGroups(op, read.map, c)
        : op.groups === 1
          ? arrange(classes)
          : mapWithinGroups(op, classes, arrange);
    const groups = single ? read.map.length : whole ? read.map.length / (c / op.groups) : op.groups;
    return {
      op: { ...op, out: map.length, groups },
      ins: [read],
      map,
      weights: { input: single ? undefined : read.map, output: map, groups: { old: op.groups, now: groups } },
    };
  },
  refusesNew: (op, c) => (op.groups > 1 && !isDepthwise(op, c) ? 'grouped conv' : undefined),
};

/** The order in which a conv can read its input: the channels of a group side by side. */
type Grouped = Pick<Conv, 'groups' | 'out'>;

function readingOrder(op: Grouped, map: ChannelMap, c: number, whole: boolean): ChannelMap {
  if (op.groups === 1 || isDepthwise(op, c)) return map;
  const size = c / op.groups;
  return whole ? inBlocks(map, size) : groupByGroup(map, size);
}

/** The copies of a group's channels side by side, for groups of `size` old channels. */
function groupByGroup(map: ChannelMap, size: number): ChannelMap {
  const groups = map.map((old) => Math.floor(old / size));
  return groups.every((g, i) => i === 0 || g >= (groups[i - 1] ?? 0)) ? map : sorted(map);
}

/** Of a conv that grows within its groups: group by group, since neighbours of one class may be in two groups. */
function mapWithinGroups(op: Grouped, classes: Int32Array, arrange: Arrange): ChannelMap {
  const makes = op.out / op.groups;
  const starts = Array.from({ length: op.groups }, (_, g) => g * makes);
  return Int32Array.from(
    starts.flatMap((from) => [...arrange(classes.slice(from, from + makes))].map((j) => j + from)),
  );
}

/** Of a depthwise conv, and of one that grows by whole groups: outputs follow the group that each new group copies. */
function mapByGroups(op: Grouped, read: ChannelMap, c: number): ChannelMap {
  const [reads, makes] = [c / op.groups, op.out / op.groups];
  const map = new Int32Array((read.length / reads) * makes);
  for (let j = 0; j < map.length; j++) {
    const group = Math.floor(read[Math.floor(j / makes) * reads]! / reads);
    map[j] = group < 0 ? -1 : group * makes + (j % makes);
  }
  return map;
}

/** dense: a producer and a consumer, as above. */
export const dense: Rule<'dense'> = {
  replica: ({ op, ins, x, classes, arrange }) => {
    const map = arrange(classes);
    return {
      op: { ...op, out: map.length },
      ins,
      map,
      weights: { input: x.map, output: map, groups: { old: 1, now: 1 } },
    };
  },
  refusesNew: takesNew,
};

/**
 * norm, scale, positions: map_out = map_in. Scale, offset and statistics (of positions, columns of the kernel) are gathered: v'[j] = v[map[j]]. It is exact in training too, since
 * copies of a channel have the statistics of the batch that the channel has.
 */
export const norm: Rule<'norm' | 'scale' | 'positions'> = {
  replica: (site) => gatheredAlong(site),
  refusesNew: takesNew,
};

const gatheredAlong = ({ op, ins, x }: Pick<Site<Kind>, 'op' | 'ins' | 'x'>): Replica => ({
  op,
  ins,
  map: x.map,
  weights: { input: undefined, output: x.map, groups: { old: 1, now: 1 } },
});

/**
 * layerNorm, responseNorm: map_out = map_in, and weights are gathered, as for a norm. Each output also depends on means over
 * all channels (of x and x^2; of |x|). With m_c copies of channel c, a mean becomes sum_c m_c x_c / sum_c m_c, which is the old
 * one for every x only if all m_c are equal. Channels that are left out or new change it.
 */
export const overChannels: Rule<'layerNorm' | 'responseNorm'> = {
  replica: (site) => {
    checkEqualCopies(site);
    return gatheredAlong(site);
  },
  refusesNew: () => 'norm over channels',
};

/** @throws Refusal where channels are not copied equally often. */
function checkEqualCopies(site: Pick<Site<Kind>, 'id' | 'x'>): void {
  const counts = new Map<number, number>();
  for (const old of site.x.map) counts.set(old, (counts.get(old) ?? 0) + 1);
  const [times = 1, ...others] = counts.values();
  if (others.some((n) => n !== times))
    throw new Refusal(
      `${site.id}: it is a norm over channels, which keeps its means only when every channel is copied equally often; widen what it reads by a whole factor, such as x2`,
    );
}

/**
 * groupNorm: as layerNorm, for the channels of each group. Copies of a channel stay in its group: the input is put in order by groups
 * first.
 */
export const groupNorm: Rule<'groupNorm'> = {
  replica: (site) => {
    const { op, x, c, inOrder } = site;
    checkEqualCopies(site);
    const read = inOrder(x, groupByGroup(x.map, c / op.groups));
    return gatheredAlong({ op, ins: [read], x: read });
  },
  refusesNew: () => 'norm over channels',
};
