/**
 * @file New units chosen by gradient. Evci, van Merrienboer, Unterthiner, Vladymyrov and Pedregosa, ICLR 2022, arXiv:2201.05125
 * (GradMax), section 3: new units should have large gradients at once, so that the next steps lower the loss most, and must not
 * change the function.
 *
 *   maximize |dL/dW_new|^2  over the new units, with weights of bounded norm
 *
 * The paper sets the weights into the new units to zero and finds those out of them by a singular value decomposition, which takes the
 * slope of the activation at 0 as 1. Deviation: the slope of ReLU at 0 is 0, so that the roles are exchanged here. The weights out of
 * new units are zero (`addUnits`), which preserves the function in both modes, and those into them are chosen: several times as many
 * units are drawn, all with filters of the old filters' mean norm, and those are kept whose outgoing weights have the largest gradients
 * on the data.
 */
import { get } from '../../access.ts';
import { cells } from '../../edit/channels/copies.ts';
import { inSequence } from '../../edit/channels/growth.ts';
import { addUnits, copyChannels, type Growth, type Widths } from '../../edit/index.ts';
import { Refusal } from '../../errors.ts';
import { type Channels, channels, type Graph, isDepthwise } from '../../graph/index.ts';
import { entries, type Net, type WeightKey } from '../../weights/index.ts';
import { checkCount } from '../options.ts';
import type { Task } from '../task/task.ts';
import { type GradientOptions, gradients, meanGradients } from './evidence.ts';

export interface GradientUnitOptions extends GradientOptions {
  /** How many units are drawn for each one that is kept; 4 by default. */
  readonly candidates?: number;
}
/** The growth, and how large the gradients of the outgoing weights were. */
export interface GradientUnits extends Growth {
  /** Means of |dL/dW|^2 of a unit: of those that were kept, and of all that were drawn. */
  readonly scores: { readonly kept: number; readonly drawn: number };
}

/**
 * Adds units to the layers that the names mean (as in `addUnits`), those of several candidates whose outgoing weights have the largest
 * gradients (after GradMax, Evci et al. 2022, arXiv:2201.05125, section 3). The function is preserved in both modes, and
 * `verifyCertificate` proves it from the maps.
 * @throws UsageError for unknown names and options out of range; Refusal for what cannot change; MoonletError when net, data and losses do
 * not fit.
 *
 * @example
 * import { graph, init, input, verifyCertificate } from 'moonlet';
 * import { dataset } from 'moonlet/data';
 * import { structure, tasks } from 'moonlet/learn';
 *
 * const pixels = Uint8Array.from({ length: 32 * 64 }, (_, i) => (i * i) % 251);
 * const labels = Array.from({ length: 32 }, (_, i) => i % 4);
 * const data = dataset({ shape: [8, 8, 1], classes: 4, train: { pixels, labels }, test: { pixels, labels } });
 * const net = init(graph('tiny', input(8, 8, 1).pipe('stage1', (x) => x.conv(8).norm().relu()).globalPool().dense(4)));
 * const task = tasks.classification(data.train, data);
 * const grown = await structure.addUnitsByGradient(net, task, { stage1: 12 }, { batches: 2, batch: 8 });
 * grown.scores.kept > grown.scores.drawn; // true
 * verifyCertificate(net, grown.net, grown.maps); // []
 */
export async function addUnitsByGradient(
  net: Net,
  task: Task,
  widths: Widths,
  { candidates = 4, ...o }: GradientUnitOptions = {},
): Promise<GradientUnits> {
  checkCount('candidates', candidates, 2);
  const seed = o.seed ?? 0;
  const drawn = addUnits(net, manyMore(net, widths, candidates, seed), { seed });
  const found = await gradients(drawn.net, task, o);
  const all = channels(drawn.net.graph);
  const units = newUnits(drawn, all);
  const scores = scoresOf(drawn.net.graph, all, units, meanGradients(found));
  const scoreOf = (unit: number): number => scores.get(unit) ?? 0;
  const kept = new Set<number>();
  for (const variable of all.variables)
    for (const cell of cells(all, variable)) {
      const fresh = cell.filter((unit) => units.has(unit)).sort((a, b) => scoreOf(b) - scoreOf(a));
      const count = fresh.length / candidates;
      if (!Number.isInteger(count))
        throw new Refusal(
          `${variable.name}: ${fresh.length} candidates are no multiple of ${candidates}; ask for another width`,
        );
      for (const unit of fresh.slice(0, count)) kept.add(unit);
    }
  const left = [...units].filter((unit) => !kept.has(unit));
  const chosen = copyChannels(drawn.net, new Map(left.map((unit) => [unit, 0])));
  const mean = (list: Iterable<number>): number => {
    const values = Array.from(list, scoreOf);
    return values.reduce((sum, v) => sum + v, 0) / values.length;
  };
  return { ...inSequence([drawn, chosen]), scores: { kept: mean(kept), drawn: mean(units) } };
}

/** Widths at which every variable grows by several times as many units as was asked for. */
function manyMore(net: Net, widths: Widths, times: number, seed: number): Widths {
  const sizes = ({ graph }: Net): ReadonlyMap<string, number> =>
    new Map(channels(graph).variables.map((v) => [v.name, v.classes.length]));
  const wanted = sizes(addUnits(net, widths, { seed }).net);
  return Object.fromEntries(
    [...sizes(net)].flatMap(([name, size]) => {
      const more = get(wanted, name) - size;
      return more ? [[name, `x${1 + (times * more) / size}` as const]] : [];
    }),
  );
}

/** The classes of channels that no old channel has. */
function newUnits({ maps }: Growth, { of }: Channels): ReadonlySet<number> {
  const units = new Set<number>();
  for (const [id, map] of maps)
    map.forEach((from, i) => {
      const unit = of.get(id)?.[i];
      if (from < 0 && unit !== undefined) units.add(unit);
    });
  return units;
}

/** The squared norm of the gradient of all weights by which old units read a new one, by unit. */
function scoresOf(
  graph: Graph,
  { of }: Channels,
  units: ReadonlySet<number>,
  gradient: ReadonlyMap<WeightKey, Float32Array>,
): ReadonlyMap<number, number> {
  const scores = new Map<number, number>();
  const shapeOf = new Map(entries(graph).map((e) => [e.key, e.shape]));
  for (const node of graph.nodes) {
    const key: WeightKey = `${node.id}:kernel`;
    const [shape, values] = [shapeOf.get(key), gradient.get(key)];
    const inputs = of.get(node.inputs[0] ?? '');
    const outputs = of.get(node.id);
    if (!shape || !values || !inputs || !outputs) continue;
    if (node.op.kind === 'conv' && isDepthwise(node.op, inputs.length)) continue;
    const [rows = 1, columns = 1] = shape.slice(-2);
    const perGroup = node.op.kind === 'conv' ? columns / node.op.groups : columns;
    values.forEach((g, at) => {
      const column = at % columns;
      const row = Math.floor(column / perGroup) * rows + (Math.floor(at / columns) % rows);
      const unit = inputs[row]!;
      if (units.has(unit) && !units.has(outputs[column]!)) scores.set(unit, (scores.get(unit) ?? 0) + g * g);
    });
  }
  return scores;
}
