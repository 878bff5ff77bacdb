/** @file Scene parsing as a task: class, depth and contour at each position; and pairs without labels. */

import type { Scenes } from '../../../data/in-memory.ts';
import { MoonletError } from '../../../errors.ts';
import type { Graph } from '../../../graph/index.ts';
import { inputShape } from '../../../graph/index.ts';
import { turns } from '../batches.ts';
import { checkScenes, labelOf, type Modality, sceneInput, sceneShape } from '../scene-input.ts';
import type { TaskInMemory } from '../task.ts';
import { evaluateParser } from './evaluate.ts';
import { denseLabels, depthScale } from './labels.ts';
import { parserLayout } from './layout.ts';

export interface ParsingOptions {
  readonly classes: number;
  /** What the net sees; `intensity` by default. */
  readonly modality?: Modality;
  readonly validation?: Scenes;
}

/**
 * Parsing for this graph. The targets, on the graph's grid of cells x cells: `segmentation` (0 is ground), `depth` (see
 * `depthScale`) and `contour` (0 or 1). A cell has the class and depth of its first pixel, and a contour when any has.
 * @throws MoonletError when the graph is no parser of so many classes, or does not take the scenes.
 *
 * @example
 * import { parser } from 'moonlet/architectures';
 * import { scenes } from 'moonlet/data';
 * import { tasks } from 'moonlet/learn';
 *
 * const pixels = new Uint8Array(20 * 784);
 * for (let i = 0; i < 20; i++) for (let y = 8; y < 20; y++) pixels.fill(255, i * 784 + y * 28 + 10, i * 784 + y * 28 + 18);
 * const images = { count: 20, pixels, labels: Uint8Array.from({ length: 20 }, (_, i) => i % 10) };
 * const task = tasks.parsing(parser(), scenes(images, 10), { classes: 10 });
 * Object.keys(task.batches({ batch: 2, seed: 0 })(0).targets); // ['segmentation', 'depth', 'contour']
 */
export function parsing(graph: Graph, scenes: Scenes, o: ParsingOptions): TaskInMemory {
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

/** The same scenes in two modalities, `to` for the student and `from` for its teacher, and no labels. */
export function pairs(
  graph: Graph,
  scenes: Scenes,
  { from, to }: { readonly from: Modality; readonly to: Modality },
): TaskInMemory {
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
