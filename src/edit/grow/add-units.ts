/**
 * @file New units beside the old ones, for a new task. Wang, Ramanan and Hebert, CVPR 2017, arXiv:1907.07844 ("Growing a
 * Brain"): the net gets wider by units that start at random, not at copies, and these are brought to the scale of the old
 * ones, so that both are heard and learn at one pace.
 *
 * The paper divides old and new activations by their norms and learns a scale. Here the weights are set so that the new
 * units have the old ones' scale from the start: each new filter gets the mean norm of its layer's old filters; a norm's new
 * channels the mean scale and offset of its old ones, mean 0 and the mean of their variance + mean^2, which is what filters
 * of that norm would see of the same input. `addHead(..., { normalized: true })` does the rest at the new head.
 */
import { Refusal } from '../../errors.ts';
import { channels, check, type Graph, isDepthwise, nodesById, type Slot } from '../../graph/index.ts';
import {
  entries,
  float,
  init,
  materialize,
  type Net,
  type Weight,
  type WeightKey,
} from '../../weights/index.ts';
import { type ChannelMap, isNew } from '../channels/channel-map.ts';
import { chooseCopies, requestsOf } from '../channels/copies.ts';
import type { Growth } from '../channels/growth.ts';
import { mapWeight } from '../channels/map-weight.ts';
import { backFrom } from '../channels/narrow.ts';
import { byCopies, replicate, type WeightMaps } from '../channels/replicate.ts';
import { seed as anySeed, type Checks, checkNet, checkOptions, oneOf } from '../options.ts';
import type { Widths } from './widen.ts';

export interface UnitOptions {
  readonly seed?: number;
  /**
   * What the old units weigh the new ones by: zeros (unless told), which the function does not notice in either mode; or
   * random weights of the scale of their old ones, which changes it (`preserves` says so) and mixes old and new at once.
   */
  readonly into?: 'zero' | 'random';
}

const unitChecks: Checks<UnitOptions> = { seed: anySeed, into: oneOf('zero', 'random') };

/**
 * New units beside those of the layers that the names mean (as in `widen`). They read all that their layer reads, the new
 * units before them too.
 * @throws UsageError for unknown names, Refusal for what cannot change.
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
  const moved = (key: WeightKey, array: Float32Array, drawn?: Float32Array): Float32Array | undefined => {
    const [source, shape] = [before.get(key), shapeOf.get(key)];
    const map = source && weightMaps.get(source.node);
    return (
      source && shape && map && mapWeight(array, source.shape, source.slot, map, shape, undefined, drawn)
    );
  };
  const weights = new Map<WeightKey, Weight>();
  for (const { key, node, slot, shape } of entries(graph)) {
    const old = materialize(net.weights.get(key) as Weight);
    const map = weightMaps.get(node) as WeightMaps;
    const drawn = Float32Array.from(materialize(fresh.get(key) as Weight));
    if (slot === 'kernel') scaleColumns(drawn, old, map.output);
    else drawn.fill(usual(net, node, slot));
    const data = moved(key, old, drawn) as Float32Array;
    if (slot === 'kernel' && into === 'random' && map.input) weighNew(data, map, drawn);
    weights.set(key, float(shape, data));
  }
  return {
    net: { graph, weights },
    maps,
    added: [],
    preserves: into === 'zero' ? 'both' : 'neither',
    follow: (key, array) => moved(key, array),
    back: (grown) => backFrom(net.graph, weightMaps, grown),
  };
}

/**
 * The wider graph, and its maps with -1 for new units. Which copy of a channel is the new unit is decided for its class in
 * the wider graph, that is for all values in which it meets others, in whatever order they stand there.
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
    const [classes, map] = [all.of.get(id) as Int32Array, wide.maps.get(id) as ChannelMap];
    now.of.get(id)?.forEach((unit, i) => {
      const from = classes[map[i] as number] as number;
      became.set(from, (became.get(from) ?? new Set()).add(unit));
    });
  }
  const added = new Set<number>();
  for (const [id, count] of copies) {
    const units = [...(became.get(id) ?? [])].sort((a, b) => a - b);
    if (units.length !== count)
      throw new Refusal(
        `${Object.keys(widths).join(', ')}: new units cannot be told from old ones where weights are shared; widen by copies instead`,
      );
    for (const unit of units.slice(1)) added.add(unit);
  }
  const maps = new Map<string, ChannelMap>();
  for (const [id, map] of wide.maps) {
    const units = now.of.get(id) as Int32Array;
    maps.set(
      id,
      map.map((from, i) => (added.has(units[i] as number) ? -1 : from)),
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
    graph.nodes.flatMap(({ id, op, inputs }): [string, WeightMaps][] => {
      if (op.kind !== 'conv' && op.kind !== 'dense' && op.kind !== 'norm') return [];
      const input = maps.get(inputs[0] as string) as ChannelMap;
      const before = was.get(id)?.op;
      const single = op.kind === 'norm' || (op.kind === 'conv' && isDepthwise(op, input.length));
      const groups =
        op.kind === 'conv' && before?.kind === 'conv'
          ? { old: before.groups, now: op.groups }
          : { old: 1, now: 1 };
      return [[id, { input: single ? undefined : input, output: maps.get(id) as ChannelMap, groups }]];
    }),
  );
}

/** New columns of the mean L2 norm of the old ones. */
function scaleColumns(drawn: Float32Array, old: Float32Array, output: ChannelMap): void {
  const oldColumns = output.filter((from) => !isNew(from)).length;
  const norms = columnNorms(old, oldColumns);
  const mean = norms.reduce((a, b) => a + b, 0) / oldColumns;
  const own = columnNorms(drawn, output.length);
  drawn.forEach((v, at) => {
    const norm = own[at % output.length] as number;
    drawn[at] = norm ? (v * mean) / norm : 0;
  });
}

function columnNorms(kernel: Float32Array, columns: number): Float64Array {
  const squares = new Float64Array(columns);
  kernel.forEach((v, at) => {
    squares[at % columns] = (squares[at % columns] as number) + v * v;
  });
  return squares.map(Math.sqrt);
}

/** What new channels of a vector have: the means of the old ones; for statistics, those of random filters. */
function usual(net: Net, node: string, slot: Slot): number {
  const of = (s: Slot): Float32Array => materialize(net.weights.get(`${node}:${s}`) as Weight);
  if (slot === 'mean') return 0;
  const values = of(slot);
  const means = slot === 'variance' ? of('mean') : undefined;
  return values.reduce((sum, v, i) => sum + v + (means?.[i] ?? 0) ** 2, 0) / values.length;
}

/** Old outputs weigh new inputs by what was drawn for them. */
function weighNew(data: Float32Array, { input, output, groups }: WeightMaps, drawn: Float32Array): void {
  const columns = output.length;
  const rows = (input?.length ?? 0) / groups.now;
  data.forEach((_, at) => {
    const j = at % columns;
    const row = Math.floor((j * groups.now) / columns) * rows + (Math.floor(at / columns) % rows);
    if (!isNew(output[j] as number) && isNew(input?.[row] as number)) data[at] = drawn[at] as number;
  });
}
