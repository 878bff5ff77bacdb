/**
 * @file Weights that growth made, and their warm-up: they are trained at a share of the learning rate that rises from nearly 0 to 1, so
 * that old weights, which are near what they should be, are not moved far by units that are still random.
 */
import type { Growth } from '../../edit/index.ts';
import type { Graph } from '../../graph/index.ts';
import { entries, type WeightKey } from '../../weights/index.ts';

export interface Fresh {
  /** By weight: 0 where it is an old one or a part of one, else the number of its warm-up, from 1. Weights with nothing new are missing. */
  readonly masks: ReadonlyMap<WeightKey, Float32Array>;
  /** The step after which each growth was, and the steps of its warm-up. */
  readonly warmups: readonly { readonly at: number; readonly steps: number }[];
}

/** The share of the learning rate of each warm-up at a step. */
export const freshShares = ({ warmups }: Fresh, step: number): Float32Array =>
  Float32Array.from(warmups, ({ at, steps }) => Math.min(1, (step - at + 1) / steps));

/** Where the mask of a weight stands in a state. */
export const freshPlace = (key: string): string => `fresh/${key}`;
/** The input of a step that holds the shares. */
export const freshShare = 'fresh-share';

/** Where a weight of a grown net is an old one or a part of one, it is not 0; undefined for a weight that is all new. */
export const oldParts = ({ follow }: Growth, key: WeightKey, size: number): Float32Array | undefined =>
  follow(key, new Float32Array(size).fill(1), 'weight');

/**
 * What a growth of a graph made anew, with a warm-up of so many steps from step `at` on, and what is new since earlier growths whose
 * warm-ups last beyond it; undefined when there is nothing.
 */
export function freshAfter(
  growth: Growth,
  before: Graph,
  { at, warmup }: { readonly at: number; readonly warmup?: number | undefined },
  earlier?: Fresh,
): Fresh | undefined {
  const lasting = earlier && freshShares(earlier, at).some((share) => share < 1) ? earlier : undefined;
  const masks = new Map<WeightKey, Float32Array>();
  for (const [key, mask] of lasting?.masks ?? []) {
    const followed = followedMask(growth, key, mask);
    if (followed) masks.set(key, followed);
  }
  const warmups = [...(lasting?.warmups ?? [])];
  if (warmup) {
    warmups.push({ at, steps: warmup });
    for (const [key, mask] of newParts(growth, before)) {
      const known = masks.get(key);
      masks.set(
        key,
        mask.map((isNew, i) => (isNew ? warmups.length : (known?.[i] ?? 0))),
      );
    }
  }
  return masks.size ? { masks, warmups } : undefined;
}

/** A mask of numbers in a weight's new shape: copies have the number of what they copy. */
function followedMask(growth: Growth, key: WeightKey, mask: Float32Array): Float32Array | undefined {
  let found: Float32Array | undefined;
  for (const n of new Set(mask)) {
    if (!n) continue;
    // a copy of a unit has a part of its weight: not 0
    const part = growth.follow(
      key,
      mask.map((v) => (v === n ? 1 : 0)),
      'weight',
    );
    found = part?.map((v, i) => (v === 0 ? (found?.[i] ?? 0) : n));
  }
  return found;
}

/** By weight of the grown net: 1 where it is new. */
function newParts(growth: Growth, before: Graph): Map<WeightKey, Float32Array> {
  const sizes = new Map(entries(before).map(({ key, shape }) => [key, shape.reduce((n, d) => n * d, 1)]));
  const masks = new Map<WeightKey, Float32Array>();
  for (const { key, shape, trained } of entries(growth.net.graph)) {
    if (!trained) continue;
    const size = sizes.get(key);
    const old = size === undefined ? undefined : oldParts(growth, key, size);
    const mask =
      old?.map((v) => (v === 0 ? 1 : 0)) ?? new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(1);
    if (mask.includes(1)) masks.set(key, mask);
  }
  return masks;
}
