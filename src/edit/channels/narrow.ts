/**
 * @file Growth undone: the copies of a channel become one again, what was added goes, kernels lose their rings. The parts
 * of a weight that was split by random shares sum to it bit for bit: each share left a rest without rounding (see
 * `widen`), so adding up from the smallest does not round either. Thirds of `split: 'equal'` may be one ulp off.
 */
import { Refusal, UsageError } from '../../errors.ts';
import type { Graph } from '../../graph/index.ts';
import {
  entries,
  float,
  materialize,
  type Net,
  net,
  type Weight,
  type WeightKey,
} from '../../weights/index.ts';
import { verifyCertificate } from '../certificate/certificate.ts';
import { checkNet, isRecord, shown } from '../options.ts';
import { isNew, positions } from './channel-map.ts';
import type { Growth } from './growth.ts';
import type { WeightMaps } from './replicate.ts';

/**
 * The old net, read back from a grown one: `narrow(widen(net, ...))` is `net`. `grown` may have other weights than growth
 * gave it, as long as copies are still copies and what was added still adds nothing.
 * @throws Refusal at the first place where that is not so, as after training.
 */
export function narrow(growth: Growth, grown: Net = growth.net): Net {
  if (!isRecord(growth) || !isRecord(growth.net) || typeof growth.back !== 'function')
    throw new UsageError(
      `narrow: the first argument must be what a growth gave back, { net, maps, ... }, got ${shown(growth)}`,
    );
  checkNet('narrow', growth.net);
  checkNet('narrow', grown);
  const now = net(growth.net.graph, grown.weights);
  const old = growth.back(now);
  const [finding] = verifyCertificate(old, now, growth.maps);
  if (finding)
    throw new Refusal(
      `${growth.net.graph.name}: it cannot become what it was without changing its function, since at ${finding}; prune it instead`,
    );
  return old;
}

/** The old graph's weights, each from the first copy of its output and the sum over the copies of its input. */
export function backFrom(graph: Graph, maps: ReadonlyMap<string, WeightMaps>, { weights }: Net): Net {
  const old = new Map<WeightKey, Weight>();
  for (const { key, node, slot, shape } of entries(graph)) {
    const { input, output, groups } = maps.get(node) as WeightMaps;
    const weight = weights.get(key) as Weight;
    const data = materialize(weight);
    const columns = shape.at(-1) as number;
    const firsts = Int32Array.from({ length: columns }, (_, o) => output.indexOf(o));
    if (firsts.includes(-1))
      throw new Refusal(`${node}: channels were taken away from it, which cannot be undone`);
    if (slot !== 'kernel') {
      old.set(
        key,
        float(
          shape,
          Float32Array.from(firsts, (j) => data[j] as number),
        ),
      );
      continue;
    }
    const [rows, wide, long] = [shape.at(-2) as number, output.length, weight.shape.at(-2) as number];
    // for each group, the places of the copies of each input channel
    const copies = Array.from({ length: groups.now }, (_, g) =>
      input
        ? positions(input.subarray(g * long, (g + 1) * long).map((c) => (isNew(c) ? c : c % rows)))
        : new Map(Array.from({ length: rows }, (_, i) => [i, [i]])),
    );
    const kernel = new Float32Array(shape.reduce((n, d) => n * d, 1));
    kernel.forEach((_, at) => {
      const j = firsts[at % columns] as number;
      const [row, place] = [Math.floor(at / columns), Math.floor(at / columns / rows)];
      const parts = copies[Math.floor((j * groups.now) / wide)]?.get(row % rows) ?? [];
      kernel[at] = summed(parts.map((i) => data[(place * long + i) * wide + j] as number));
    });
    old.set(key, float(shape, kernel));
  }
  return { graph, weights: old };
}

/** The sum in float32, smallest first. */
export const summed = (parts: readonly number[]): number =>
  parts.length === 1
    ? (parts[0] as number)
    : [...parts].sort((a, b) => Math.abs(a) - Math.abs(b)).reduce((sum, v) => Math.fround(sum + v), 0);
