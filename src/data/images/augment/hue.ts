/** @file Shifts of hue through HSV in bytes, as Pillow converts and torchvision's `adjust_hue` shifts. */
import type { Picture } from '../picture.ts';

const { fround } = Math;

/** The hue of a pixel whose channels are not all equal, in bytes: Pillow's `rgb2hsv`. */
function hueOf(r: number, g: number, b: number, most: number, least: number): number {
  const span = most - least;
  const [fromR, fromG, fromB] = [
    fround((most - r) / span),
    fround((most - g) / span),
    fround((most - b) / span),
  ];
  const sixths =
    r === most ? fround(fromB - fromG) : g === most ? fround(2 + fromR - fromB) : fround(4 + fromG - fromR);
  return Math.trunc(fround((sixths / 6 + 1) % 1) * 255);
}

/**
 * Turns the colours of a picture by a share of the circle, from -0.5 to 0.5. Grey pictures stay as they are. Hue and saturation are
 * rounded to bytes on the way, as Pillow does, so that even a shift of 0 may change a byte.
 */
export function hue(picture: Picture, share: number): Picture {
  if (picture.channels === 1) return picture;
  const shift = Math.trunc(share * 255);
  const data = new Uint8Array(picture.data.length);
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [picture.data[i]!, picture.data[i + 1]!, picture.data[i + 2]!];
    const [most, least] = [Math.max(r, g, b), Math.min(r, g, b)];
    const saturation = most === least ? 0 : Math.trunc(fround((most - least) / most) * 255);
    if (saturation === 0) {
      data.fill(most, i, i + 3);
      continue;
    }
    const turned = (hueOf(r, g, b, most, least) + shift) & 255;
    const sector = Math.floor((turned * 6) / 255);
    const rest = fround(fround((turned * 6) / 255) - sector);
    const s = fround(saturation / 255);
    const p = Math.round(most * (1 - s));
    const q = Math.round(most * (1 - fround(s * rest)));
    const t = Math.round(most * (1 - s * (1 - rest)));
    const [red, green, blue] = sectors(sector % 6, most, p, q, t);
    data[i] = red;
    data[i + 1] = green;
    data[i + 2] = blue;
  }
  return { ...picture, data };
}

function sectors(
  sector: number,
  v: number,
  p: number,
  q: number,
  t: number,
): readonly [red: number, green: number, blue: number] {
  if (sector === 0) return [v, t, p];
  if (sector === 1) return [q, v, p];
  if (sector === 2) return [p, v, t];
  if (sector === 3) return [p, q, v];
  return sector === 4 ? [t, p, v] : [v, p, q];
}
