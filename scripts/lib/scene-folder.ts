/**
 * @file A folder of coloured pictures in five classes, for experiments with fine-tuning: scenes of garments among digits, on
 * coloured ground. A picture's class is the kind of its garments. The folder is a function of its options alone.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import {
  bytesOfImages,
  loadDataset,
  makeScene,
  type Scene,
  type Split,
  seen,
  subset,
} from '../../src/data/index.ts';
import { type Random, random } from '../../src/random.ts';

/** The classes, and the label of their garments in Fashion-MNIST. */
export const garments: Readonly<Record<string, number>> = {
  bags: 8,
  dresses: 3,
  pullovers: 2,
  sneakers: 7,
  trousers: 1,
};
export interface SceneFolder {
  readonly seed: number;
  /** Height and width of a picture. */
  readonly size: number;
  /** Pictures of a class to train on, from training images of both datasets. */
  readonly train: number;
  /** Pictures of a class to measure on, from test images. */
  readonly val: number;
}
/** Raised when the same options give other pictures. */
const version = 2;
/** Pixels of garments that must be visible, as a share of a picture. */
export const leastVisible = 0.03;

/**
 * A scene of one kind of garment that shows enough of it, and the random stream for its colours.
 * @param split garments of label 0 and digits of label 1.
 * @throws Error when a hundred scenes in turn show too little.
 */
export function garmentScene(
  split: Split,
  keys: readonly (string | number)[],
  size: number,
): { readonly scene: Scene; readonly source: Random } {
  for (let attempt = 0; attempt < 100; attempt++) {
    const source = random('coloured scene', ...keys, attempt);
    const scene = makeScene(split, 0, { seed: source.below(2 ** 31), size, objects: [2, 4] });
    const visible = seen(scene).reduce((n, area, k) => n + (scene.objects[k]?.label === 0 ? area : 0), 0);
    if (visible >= leastVisible * size * size) return { scene, source };
  }
  throw new Error(`${keys.join(' ')}: no scene shows a garment; give garments (label 0) with more ink`);
}

/** [size, size, 3], flat. @throws as `garmentScene`. */
export function colouredScene(split: Split, keys: readonly (string | number)[], size: number): Uint8Array {
  const { scene, source } = garmentScene(split, keys, size);
  return tinted(scene, source);
}

type Tint = readonly [red: number, green: number, blue: number];
/** A colour whose largest channel is 1. */
function tintOf(source: Random): Tint {
  const [r, g, b] = [source.uniform(), source.uniform(), source.uniform()].map((v) => 0.25 + v);
  const most = Math.max(r ?? 1, g ?? 1, b ?? 1);
  return [(r ?? 1) / most, (g ?? 1) / most, (b ?? 1) / most];
}

/** Each object in a colour of its own, and the ground between two colours from top to bottom. */
function tinted({ intensity, owner, objects, size }: Scene, source: Random): Uint8Array {
  const [upper, lower] = [tintOf(source), tintOf(source)];
  const tints = objects.map(() => tintOf(source));
  const light = 1 + source.uniform(); // the ground, from dark to as bright as objects
  const rgb = new Uint8Array(size * size * 3);
  owner.forEach((object, i) => {
    const down = Math.floor(i / size) / size;
    const tint = tints[object - 1];
    for (let c = 0; c < 3; c++) {
      const share = tint ? tint[c]! : light * (upper[c]! * (1 - down) + lower[c]! * down);
      rgb[3 * i + c] = Math.min(255, Math.round(intensity[i]! * share));
    }
  });
  return rgb;
}

/** Garments of one label as label 0, and as many digits as label 1. */
function mixed(clothes: Split, digits: Split, label: number): Split {
  const own = [...clothes.labels.keys()].filter((i) => clothes.labels[i] === label);
  const count = Math.min(own.length, digits.count);
  const [some, others] = [subset(clothes, own.slice(0, count)), subset(digits, [...Array(count).keys()])];
  const pixels = new Uint8Array(2 * some.pixels.length);
  pixels.set(bytesOfImages(some, 'mixed'));
  pixels.set(bytesOfImages(others, 'mixed'), some.pixels.length);
  return { count: 2 * count, pixels, labels: new Uint8Array(2 * count).fill(1, count) };
}

/**
 * Makes the folder below `root` with `train` and `val`, or finds it there; PNG and JPEG (quality 90) in turn.
 * @returns its path.
 */
export async function sceneFolder(root: string, o: SceneFolder): Promise<string> {
  const folder = join(root, `scenes-${version}-${o.seed}-${o.size}-${o.train}-${o.val}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}.tmp`;
  rmSync(unfinished, { recursive: true, force: true });
  const [clothes, digits] = [await loadDataset('fashion-mnist-earlier'), await loadDataset('mnist')];
  for (const [part, from, count] of [
    ['train', 'train', o.train],
    ['val', 'test', o.val],
  ] as const) {
    for (const [kind, label] of Object.entries(garments)) {
      const split = mixed(clothes[from], digits[from], label);
      mkdirSync(join(unfinished, part, kind), { recursive: true });
      for (let i = 0; i < count; i++) {
        const data = colouredScene(split, [o.seed, part, kind, i], o.size);
        const picture = sharp(data, { raw: { width: o.size, height: o.size, channels: 3 } });
        const [bytes, extension] =
          i % 2
            ? [await picture.jpeg({ quality: 90 }).toBuffer(), 'jpg']
            : [await picture.png().toBuffer(), 'png'];
        writeFileSync(join(unfinished, part, kind, `${String(i).padStart(3, '0')}.${extension}`), bytes);
      }
    }
  }
  renameSync(unfinished, folder);
  return folder;
}
