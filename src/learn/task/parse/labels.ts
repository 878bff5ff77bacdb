/** @file Parsing labels on the grid of a net: class, depth and contour of each cell. */
import { contour, type Scene, segmentation } from '../../../data/scenes/index.ts';

/** Depths 0 to 1 as targets of about zero mean and unit deviation. */
export const depthScale = { mean: 0.84, deviation: 0.2 } as const;

export interface DenseLabels {
  readonly segmentation: Int32Array;
  /** 0 to 1. */
  readonly depth: Float32Array;
  readonly contour: Uint8Array;
}

/** A scene's labels on a grid of cells x cells. */
export function denseLabels(scene: Scene, cells: number): DenseLabels {
  const { size } = scene;
  const step = size / cells;
  const [classes, edge] = [segmentation(scene), contour(scene)];
  const places = Array.from({ length: cells * cells }, (_, i) => [
    Math.floor(i / cells) * step,
    (i % cells) * step,
  ]);
  const first = (values: ArrayLike<number>): number[] =>
    places.map(([y = 0, x = 0]) => values[y * size + x]!);
  return {
    segmentation: Int32Array.from(first(classes)),
    depth: Float32Array.from(first(scene.depth), (v) => v / 255),
    contour: Uint8Array.from(places, ([y = 0, x = 0]) => {
      for (let dy = 0; dy < step; dy++)
        for (let dx = 0; dx < step; dx++) if (edge[(y + dy) * size + x + dx]) return 1;
      return 0;
    }),
  };
}
