/**
 * @file Shears, shifts and turns as Pillow's `Image.transform` and `Image.rotate` do them, byte for byte: the value of an output pixel
 * is that of the input at M (x + 1/2, y + 1/2), the nearest pixel or interpolated between four. What lies outside is black.
 */
import type { Picture } from '../picture.ts';

/** Rows of M: x of the input = a x + b y + c, y of the input = d x + e y + f. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];
/** How pixels between pixels are computed. */
export type Sampling = 'nearest' | 'bilinear';

/** The nearest pixels. Pillow does this in 16.16 fixed point, and a mere scaling or shift in floats. */
function nearest({ width, height, channels, data }: Picture, [a, b, c, d, e, f]: Affine): Uint8Array {
  const out = new Uint8Array(data.length);
  const copy = (x: number, y: number, column: number, row: number): void => {
    if (column < 0 || column >= width || row < 0 || row >= height) return;
    const [to, from] = [(y * width + x) * channels, (row * width + column) * channels];
    for (let k = 0; k < channels; k++) out[to + k] = data[from + k]!;
  };
  if (b === 0 && d === 0) {
    const tabulated = (size: number, scale: number, start: number): Int32Array => {
      const places = new Int32Array(size);
      let at = start + scale * 0.5;
      for (let i = 0; i < size; i++) {
        places[i] = at < 0 ? -1 : Math.trunc(at);
        at += scale;
      }
      return places;
    };
    const [columns, rows] = [tabulated(width, a, c), tabulated(height, e, f)];
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) copy(x, y, columns[x]!, rows[y]!);
    return out;
  }
  const fixed = (value: number): number => Math.floor(value * 65536 + 0.5);
  const [stepX, stepY] = [fixed(a), fixed(d)];
  const [startX, startY] = [fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5)];
  const [downX, downY] = [fixed(b), fixed(e)];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      copy(x, y, (startX + downX * y + stepX * x) >> 16, (startY + downY * y + stepY * x) >> 16);
  return out;
}

/** Interpolated between four pixels, in doubles, and cut off to a byte. */
function bilinear({ width, height, channels, data }: Picture, [a, b, c, d, e, f]: Affine): Uint8Array {
  const out = new Uint8Array(data.length);
  const column = (x: number): number => (x < 0 ? 0 : x < width ? x : width - 1) * channels;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [inX, inY] = [a * (x + 0.5) + b * (y + 0.5) + c, d * (x + 0.5) + e * (y + 0.5) + f];
      if (inX < 0 || inX >= width || inY < 0 || inY >= height) continue;
      const [left, top] = [Math.floor(inX - 0.5), Math.floor(inY - 0.5)];
      const [right, down] = [inX - 0.5 - left, inY - 0.5 - top];
      const [first, second] = [column(left), column(left + 1)];
      const upper = Math.min(Math.max(top, 0), height - 1) * width * channels;
      const lower = top + 1 < height ? (top + 1) * width * channels : undefined;
      for (let k = 0; k < channels; k++) {
        const one = data[upper + first + k]!;
        const above = one + (data[upper + second + k]! - one) * right;
        let below = above;
        if (lower !== undefined) {
          const two = data[lower + first + k]!;
          below = two + (data[lower + second + k]! - two) * right;
        }
        out[(y * width + x) * channels + k] = Math.trunc(above + (below - above) * down);
      }
    }
  return out;
}

/** The picture seen through M, in the size that it has. */
export const transformed = (picture: Picture, matrix: Affine, how: Sampling): Picture => ({
  ...picture,
  data: how === 'nearest' ? nearest(picture, matrix) : bilinear(picture, matrix),
});

/** Each row moves to the left by `slope` pixels for each row above it; the upper left corner stays. torchvision's `affine`. */
export const shearX = (picture: Picture, slope: number, how: Sampling): Picture =>
  transformed(picture, [1, slope, 0, 0, 1, 0], how);
/** The same for columns. */
export const shearY = (picture: Picture, slope: number, how: Sampling): Picture =>
  transformed(picture, [1, 0, 0, slope, 1, 0], how);
/** Moves the picture to the right by whole pixels. */
export const translateX = (picture: Picture, pixels: number, how: Sampling): Picture =>
  transformed(picture, [1, 0, -Math.trunc(pixels), 0, 1, 0], how);
/** Moves the picture down by whole pixels. */
export const translateY = (picture: Picture, pixels: number, how: Sampling): Picture =>
  transformed(picture, [1, 0, 0, 0, 1, -Math.trunc(pixels)], how);

/** Turns the picture about its middle, counterclockwise, by degrees. `Image.rotate` without `expand`. */
export function rotate(picture: Picture, degrees: number, how: Sampling): Picture {
  const turned = ((degrees % 360) + 360) % 360;
  if (turned === 0) return picture;
  const angle = -((turned * Math.PI) / 180);
  const rounded = (value: number): number => Number(value.toFixed(15));
  const [cos, sin] = [rounded(Math.cos(angle)), rounded(Math.sin(angle))];
  const [x, y] = [picture.width / 2, picture.height / 2];
  const matrix: Affine = [cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y];
  return transformed(picture, matrix, how);
}
