/**
 * @file Changes the number or order of channels and the layers that read them: the core of widening, pruning and
 * permuting.
 */
import { Refusal } from '../../errors.ts';
import { type Channels, channels, check, dropUnused, type Graph } from '../../graph/index.ts';
import { entries, float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
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
} from '../options.ts';
import { type Copies, verifyBalances } from './copies.ts';
import type { Growth } from './growth.ts';
import { mapWeight } from './map-weight.ts';
import { rescaled } from './moments.ts';
import { backFrom } from './narrow.ts';
import { byCopies, replicate } from './replicate.ts';
import type { Arrange } from './rules/rule.ts';

/** The options of `widen`, `copyChannels` and `grow`. */
export interface WidenOptions {
  /** Of the copies, the shares and the noise; 0 by default. */
  readonly seed?: number;
  /** How consumers split their weights: by random shares (the default), equal ones, or all on the original. */
  readonly split?: 'random' | 'equal' | 'original';
  /** Deviation of noise on the split weights, as a share of the kernel's own. It costs exactness; 0 by default. */
  readonly noise?: number;
  /** Grouped convs (by node id) that grow by whole groups instead of within their groups. */
  readonly byGroups?: (node: string) => boolean;
}

/** What each of them must be. */
export const widenChecks: Checks<WidenOptions> = {
  seed,
  split: oneOf('random', 'equal', 'original'),
  noise: fromZero,
  byGroups: callback,
};

/**
 * Copy channels a given number of times, by their classes (see `channels`): the core of `widen`, for callers who choose the
 * channels themselves. 0 removes a channel. That preserves the function only if nothing weighs it, which is not checked.
 * @throws Refusal for classes that are frozen or unknown, and for groups that would not stay equal.
 * @throws UsageError for wrong options.
 * @example
 * import { copyChannels, graphs, init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const [first = 0] = graphs.channels(net.graph).of.get('stem/conv') ?? [];
 * const { maps } = copyChannels(net, new Map([[first, 2]]));
 * console.log(maps.get('stem/conv')?.slice(0, 4).join()); // 0,0,1,2
 */
export function copyChannels(net: Net, copies: Copies, o: WidenOptions = {}): Growth {
  checkNet('copyChannels', net);
  checkValue('copyChannels', 'copies', copies, map);
  checkOptions('copyChannels', o, widenChecks);
  return withCopies('copyChannels', net, copies, o);
}

/** `copyChannels` for other edits; errors begin with the name of the edit. */
export function withCopies(
  edit: string,
  net: Net,
  copies: Copies,
  o: WidenOptions = {},
  all = channels(net.graph, o.byGroups ? { byGroups: o.byGroups } : {}),
): Growth {
  verifyCopies(edit, all, copies);
  return rearrange(net, all, byCopies(copies), o);
}

/** The net whose producers make their channels in the order and number that `arrange` gives; consumers follow. */
export function rearrange(net: Net, all: Channels, arrange: Arrange, o: WidenOptions = {}): Growth {
  const { seed = 0, split = 'random', noise = 0 } = o;
  const { graph, maps, weights } = replicate(net.graph, all, arrange);
  const grown = new Map<WeightKey, Weight>();
  const old = new Map(entries(net.graph).map((e) => [e.key, e]));
  const named: Graph = check(dropUnused({ ...graph, name: net.graph.name }));
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

function verifyCopies(edit: string, all: Channels, copies: Copies): void {
  const known = new Set<number>();
  // values that pass channels on share an array
  for (const classes of new Set(all.of.values())) for (const id of classes) known.add(id);
  for (const [id, count] of copies) {
    if (!Number.isInteger(count) || count < 0)
      throw new Refusal(`${edit}: a channel cannot appear ${count} times; give a whole number from 0 up`);
    if (!known.has(id)) throw new Refusal(`${edit}: there is no class ${id} of channels; see channels()`);
    const reason = count === 1 ? undefined : all.frozen.get(id);
    if (reason) throw new Refusal(`${edit}: channel class ${id} cannot change, since ${reason}`);
  }
  verifyBalances(all, copies);
}
