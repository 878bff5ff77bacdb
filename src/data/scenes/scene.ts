/**
 * @file One scene: images of digits or garments placed on a textured background. Everything is a function of the seed,
 * the scene's number and the images; only sums, products and rounding are used, so that every machine makes the same
 * bytes.
 *
 * Objects stand at depths between 0 (near) and 1 (far): near ones are larger, brighter and cover far ones. The ground is
 * behind them all and rises from depth 0.9 at the bottom to 1 at the top.
 */

import { type Random, random } from '../../random.ts';
import { bytesOfImages } from '../check.ts';
import type { Split } from '../dataset.ts';
import type { Box } from './box.ts';
import { ground } from './ground.ts';
import { type Ink, inkOf } from './ink.ts';

export interface SceneObject {
  readonly label: number;
  /** Which image of the split it is. */
  readonly image: number;
  /** Around all of its ink, covered or not. */
  readonly box: Box;
  /** 0 is near, 1 far. */
  readonly depth: number;
}
export interface Scene {
  /** Height and width. */
  readonly size: number;
  /** What a camera sees, [size, size]. */
  readonly intensity: Uint8Array;
  /** 255 times the depth of what is seen at a pixel, [size, size]. */
  readonly depth: Uint8Array;
  /** Whose pixel it is, [size, size]: 0 the ground's, k that of object k - 1. */
  readonly owner: Uint8Array;
  /** Nearest first: their depth order. */
  readonly objects: readonly SceneObject[];
}
export interface SceneOptions {
  readonly seed?: number;
  /** Height and width in pixels; 64 by default. */
  readonly size?: number;
  /** The fewest and the most objects; 1 and 5 by default. A crowded scene may hold fewer than were drawn for it, but never none. */
  readonly objects?: readonly [least: number, most: number];
}

/** Pixels with less ink than this share are the ground's. */
export const inkThreshold = 0.3;
/** Pixels of ink; what has less, such as black clothes, is left out. */
const leastArea = 24;
/** Boxes of one scene overlap by no more than this share of the smaller one. */
const mostOverlap = 0.35;

/** Scene number `index` of a seed, from the images of a split (of 28 x 28 pixels). */
export function makeScene(split: Split, index: number, o: SceneOptions = {}): Scene {
  const { seed = 0, size = 64, objects: [least, most] = [1, 5] } = o;
  const source = random('scene', seed, index);
  const intensity = ground(size, source);
  const depth = new Uint8Array(size * size);
  for (let y = 0; y < size; y++)
    depth.fill(Math.round(255 * (1 - (0.1 * y) / size)), y * size, (y + 1) * size);
  const owner = new Uint8Array(size * size);
  const placed: Placed[] = [];
  for (let n = least + source.below(most - least + 1); n > 0; n--) {
    const next = place(split, size, placed, source);
    if (next) placed.push(next);
  }
  placed.sort((a, b) => a.depth - b.depth);
  for (const [k, object] of [...placed.entries()].reverse())
    paint(object, k + 1, { size, intensity, depth, owner });
  return { size, intensity, depth, owner, objects: placed.map(({ ink, top, left, light, ...rest }) => rest) };
}

interface Placed extends SceneObject {
  readonly ink: Ink;
  readonly top: number;
  readonly left: number;
  /** Brightness of full ink, 0 to 255. */
  readonly light: number;
}

/** An object where there is room for it, or nothing after twelve tries. */
function place(split: Split, size: number, others: readonly Placed[], source: Random): Placed | undefined {
  const pixels = bytesOfImages(split, 'makeScene');
  for (let tries = 0; tries < 12; tries++) {
    const image = source.below(split.count);
    const depth = 0.1 + 0.7 * source.uniform();
    // 31 pixels of 64 when near, 16 when far, give or take 2
    const side = Math.round((size / 64) * (33 - 21 * depth + 4 * source.uniform() - 2));
    const light = Math.round(245 - 120 * depth + 20 * source.uniform() - 10);
    const ink = inkOf(pixels.subarray(image * 784, (image + 1) * 784), side, inkThreshold);
    if (ink.area < leastArea) continue;
    const [inkTop, inkLeft, inkBottom, inkRight] = ink.box;
    const [h, w] = [inkBottom - inkTop, inkRight - inkLeft];
    const box: Box = placeBox(source.below(size - h + 1), source.below(size - w + 1), h, w);
    const crowded = others.some((other) => overlap(box, other.box) > mostOverlap);
    if (crowded) continue;
    const label = split.labels[image]!;
    return { label, image, box, depth, ink, top: box[0] - inkTop, left: box[1] - inkLeft, light };
  }
  return undefined;
}
const placeBox = (top: number, left: number, h: number, w: number): Box => [top, left, top + h, left + w];

/** The common area as a share of the smaller box. */
function overlap(a: Box, b: Box): number {
  const h = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const w = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const area = (box: Box): number => (box[2] - box[0]) * (box[3] - box[1]);
  return h > 0 && w > 0 ? (h * w) / Math.min(area(a), area(b)) : 0;
}

/** Over what is there: ink covers by its share, and owns the pixel from `inkThreshold` up. */
function paint(
  { ink, top, left, light, depth }: Placed,
  number: number,
  scene: Omit<Scene, 'objects'>,
): void {
  const { size, intensity, owner } = scene;
  for (let y = Math.max(0, -top); y < Math.min(ink.side, size - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(ink.side, size - left); x++) {
      const share = ink.share[y * ink.side + x]!;
      const at = (top + y) * size + left + x;
      intensity[at] = Math.round((1 - share) * intensity[at]! + share * light);
      if (share < inkThreshold) continue;
      owner[at] = number;
      scene.depth[at] = Math.round(255 * depth);
    }
  }
}
