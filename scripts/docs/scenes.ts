/**
 * @file Draws docs/scenes.png: the first test scenes of seed 0, a column each, with all that is known of them.
 *
 *   npm run docs -- scenes
 */

import { contour, edges, loadDataset, type Scene, scenes, segmentation } from '../../src/data/index.ts';
import { writeAtomically } from '../../src/files/index.ts';
import { png } from '../lib/png.ts';

const [perData, scale, gap] = [5, 2, 6];
type Color = readonly [number, number, number];
const palette: readonly Color[] = [
  ...([
    [30, 30, 30],
    [230, 25, 75],
    [60, 180, 75],
    [255, 225, 25],
    [67, 99, 216],
    [245, 130, 49],
  ] as const),
  ...([
    [145, 30, 180],
    [70, 240, 240],
    [240, 50, 230],
    [188, 246, 12],
    [250, 190, 190],
  ] as const),
];
const gray = (v: number): Color => [v, v, v];

/** The rows of the picture: a color for each pixel. */
const views: readonly ((scene: Scene) => readonly Color[])[] = [
  (s) => boxed(s, [...s.intensity].map(gray)),
  (s) => [...edges(s.intensity, s.size)].map((v) => gray(Math.min(255, 2 * v))),
  (s) => [...s.depth].map((v) => gray(255 - v)),
  (s) => [...segmentation(s)].map((v) => palette[v] as Color),
  (s) => [...contour(s)].map((v) => gray(255 * v)),
];

/** With each object's box in the color of its class. */
function boxed({ size, objects }: Scene, pixels: Color[]): readonly Color[] {
  for (const { box, label } of objects) {
    const [top, left, bottom, right] = box;
    const color = palette[label + 1] as Color;
    for (let x = left; x < right; x++) for (const y of [top, bottom - 1]) pixels[y * size + x] = color;
    for (let y = top; y < bottom; y++) for (const x of [left, right - 1]) pixels[y * size + x] = color;
  }
  return pixels;
}

const all: Scene[] = [];
for (const name of ['mnist', 'fashion-mnist-earlier']) {
  const some = scenes((await loadDataset(name)).test, perData);
  for (let i = 0; i < perData; i++) all.push(some.at(i));
}
const cell = 64 * scale + gap;
const [h, w] = [views.length * cell + gap, all.length * cell + gap];
const rgb = new Uint8Array(h * w * 3).fill(255);
views.forEach((view, row) => {
  all.forEach((scene, column) => {
    view(scene).forEach((color, i) => {
      const [top, left] = [
        gap + row * cell + Math.floor(i / 64) * scale,
        gap + column * cell + (i % 64) * scale,
      ];
      for (let y = 0; y < scale; y++)
        for (let x = 0; x < scale; x++) rgb.set(color, ((top + y) * w + left + x) * 3);
    });
  });
});
writeAtomically('docs/scenes.png', png(h, w, rgb));
console.log(`docs/scenes.png: ${all.length} scenes, ${views.length} views of each`);
