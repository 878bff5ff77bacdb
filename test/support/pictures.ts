/** @file Pictures by the formula of scripts/reference/images.py, bit for bit. */
import { uniform } from './reference-fill.ts';

export interface Made {
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Patches of 1 to 5 pixels of full contrast. */
export function madePicture({ seed, width, height, channels }: Made) {
  const side = 1 + (seed % 5);
  const wide = Math.ceil(width / side);
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const [c, x, y] = [i % channels, Math.floor(i / channels) % width, Math.floor(i / (channels * width))];
    const patch = Math.floor(y / side) * wide + Math.floor(x / side);
    return Math.floor(256 * uniform(seed, patch * channels + c));
  });
  return { width, height, channels, data };
}
