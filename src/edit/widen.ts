/**
 * @file Net2WiderNet on any graph. Chen, Goodfellow and Shlens, ICLR 2016, arXiv:1511.05641, section 3.1.
 *
 * Channels are copied, and every consumer splits its weights among the copies. The paper halves them and adds noise to
 * break the symmetry; here the shares are random and sum to one, which breaks it exactly. It preserves the function in
 * inference and in training (copies have the statistics of their originals), dropout aside, which draws anew.
 */
import { Refusal } from '../errors.ts';
import { type Channels, channels, check, type Graph, prune, type Slot } from '../graph/index.ts';
import { permutation, random } from '../random.ts';
import { entries, float, materialize, type Net, type Weight, type WeightKey } from '../weights/index.ts';
import type { ChannelMap } from './channel-map.ts';
import { type Copies, chooseCopies, requestsOf, verifyBalances, type Width } from './copies.ts';
import { rescaled } from './follow.ts';
import type { Growth } from './growth.ts';
import { backFrom } from './narrow.ts';
import { type Arrange, byCopies, replicate, type WeightMaps } from './replicate.ts';

export interface WidenOptions {
  readonly seed?: number;
  /** How consumers split their weights: by random shares (unless told), equal ones, or all on the original. */
  readonly split?: 'random' | 'equal' | 'original';
  /** Deviation of noise on the split weights, as a share of the kernel's own. Costs exactness; 0 unless told. */
  readonly noise?: number;
  /** Grouped convs (by node id) that grow by whole groups instead of within their groups. */
  readonly byGroups?: (node: string) => boolean;
}
/** One or several places and their widths; see `request` for what a place may be. */
export type Widths = Readonly<Record<string, Width>>;

/**
 * Widen what the names mean: `widen(net, { 'stage1': 'x1.5', 'stage2/0/first': 48 })`.
 * @throws UsageError for unknown names, Refusal for what cannot change or does not share evenly.
 */
export function widen(net: Net, widths: Widths, o: WidenOptions = {}): Growth {
  const all = channels(net.graph, o.byGroups ? { byGroups: o.byGroups } : {});
  return copyChannels(net, chooseCopies(all, requestsOf(net.graph, all, widths), o.seed ?? 0), o);
}

/**
 * Let channels stand as often as told, by their classes (see `channels`); the core of `widen`, for those who choose by
 * themselves. 0 takes a channel away: the function stays where nothing weighs it, which is not looked at.
 * @throws Refusal for classes that are frozen or not there, and for groups that would not stay equal.
 */
export function copyChannels(net: Net, copies: Copies, o: WidenOptions = {}): Growth {
  const { noise = 0 } = o;
  if (!(noise >= 0)) throw new Refusal(`widen: noise must be 0 or more, got ${noise}`);
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

/** How the copies of an input channel share its weights. */
interface Sharing {
  readonly kind: 'random' | 'equal' | 'original';
  readonly seed: number;
  readonly key: string;
  /** Deviation of the noise on them, as a share of the kernel's own. */
  readonly noise: number;
}

/** An array that lies parallel to a weight, in its new shape; with `sharing` it is split among copies, else repeated. */
function mapWeight(
  data: Float32Array,
  oldShape: readonly number[],
  slot: Slot,
  { input, output, groups }: WeightMaps,
  newShape: readonly number[],
  sharing: Sharing | undefined,
): Float32Array {
  if (slot !== 'kernel') return Float32Array.from(output, (from) => data[from] as number);
  const [oldIn, oldOut] = [oldShape.at(-2) as number, oldShape.at(-1) as number];
  const [newIn, newOut] = [newShape.at(-2) as number, newShape.at(-1) as number];
  const places = data.length / (oldIn * oldOut);
  const grown = new Float32Array(places * newIn * newOut);
  const outPerGroup = newOut / groups.now;
  for (let group = 0; group < groups.now; group++) {
    // the old channel, within its group, that each of this group's new input channels copies
    const reads = Int32Array.from({ length: newIn }, (_, i) =>
      input ? (input[group * newIn + i] as number) % oldIn : i,
    );
    for (let p = 0; p < places; p++) {
      for (let i = 0; i < newIn; i++) {
        for (let j = group * outPerGroup; j < (group + 1) * outPerGroup; j++) {
          const from = (p * oldIn + (reads[i] as number)) * oldOut + (output[j] as number);
          grown[(p * newIn + i) * newOut + j] = data[from] as number;
        }
      }
    }
    if (sharing && groups.now === groups.old && input) {
      splitRows(
        grown,
        places,
        newIn,
        newOut,
        [group * outPerGroup, (group + 1) * outPerGroup],
        reads,
        sharing,
        group,
      );
    }
  }
  return grown;
}

/**
 * Each weight w of an input channel with copies becomes parts that sum to w exactly in float32: the first takes
 * t w with t in [1/2, 1), which leaves a rest without rounding (Sterbenz 1974), the next its part of the rest, and so on.
 */
function splitRows(
  kernel: Float32Array,
  places: number,
  rows: number,
  columns: number,
  [from, to]: readonly [number, number],
  reads: ChannelMap,
  { kind, seed, key, noise }: Sharing,
  group: number,
): void {
  const shake = noise ? noise * deviationOf(kernel) : 0;
  const copiesOf = new Map<number, number[]>();
  for (const [i, old] of reads.entries()) {
    const copies = copiesOf.get(old);
    if (copies) copies.push(i);
    else copiesOf.set(old, [i]);
  }
  for (const [old, copies] of copiesOf) {
    const m = copies.length;
    if (m === 1) continue;
    const source = random('split', seed, key, group, old);
    const order = kind === 'random' ? Array.from(permutation(m, source), (k) => copies[k] as number) : copies;
    const parts = order.map(() => 0.5 + 0.45 * source.uniform());
    for (let p = 0; p < places; p++) {
      for (let j = from; j < to; j++) {
        let rest = kernel[(p * rows + (order[0] as number)) * columns + j] as number;
        order.forEach((i, k) => {
          const at = (p * rows + i) * columns + j;
          if (kind === 'equal') kernel[at] = rest / m;
          else if (kind === 'original') kernel[at] = k ? 0 : rest;
          else {
            const part = k === m - 1 ? rest : Math.fround((parts[k] as number) * rest);
            kernel[at] = part;
            rest = Math.fround(rest - part);
          }
          if (shake) kernel[at] = (kernel[at] as number) + shake * source.normal();
        });
      }
    }
  }
}

function deviationOf(all: Float32Array): number {
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  return Math.sqrt(all.reduce((a, b) => a + (b - mean) ** 2, 0) / all.length);
}
