/** @file Textured background: noise at two scales and grain, darker than the objects on it. */
import type { Random } from '../../random.ts';

/** [size, size], from about 10 to 120 of 255. */
export function ground(size: number, source: Random): Uint8Array {
  const base = 35 + 40 * source.uniform();
  const [coarse, fine] = [smooth(size, 16, source), smooth(size, 5, source)];
  const image = new Uint8Array(size * size);
  for (let i = 0; i < image.length; i++) {
    const grain = 12 * (source.uniform() - 0.5);
    image[i] = Math.max(0, Math.round(base + 40 * coarse[i]! + 30 * fine[i]! + grain));
  }
  return image;
}

/** Values in [-1/2, 1/2): random at the corners of cells, bilinear between them. */
function smooth(size: number, cell: number, source: Random): Float64Array {
  const corners = Math.ceil(size / cell) + 1;
  const lattice = new Float64Array(corners * corners);
  for (let i = 0; i < lattice.length; i++) lattice[i] = source.uniform() - 0.5;
  const values = new Float64Array(size * size);
  for (let y = 0; y < size; y++) {
    const row = Math.floor(y / cell) * corners;
    const down = (y % cell) / cell;
    for (let x = 0; x < size; x++) {
      const at = row + Math.floor(x / cell);
      const across = (x % cell) / cell;
      const upper = lattice[at]! * (1 - across) + lattice[at + 1]! * across;
      const lower = lattice[at + corners]! * (1 - across) + lattice[at + corners + 1]! * across;
      values[y * size + x] = upper * (1 - down) + lower * down;
    }
  }
  return values;
}
