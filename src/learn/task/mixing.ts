/** @file Changes of normalized images: random erasing, mixup and CutMix. Functions of their keys alone. */
import { beta, between, betweenLogs } from '../../data/images/augment/index.ts';
import { type Random, random } from '../../random.ts';
import type { Erasing, Mixing } from './augment.ts';

type Shape = readonly [h: number, w: number, c: number];
/** A rectangle: rows `top` to `bottom`, columns `left` to `right`, the ends left out. */
interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Erases rectangles of one image [h, w, c] in place. */
export function erase(
  image: Float32Array,
  [h, w, c]: Shape,
  { probability = 0.25, mode = 'pixel', area = [0.02, 1 / 3], ratio = [0.3, 1 / 0.3], count = 1 }: Erasing,
  source: Random,
): void {
  if (source.uniform() >= probability) return;
  for (let i = 0; i < count; i++) {
    const box = boxIn([h, w], { area: [area[0] / count, area[1] / count], ratio }, source);
    if (!box) continue;
    const colour = Float32Array.from({ length: c }, () => (mode === 'rand' ? source.normal() : 0));
    for (let y = box.top; y < box.bottom; y++)
      for (let k = (y * w + box.left) * c; k < (y * w + box.right) * c; k++)
        image[k] = mode === 'pixel' ? source.normal() : colour[k % c]!;
  }
}

/** A random rectangle smaller than the image, drawn ten times at most. */
function boxIn(
  [h, w]: readonly [number, number],
  { area, ratio }: Readonly<Record<'area' | 'ratio', readonly [least: number, most: number]>>,
  source: Random,
): Box | undefined {
  for (let tried = 0; tried < 10; tried++) {
    const size = h * w * between(source, area);
    const proportion = betweenLogs(source, ratio);
    const [tall, wide] = [Math.round(Math.sqrt(size * proportion)), Math.round(Math.sqrt(size / proportion))];
    if (tall >= h || wide >= w) continue;
    const [top, left] = [source.below(h - tall + 1), source.below(w - wide + 1)];
    return { top, left, bottom: top + tall, right: left + wide };
  }
  return undefined;
}

/** How a batch is mixed with itself in reverse order: the share that each image keeps, and the box that CutMix takes. */
export interface Mixture {
  readonly share: number;
  readonly box?: Box;
}

/** The mixture of a step; undefined when this batch is left as it is. */
export function mixtureAt(
  { mixup = 0, cutmix = 0, probability = 1, switchProbability = 0.5 }: Mixing,
  [h, w]: Shape,
  keys: readonly (string | number)[],
): Mixture | undefined {
  const source = random('mix', ...keys);
  if (source.uniform() >= probability) return undefined;
  const cuts = cutmix > 0 && (mixup === 0 || source.uniform() < switchProbability);
  const share = beta(source, cuts ? cutmix : mixup);
  if (!cuts) return { share };
  const side = Math.sqrt(1 - share);
  const [tall, wide] = [Math.trunc(h * side), Math.trunc(w * side)];
  const [y, x] = [source.below(h), source.below(w)];
  const box = {
    top: Math.max(0, y - Math.floor(tall / 2)),
    bottom: Math.min(h, y + Math.floor((tall + 1) / 2)),
    left: Math.max(0, x - Math.floor(wide / 2)),
    right: Math.min(w, x + Math.floor((wide + 1) / 2)),
  };
  const area = (box.bottom - box.top) * (box.right - box.left);
  return { share: 1 - area / (h * w), box };
}

/** Mixes image i of a batch [batch, h, w, c] with image batch - 1 - i, in place. */
export function mixInto(x: Float32Array, batch: number, [h, w, c]: Shape, { share, box }: Mixture): void {
  const size = h * w * c;
  const { top, bottom, left, right } = box ?? { top: 0, bottom: h, left: 0, right: w };
  for (let i = 0; i < Math.floor(batch / 2); i++) {
    const [one, other] = [i * size, (batch - 1 - i) * size];
    for (let y = top; y < bottom; y++)
      for (let k = (y * w + left) * c; k < (y * w + right) * c; k++) {
        const [a, b] = [x[one + k]!, x[other + k]!];
        x[one + k] = box ? b : a * share + b * (1 - share);
        x[other + k] = box ? a : b * share + a * (1 - share);
      }
  }
}

/**
 * The labels of a mixed batch: those of the larger share, those of the smaller one, and the larger share. A batch that is not mixed has
 * shares of 1.
 */
export function mixedLabels(labels: Int32Array, mixture: Mixture | undefined) {
  const share = mixture?.share ?? 1;
  const partners = mixture ? labels.toReversed() : labels;
  const larger = Math.max(share, 1 - share);
  return {
    labels: share >= 0.5 ? labels : partners,
    partners: share >= 0.5 ? partners : labels,
    shares: new Float32Array(labels.length).fill(larger),
  };
}
