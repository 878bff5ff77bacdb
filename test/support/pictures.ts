/** @file Pictures by the formula of scripts/reference/images.py, bit for bit. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
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

/** Writes small pictures of classes that differ in colour: `folder/class/N.png`, 12 x 9 pixels. */
export async function writeClasses(
  folder: string,
  classes: Readonly<Record<string, readonly [number, number, number]>>,
  count: number,
): Promise<void> {
  for (const [name, colour] of Object.entries(classes)) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const data = Uint8Array.from({ length: 12 * 9 * 3 }, (_, k) =>
        Math.min(255, colour[k % 3]! + Math.floor(40 * uniform(i + colour[0], k))),
      );
      await sharp(data, { raw: { width: 12, height: 9, channels: 3 } })
        .png()
        .toFile(join(folder, name, `${i}.png`));
    }
  }
}
export const colours = { blue: [20, 30, 180], green: [10, 170, 30], red: [190, 20, 10] } as const;
