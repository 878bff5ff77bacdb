/** @file Resizes an image to an object of a scene. */
import type { Box } from './box.ts';

export interface Ink {
  /** Height and width. */
  readonly side: number;
  /** How much of a pixel is covered, 0 to 1, [side, side]. */
  readonly share: Float32Array;
  /** How many pixels have at least the threshold. */
  readonly area: number;
  /** Around these pixels; empty when there are none. */
  readonly box: Box;
}

/** An image of 28 x 28 bytes, drawn `side` pixels high and wide: bilinear, pixel centres aligned as areas are. */
export function inkOf(pixels: Uint8Array, side: number, threshold: number): Ink {
  const from = 28;
  const share = new Float32Array(side * side);
  const low = Int32Array.from({ length: side }, (_, i) => Math.floor(placeOf(i, side, from)));
  const along = Float64Array.from(low, (l, i) => placeOf(i, side, from) - l);
  let [top, left, bottom, right, area] = [side, side, 0, 0, 0];
  for (let y = 0; y < side; y++) {
    const upper = low[y]! * from;
    const lower = Math.min(upper + from, (from - 1) * from);
    const down = along[y]!;
    for (let x = 0; x < side; x++) {
      const l = low[x]!;
      const r = Math.min(from - 1, l + 1);
      const across = along[x]!;
      const above = pixels[upper + l]! * (1 - across) + pixels[upper + r]! * across;
      const below = pixels[lower + l]! * (1 - across) + pixels[lower + r]! * across;
      const value = (above * (1 - down) + below * down) / 255;
      share[y * side + x] = value;
      if (value < threshold) continue;
      area++;
      if (y < top) top = y;
      if (x < left) left = x;
      if (y >= bottom) bottom = y + 1;
      if (x >= right) right = x + 1;
    }
  }
  return { side, share, area, box: bottom ? [top, left, bottom, right] : [0, 0, 0, 0] };
}

/** Where the middle of pixel i lies among the middles of the source's pixels. */
const placeOf = (i: number, to: number, from: number): number =>
  Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
