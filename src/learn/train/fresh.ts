/**
 * @file Weights that growth made, and their warm-up: they are trained at a share of the learning rate that rises from nearly 0 to 1, so
 * that old weights, which are near what they should be, are not moved far by units that are still random.
 */
import type { Growth } from '../../edit/index.ts';
import type { Graph } from '../../graph/index.ts';
import { entries, type WeightKey } from '../../weights/index.ts';

export interface Fresh {
  /** By weight: 1 where it is new, 0 where it is an old one or a part of one. Weights with nothing new are missing. */
  readonly masks: ReadonlyMap<WeightKey, Float32Array>;
  /** The share of the learning rate at a step. */
  share(at: number): number;
}

/** Where the mask of a weight stands in a state. */
export const freshPlace = (key: string): string => `fresh/${key}`;
/** The input of a step that holds the share. */
export const freshShare = 'fresh-share';

/** Where a weight of a grown net is an old one or a part of one, it is not 0; undefined for a weight that is all new. */
export const oldParts = ({ follow }: Growth, key: WeightKey, size: number): Float32Array | undefined =>
  follow(key, new Float32Array(size).fill(1), 'weight');

/** What a growth of a graph made anew, with a warm-up of so many steps from step `at` on; undefined without one. */
export function freshAfter(
  growth: Growth,
  before: Graph,
  { at, warmup }: { readonly at: number; readonly warmup?: number | undefined },
): Fresh | undefined {
  if (!warmup) return undefined;
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
  if (!masks.size) return undefined;
  return { masks, share: (step) => Math.min(1, (step - at + 1) / warmup) };
}
