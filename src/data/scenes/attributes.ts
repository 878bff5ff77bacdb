/** @file Attributes measured on an image of a digit: stroke width, slant, number of loops. */

export interface Attributes {
  /** Pixels: twice the ink's area over the length of its outline. A long bar of width w has w (less at its ends). */
  readonly strokeWidth: number;
  /** Pixels to the right for each pixel up, by second moments. */
  readonly slant: number;
  /** Regions of paper that ink closes in. */
  readonly loops: number;
}

/** Of one image of 28 x 28 bytes; ink is what has at least a quarter of full ink. Without ink all are 0. */
export function attributesOf(pixels: Uint8Array, side = 28): Attributes {
  const ink = (y: number, x: number): boolean =>
    y >= 0 && x >= 0 && y < side && x < side && pixels[y * side + x]! >= 64;
  let [area, outline, sumY, sumX] = [0, 0, 0, 0];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (!ink(y, x)) continue;
      area++;
      [sumY, sumX] = [sumY + y, sumX + x];
      for (const [dy, dx] of fourWays) if (!ink(y + dy, x + dx)) outline++;
    }
  }
  if (!area) return { strokeWidth: 0, slant: 0, loops: 0 };
  const [meanY, meanX] = [sumY / area, sumX / area];
  let [yy, xy] = [0, 0];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (!ink(y, x)) continue;
      yy += (y - meanY) * (y - meanY);
      xy += (y - meanY) * (x - meanX);
    }
  }
  return { strokeWidth: (2 * area) / outline, slant: yy ? -xy / yy : 0, loops: loopsIn(ink, side) };
}

const fourWays = [
  [-1, 0],
  [1, 0],
  [0, -1],
  [0, 1],
] as const;

/** Connected regions of paper (by four ways) that do not reach the border; the image is taken with a frame of paper. */
function loopsIn(ink: (y: number, x: number) => boolean, side: number): number {
  const wide = side + 2;
  const visited = new Uint8Array(wide * wide);
  let regions = 0;
  for (let start = 0; start < wide * wide; start++) {
    if (visited[start] || ink(Math.floor(start / wide) - 1, (start % wide) - 1)) continue;
    regions++;
    const todo = [start];
    visited[start] = 1;
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      const [y, x] = [Math.floor(at / wide), at % wide];
      for (const [dy, dx] of fourWays) {
        const [v, u] = [y + dy, x + dx];
        if (v < 0 || u < 0 || v >= wide || u >= wide) continue;
        const next = v * wide + u;
        if (visited[next] || ink(v - 1, u - 1)) continue;
        visited[next] = 1;
        todo.push(next);
      }
    }
  }
  return regions - 1; // the outside is one
}
