/**
 * @file Adds new units for a new task. Wang, Ramanan and Hebert, CVPR 2017, arXiv:1907.07844 ("Growing a Brain"): the
 * net is widened by units with random weights instead of copies, at the scale of the old ones, so that neither
 * dominates and both learn at one pace.
 *
 * The paper divides old and new activations by their norms and learns a scale. Here the weights are set so that the new
 * units have the scale of the old ones from the start. Each new filter gets the mean norm of its layer's old filters. A norm's
 * new channels get the mean scale and offset of its old ones, mean 0, and the mean of their variance + mean^2: the statistics
 * that filters of that norm would see on the same input. `addHead(..., { normalized: true })` does the same at a new head.
 */

import { get } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import {
  channels,
  check,
  firstInput,
  type Graph,
  groupsOf,
  type Kind,
  mixesChannels,
  nodesById,
  type Slot,
} from '../../graph/index.ts';
import {
  entries,
  float,
  init,
  materialize,
  type Net,
  type Weight,
  type WeightKey,
} from '../../weights/index.ts';
import { type ChannelMap, identity, isNew } from '../channels/channel-map.ts';
import { chooseCopies } from '../channels/copies.ts';
import type { Growth } from '../channels/growth.ts';
import { mapWeight } from '../channels/map-weight.ts';
import { backFrom } from '../channels/narrow.ts';
import { byCopies, replicate } from '../channels/replicate.ts';
import { requestsOf } from '../channels/requests.ts';
import type { WeightMaps } from '../channels/rules/rule.ts';
import { gathered, numbersOf } from '../lookup.ts';
import { seed as anySeed, type Checks, checkNet, checkOptions, oneOf } from '../options.ts';
import type { Widths } from './widen.ts';

/** The options of `addUnits`. */
export interface UnitOptions {
  /** Of the new weights, and of the places of the new units; 0 by default. */
  readonly seed?: number;
  /**
   * The weights by which old units read new ones. `zero` (the default) preserves the function in both modes. `random` draws
   * them at the scale of the old weights: that changes the function (`preserves` is `neither`) and mixes old and new at once.
   */
  readonly into?: 'zero' | 'random';
}

const unitChecks: Checks<UnitOptions> = { seed: anySeed, into: oneOf('zero', 'random') };

/**
 * Add new units to the layers that the names mean (as in `widen`). They read all that their layer reads, new units included.
 * @throws UsageError for unknown names and wrong options, Refusal for what cannot change.
 * @example
 * import { addUnits, init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * console.log(addUnits(net, { stage3: 'x1.5' }).preserves); // both
 * console.log(addUnits(net, { stage3: 'x1.5' }, { into: 'random' }).preserves); // neither
 */
export function addUnits(net: Net, widths: Widths, o: UnitOptions = {}): Growth {
  checkNet('addUnits', net);
  checkOptions('addUnits', o, unitChecks);
  const { seed = 0, into = 'zero' } = o;
  const { graph, maps } = unitsIn(net.graph, widths, seed);
  const weightMaps = weightMapsOf(net.graph, graph, maps);
  const before = new Map(entries(net.graph).map((e) => [e.key, e]));
  const fresh = init(graph, { seed }).weights;
  const shapeOf = new Map(entries(graph).map((e) => [e.key, e.shape]));
  const weights = new Map<WeightKey, Weight>();
  for (const { key, node, slot, shape } of entries(graph)) {
    const old = materialize(get(net.weights, key));
    const map = get(weightMaps, node);
    const drawn = Float32Array.from(materialize(get(fresh, key)));
    if (slot === 'kernel') scaleColumns(drawn, old, map.output);
    else drawn.fill(usual(net, node, slot));
    const data = mapWeight(old, get(before, key).shape, slot, map, shape, undefined, drawn);
    if (slot === 'kernel' && into === 'random' && map.input) weighNew(data, map, drawn);
    weights.set(key, float(shape, data));
  }
  return {
    net: { graph, weights },
    maps,
    added: [],
    preserves: into === 'zero' ? 'both' : 'neither',
    follow: (key, array, as = 'weight') => {
      const source = before.get(key);
      if (!source) return undefined;
      const map = get(weightMaps, source.node);
      const shape = get(shapeOf, key);
      if (as !== 'square') return mapWeight(array, source.shape, source.slot, map, shape);
      // Adam divides by the root: with squares of 0 its first steps for new weights would be several rates long
      const usual = array.reduce((sum, v) => sum + v, 0) / Math.max(1, array.length);
      const drawn = new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(usual);
      const data = mapWeight(array, source.shape, source.slot, map, shape, undefined, drawn);
      if (source.slot === 'kernel' && map.input) weighNew(data, map, drawn);
      return data;
    },
    back: (grown) => backFrom(net.graph, weightMaps, grown),
  };
}

/**
 * The wider graph, and its maps with -1 for new units. Which copy of a channel is the new unit is decided for its class in
 * the wider graph: for all values in which it meets others, whatever their order there.
 * @throws Refusal where new units and old ones share weights.
 */
export function unitsIn(
  old: Graph,
  widths: Widths,
  seed: number,
): { readonly graph: Graph; readonly maps: ReadonlyMap<string, ChannelMap> } {
  const all = channels(old);
  const copies = chooseCopies(all, requestsOf(old, all, widths), seed);
  const wide = replicate(old, all, byCopies(copies));
  const graph = check({ ...wide.graph, name: old.name });
  const now = channels(graph);
  const became = new Map<number, Set<number>>();
  for (const { id } of old.nodes) {
    const classes = gathered(get(all.of, id), get(wide.maps, id));
    now.of.get(id)?.forEach((unit, i) => {
      const from = classes[i]!;
      became.set(from, (became.get(from) ?? new Set()).add(unit));
    });
  }
  const added = new Set<number>();
  for (const [id, count] of copies) {
    const units = [...(became.get(id) ?? [])].sort((a, b) => a - b);
    if (units.length !== count)
      throw new Refusal(
        `${Object.keys(widths).join(', ')}: new units and old ones would share weights; use widen, which copies channels, instead`,
      );
    for (const unit of units.slice(1)) added.add(unit);
  }
  const maps = new Map<string, ChannelMap>();
  for (const [id, map] of wide.maps) {
    const units = get(now.of, id);
    maps.set(
      id,
      map.map((from, i) => (added.has(units[i]!) ? -1 : from)),
    );
  }
  for (const { id, op, inputs } of old.nodes) {
    const isOverChannels = ['layerNorm', 'groupNorm', 'responseNorm'].includes(op.kind);
    if (!isOverChannels && op.kind !== 'attention') continue;
    const [words, what] = isOverChannels ? ['a norm over channels', 'means'] : ['an attention', 'weights'];
    if (inputs.some((input) => maps.get(input)?.some(isNew)))
      throw new Refusal(
        `${id}: ${words} cannot take new units, which would change its ${what}; use widen, which copies channels, instead`,
      );
  }
  return { graph, maps };
}

/** How each layer's arrays follow maps of values. */
function weightMapsOf(
  old: Graph,
  graph: Graph,
  maps: ReadonlyMap<string, ChannelMap>,
): ReadonlyMap<string, WeightMaps> {
  const was = nodesById(old);
  return new Map(
    graph.nodes.flatMap((node): [string, WeightMaps][] => {
      const { id, op } = node;
      if (!weighted.includes(op.kind)) return [];
      const input = get(maps, firstInput(node));
      const before = was.get(id)?.op;
      const single = !mixesChannels(op, input.length);
      const groups = { old: before ? groupsOf(before) : 1, now: groupsOf(op) };
      const output = op.kind === 'attention' ? identity(op.heads) : get(maps, id);
      return [[id, { input: single ? undefined : input, output, groups }]];
    }),
  );
}

const weighted: readonly Kind[] = [
  'conv',
  'dense',
  'norm',
  'convTranspose',
  'scale',
  'positions',
  'layerNorm',
  'groupNorm',
  'responseNorm',
  'attention',
];

/** New columns of the mean L2 norm of the old ones. */
function scaleColumns(drawn: Float32Array, old: Float32Array, output: ChannelMap): void {
  const oldColumns = output.filter((from) => !isNew(from)).length;
  const norms = columnNorms(old, oldColumns);
  const mean = norms.reduce((a, b) => a + b, 0) / oldColumns;
  const own = columnNorms(drawn, output.length);
  drawn.forEach((v, at) => {
    const norm = own[at % output.length];
    drawn[at] = norm ? (v * mean) / norm : 0;
  });
}

function columnNorms(kernel: Float32Array, columns: number): Float64Array {
  const squares = new Float64Array(columns);
  kernel.forEach((v, at) => {
    squares[at % columns]! += v * v;
  });
  return squares.map(Math.sqrt);
}

/** What new channels of a vector get: the mean of the old ones; of statistics, those of random filters. */
function usual(net: Net, node: string, slot: Slot): number {
  if (slot === 'mean') return 0;
  const values = numbersOf(net, node, slot);
  const means = slot === 'variance' ? numbersOf(net, node, 'mean') : undefined;
  return values.reduce((sum, v, i) => sum + v + (means?.[i] ?? 0) ** 2, 0) / values.length;
}

/** Old outputs weigh new inputs by what was drawn for them. */
function weighNew(data: Float32Array, { input, output, groups }: WeightMaps, drawn: Float32Array): void {
  const columns = output.length;
  const rows = (input?.length ?? 0) / groups.now;
  data.forEach((_, at) => {
    const j = at % columns;
    const row = Math.floor((j * groups.now) / columns) * rows + (Math.floor(at / columns) % rows);
    if (!isNew(output[j]!) && isNew(input?.[row] ?? 0)) data[at] = drawn[at]!;
  });
}
