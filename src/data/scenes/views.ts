/** @file Views of a scene: other modalities and dense labels, all [size, size]. */
import { item } from '../../access.ts';
import type { Scene } from './scene.ts';

/**
 * How strong an edge passes through each pixel of an image [size, size]: the length of Sobel's gradient over 4, so that a
 * step of height n reads n; the border repeats outwards.
 */
export function edges(image: Uint8Array, size: number): Uint8Array {
  const at = (y: number, x: number): number =>
    image[Math.min(size - 1, Math.max(0, y)) * size + Math.min(size - 1, Math.max(0, x))]!;
  const out = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const across = (row: number): number => at(row, x + 1) - at(row, x - 1);
      const down = (column: number): number => at(y + 1, column) - at(y - 1, column);
      const gx = across(y - 1) + 2 * across(y) + across(y + 1);
      const gy = down(x - 1) + 2 * down(x) + down(x + 1);
      out[y * size + x] = Math.min(255, Math.round(Math.sqrt(gx * gx + gy * gy) / 4));
    }
  }
  return out;
}

/** The class seen at each pixel: 0 for the ground, label + 1 for an object. */
export const segmentation = ({ owner, objects }: Scene): Int32Array =>
  Int32Array.from(owner, (k) => (k ? item(objects, k - 1).label + 1 : 0));

/** 1 where an object's pixel touches, in one of four directions, a pixel that is not its own. */
export function contour({ owner, size }: Scene): Uint8Array {
  const other = (y: number, x: number, mine: number): boolean =>
    y < 0 || x < 0 || y >= size || x >= size ? false : owner[y * size + x] !== mine;
  return owner.map((mine, i) => {
    const [y, x] = [Math.floor(i / size), i % size];
    const ends =
      other(y - 1, x, mine) || other(y + 1, x, mine) || other(y, x - 1, mine) || other(y, x + 1, mine);
    return mine && ends ? 1 : 0;
  });
}

/** How many pixels of each object are seen. */
export const seen = ({ owner, objects }: Scene): readonly number[] => {
  const counts = new Array<number>(objects.length).fill(0);
  for (const k of owner) if (k) counts[k - 1] = (counts[k - 1] ?? 0) + 1;
  return counts;
};
