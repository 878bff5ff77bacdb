/**
 * @file Net2WiderNet on any graph. Chen, Goodfellow and Shlens, ICLR 2016, arXiv:1511.05641, section 3.1.
 *
 * Channels are copied, and every consumer splits its weights among the copies. The paper halves them and adds noise to
 * break the symmetry; here the shares are random and sum to one, which breaks it exactly. It preserves the function in
 * inference and in training (copies have the statistics of their originals), dropout aside, which draws anew.
 */
import { Refusal } from '../errors.ts';
import { type Channels, channels, check, type Graph, prune } from '../graph/index.ts';
import { entries, float, materialize, type Net, type Weight, type WeightKey } from '../weights/index.ts';
import { type Copies, chooseCopies, requestsOf, verifyBalances } from './copies.ts';
import { rescaled } from './follow.ts';
import type { Growth } from './growth.ts';
import { mapWeight } from './map-weight.ts';
import { backFrom } from './narrow.ts';
import {
  type Checks,
  callback,
  checkNet,
  checkOptions,
  checkValue,
  fromZero,
  map,
  oneOf,
  seed,
} from './options.ts';
import type { Arrange } from './orders.ts';
import { byCopies, replicate } from './replicate.ts';
import type { Width } from './width.ts';

export interface WidenOptions {
  readonly seed?: number;
  /** How consumers split their weights: by random shares (unless told), equal ones, or all on the original. */
  readonly split?: 'random' | 'equal' | 'original';
  /** Deviation of noise on the split weights, as a share of the kernel's own. Costs exactness; 0 unless told. */
  readonly noise?: number;
  /** Grouped convs (by node id) that grow by whole groups instead of within their groups. */
  readonly byGroups?: (node: string) => boolean;
}
export const widenChecks: Checks<WidenOptions> = {
  seed,
  split: oneOf('random', 'equal', 'original'),
  noise: fromZero,
  byGroups: callback,
};
/** One or several places and their widths; see `request` for what a place may be. */
export type Widths = Readonly<Record<string, Width>>;

/**
 * Widen what the names mean: `widen(net, { 'stage1': 'x1.5', 'stage2/0/first': 48 })`.
 * @throws UsageError for unknown names, Refusal for what cannot change or does not share evenly.
 */
export function widen(net: Net, widths: Widths, o: WidenOptions = {}): Growth {
  checkNet('widen', net);
  checkOptions('widen', o, widenChecks);
  const all = channels(net.graph, o.byGroups ? { byGroups: o.byGroups } : {});
  return copyChannels(net, chooseCopies(all, requestsOf(net.graph, all, widths), o.seed ?? 0), o);
}

/**
 * Let channels stand as often as told, by their classes (see `channels`); the core of `widen`, for those who choose by
 * themselves. 0 takes a channel away: the function stays where nothing weighs it, which is not looked at.
 * @throws Refusal for classes that are frozen or not there, and for groups that would not stay equal.
 */
export function copyChannels(net: Net, copies: Copies, o: WidenOptions = {}): Growth {
  checkNet('widen', net);
  checkValue('widen', 'copies', copies, map);
  checkOptions('widen', o, widenChecks);
  const all = channels(net.graph, o.byGroups ? { byGroups: o.byGroups } : {});
  verifyCopies(all, copies);
  return rearrange(net, all, byCopies(copies), o);
}

/** The net whose producers make their channels in another order or number; consumers follow. */
export function rearrange(net: Net, all: Channels, arrange: Arrange, o: WidenOptions = {}): Growth {
  const { seed = 0, split = 'random', noise = 0 } = o;
  const { graph, maps, weights } = replicate(net.graph, all, arrange);
  const grown = new Map<WeightKey, Weight>();
  const old = new Map(entries(net.graph).map((e) => [e.key, e]));
  const named: Graph = check(prune({ ...graph, name: net.graph.name }));
  for (const { key, node, slot, shape } of entries(named)) {
    const source = old.get(key);
    const weight = net.weights.get(key);
    const follow = weights.get(node);
    if (!source || !weight || !follow) throw new Error(`internal: no source for "${key}"`);
    const data = mapWeight(materialize(weight), source.shape, slot, follow, shape, {
      kind: split,
      seed,
      key,
      noise,
    });
    grown.set(key, float(shape, data));
  }
  const shapeOfKey = new Map(entries(named).map((e) => [e.key, e.shape]));
  return {
    net: { graph: named, weights: grown },
    maps,
    added: [],
    preserves: noise ? 'neither' : 'both',
    follow: (key, array, as = 'weight') => {
      const [source, shape] = [old.get(key), shapeOfKey.get(key)];
      const follow = source && weights.get(source.node);
      if (!source || !shape || !follow) return undefined;
      const shares = as === 'weight' ? { kind: split, seed, key, noise: 0 } : undefined;
      const moved = mapWeight(array, source.shape, source.slot, follow, shape, shares);
      return as === 'weight' ? moved : rescaled(moved, as, source.slot, follow, shape);
    },
    back: (grown) => backFrom(net.graph, weights, grown),
  };
}

function verifyCopies(all: Channels, copies: Copies): void {
  const known = new Set([...all.of.values()].flatMap((classes) => [...classes]));
  for (const [id, count] of copies) {
    if (!Number.isInteger(count) || count < 0)
      throw new Refusal(`widen: a channel cannot stand ${count} times`);
    if (!known.has(id)) throw new Refusal(`widen: there is no class ${id} of channels; see channels()`);
    const reason = count === 1 ? undefined : all.frozen.get(id);
    if (reason) throw new Refusal(`widen: channel class ${id} cannot change, since ${reason}`);
  }
  verifyBalances(all, copies);
}
