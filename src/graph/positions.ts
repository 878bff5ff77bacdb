/** @file The constant map of the op `positions`. */
import type { Pair, Positions } from './op.ts';

/**
 * P [h, w, features]: for a row of number y from 1 to h, the angle 2 pi y / (h + 1e-6) divided by temperature^(2 i / n), its sine then
 * its cosine for each i from 0 below n / 2, with n half of the features; then the same of the column.
 */
export function positionFeatures({ features, temperature }: Positions, [h, w]: Pair): Float32Array {
  const half = features / 2;
  const along = (size: number): number[] =>
    Array.from({ length: size * half }, (_, at) => {
      const [place, i] = [Math.floor(at / half), at % half];
      const angle = (2 * Math.PI * (place + 1)) / (size + 1e-6) / temperature ** ((i - (i % 2)) / half);
      return i % 2 ? Math.cos(angle) : Math.sin(angle);
    });
  const [rows, columns] = [along(h), along(w)];
  const map = new Float32Array(h * w * features);
  for (let place = 0; place < h * w; place++)
    for (let i = 0; i < half; i++) {
      map[place * features + i] = rows[Math.floor(place / w) * half + i]!;
      map[place * features + half + i] = columns[(place % w) * half + i]!;
    }
  return map;
}
