/** @file Scene parsing as a task: at every place the class, the depth, and whether a contour passes; and pairs without labels. */
import { contour, type Scene, type Scenes, segmentation } from '../../data/index.ts';
import { MoonletError } from '../../errors.ts';
import type { Graph } from '../../graph/index.ts';
import { inputShape } from '../../read/ends.ts';
import { turns } from '../batches.ts';
import { checkScenes, labelOf, type Modality, sceneInput, sceneShape } from '../scene-batches.ts';
import type { Task } from '../task.ts';
import { evaluateParser } from './evaluate.ts';
import { parserLayout } from './layout.ts';

/** Depths 0 to 1 as targets of about zero mean and unit deviation. */
export const depthScale = { mean: 0.84, deviation: 0.2 } as const;

export interface ParsingOptions {
  readonly classes: number;
  /** What the net sees; intensity unless told. */
  readonly modality?: Modality;
  readonly validation?: Scenes;
}

/**
 * Parsing for this graph. The targets, on the graph's grid of cells x cells: `segmentation` (0 is ground), `depth` (see
 * `depthScale`) and `contour` (0 or 1). A cell has the class and depth of its first pixel, and a contour when any has.
 */
export function parsing(graph: Graph, scenes: Scenes, o: ParsingOptions): Task {
  const { classes, modality = 'intensity', validation } = o;
  const { size, cells } = parserLayout(graph, classes);
  checkSize(graph, scenes);
  checkScenes(graph, scenes, 'the scenes');
  if (validation) checkScenes(graph, validation, 'the validation scenes');
  const [here, area] = [{ shape: [cells, cells] }, cells * cells];
  return {
    name: 'parsing',
    shape: sceneShape(scenes),
    targets: { segmentation: { ...here, dtype: 'int32' }, depth: here, contour: here },
    batches: ({ batch, seed }) => {
      const turn = turns(scenes.count, batch, seed, 'scenes');
      return (step) => {
        const { examples: images } = turn(step);
        const x = new Float32Array(batch * size * size);
        const targets = {
          segmentation: new Int32Array(batch * area),
          depth: new Float32Array(batch * area),
          contour: new Float32Array(batch * area),
        };
        images.forEach((image, i) => {
          const scene = scenes.at(image);
          for (const object of scene.objects) labelOf(object, classes, 'scenes');
          const labels = denseLabels(scene, cells);
          x.set(sceneInput(scene, modality), i * size * size);
          targets.segmentation.set(labels.segmentation, i * area);
          targets.depth.set(
            labels.depth.map((d) => (d - depthScale.mean) / depthScale.deviation),
            i * area,
          );
          targets.contour.set(labels.contour, i * area);
        });
        return { x, targets, images, view: 0 };
      };
    },
    ...(validation
      ? {
          validate: async (net, engine) =>
            (await evaluateParser(net, validation, { classes, modality, ...engine })).miou,
        }
      : {}),
  };
}

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
    places.map(([y = 0, x = 0]) => values[y * size + x] as number);
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

/** The same scenes in two modalities, `to` for the student and `from` for its teacher, and no labels. */
export function pairs(
  graph: Graph,
  scenes: Scenes,
  { from, to }: { readonly from: Modality; readonly to: Modality },
): Task {
  checkSize(graph, scenes);
  checkScenes(graph, scenes, 'the scenes');
  const area = scenes.size ** 2;
  return {
    name: 'pairs',
    shape: sceneShape(scenes),
    teacherShape: sceneShape(scenes),
    targets: {},
    batches: ({ batch, seed }) => {
      const turn = turns(scenes.count, batch, seed, 'scenes');
      return (step) => {
        const { examples: images } = turn(step);
        const [x, teacherX] = [new Float32Array(batch * area), new Float32Array(batch * area)];
        images.forEach((image, i) => {
          x.set(sceneInput(scenes.at(image), to), i * area);
          teacherX.set(sceneInput(scenes.at(image), from), i * area);
        });
        return { x, teacherX, targets: {}, images, view: 0 };
      };
    },
  };
}

function checkSize(graph: Graph, scenes: Scenes): void {
  const [size] = inputShape(graph);
  if (size !== scenes.size)
    throw new MoonletError(
      `${graph.name}: takes ${size} pixels, and the scenes have ${scenes.size}; compose it with size=${scenes.size}`,
    );
}
