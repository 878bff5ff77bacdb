/**
 * @file Undoes growth: the copies of a channel become one channel, added nodes are removed, kernels lose their rings.
 * The parts of a weight that was split by random shares sum to it bit for bit: each share left a rest without rounding
 * (see `map-weight.ts`), so adding up from the smallest does not round either. Thirds of `split: 'equal'` may be one
 * ulp off.
 */

import { get, item } from '../../access.ts';
import { Refusal, UsageError } from '../../errors.ts';
import type { Graph } from '../../graph/index.ts';
import {
  type Entry,
  entries,
  float,
  materialize,
  type Net,
  net,
  type Weight,
  type WeightKey,
} from '../../weights/index.ts';
import { verifyCertificate } from '../certificate/certificate.ts';
import { matrixOf } from '../lookup.ts';
import { checkNet, isRecord, shown } from '../options.ts';
import { isNew, positions } from './channel-map.ts';
import type { Growth } from './growth.ts';
import type { WeightMaps } from './rules/rule.ts';

/**
 * The old net, read back from a grown one: `narrow(widen(net, ...))` is `net`, bit for bit. `grown` may have other weights
 * than growth gave it, as long as copies are still equal and added nodes still add nothing.
 * @throws Refusal at the first place where that is not so, as after training; UsageError for arguments of another form.
 * @example
 * import { init, narrow, widen } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const wide = widen(net, { stage1: 'x1.5' });
 * const back = narrow(wide);
 * console.log(back.weights.get('stem/conv:kernel')?.shape); // [ 3, 3, 3, 16 ]
 */
export function narrow(growth: Growth, grown: Net = growth.net): Net {
  if (!isRecord(growth) || !isRecord(growth.net) || typeof growth.back !== 'function')
    throw new UsageError(
      `narrow: the first argument must be the result of a growth, { net, maps, ... }, got ${shown(growth)}`,
    );
  checkNet('narrow', growth.net);
  checkNet('narrow', grown);
  const now = net(growth.net.graph, grown.weights);
  const old = growth.back(now);
  const [finding] = verifyCertificate(old, now, growth.maps);
  if (finding)
    throw new Refusal(
      `${growth.net.graph.name}: it cannot be narrowed without changing its function, since at ${finding}; prune it instead`,
    );
  return old;
}

/**
 * The old graph's weights, each from the first copy of its output and the sum over the copies of its input.
 * @throws Refusal where channels were removed.
 */
export function backFrom(graph: Graph, maps: ReadonlyMap<string, WeightMaps>, { weights }: Net): Net {
  const old = new Map<WeightKey, Weight>();
  for (const entry of entries(graph)) {
    const follow = get(maps, entry.node);
    const [columns = 0] = entry.shape.slice(-1);
    const firsts = Int32Array.from({ length: columns }, (_, o) => follow.output.indexOf(o));
    if (firsts.includes(-1))
      throw new Refusal(`${entry.node}: channels were removed from it, which cannot be undone`);
    const weight = get(weights, entry.key);
    const numbers = materialize(weight);
    const data =
      entry.slot === 'kernel'
        ? kernelBack(entry, follow, firsts, weight)
        : Float32Array.from({ length: sizeOf(entry.shape) }, (_, i) => {
            // a vector; of an attention's bias, one for each distance
            const before = Math.floor(i / columns) * follow.output.length;
            return numbers[before + firsts[i % columns]!]!;
          });
    old.set(entry.key, float(entry.shape, data));
  }
  return { graph, weights: old };
}

/** The old kernel; `firsts` has the first copy of each old output. */
function kernelBack(
  { shape }: Entry,
  { input, output, groups }: WeightMaps,
  firsts: Int32Array,
  weight: Weight,
): Float32Array {
  const data = materialize(weight);
  const [rows, columns] = matrixOf(shape);
  const [newRows, newColumns] = [matrixOf(weight.shape)[0], output.length];
  // for each group, the rows of the copies of each input channel
  const copies = Array.from({ length: groups.now }, (_, g) =>
    input
      ? positions(input.subarray(g * newRows, (g + 1) * newRows).map((c) => (isNew(c) ? c : c % rows)))
      : new Map(Array.from({ length: rows }, (_, i) => [i, [i]])),
  );
  const kernel = new Float32Array(sizeOf(shape));
  kernel.forEach((_, i) => {
    const j = firsts[i % columns]!;
    const [row, place] = [Math.floor(i / columns), Math.floor(i / columns / rows)];
    const parts = copies[Math.floor((j * groups.now) / newColumns)]?.get(row % rows) ?? [];
    kernel[i] = summed(parts.map((r) => data[(place * newRows + r) * newColumns + j]!));
  });
  return kernel;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
/** The sum in float32, smallest first. */
export const summed = (parts: readonly number[]): number =>
  parts.length === 1
    ? item(parts, 0)
    : [...parts].sort((a, b) => Math.abs(a) - Math.abs(b)).reduce((sum, v) => Math.fround(sum + v), 0);
