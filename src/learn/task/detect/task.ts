/**
 * @file Detection as a task: scenes, and the targets of the detector. Matching and cropping are numbers that depend on
 * boxes alone, so they are worked out here, and a step has fixed shapes.
 */
import { item } from '../../../access.ts';
import type { Scene, Scenes } from '../../../data/in-memory.ts';
import { MoonletError } from '../../../errors.ts';
import type { Graph } from '../../../graph/index.ts';
import { type Random, random } from '../../../random.ts';
import { checkCount } from '../../options.ts';
import { type Batch, turns } from '../batches.ts';
import { checkScenes, intensityInput, labelOf, sceneShape } from '../scene-input.ts';
import type { TaskInMemory } from '../task.ts';
import { match, sampleAnchors } from './anchors.ts';
import { encode } from './boxes.ts';
import { cropWeights } from './crops.ts';
import { evaluateDetector } from './evaluate.ts';
import { type DetectorLayout, detectorLayout } from './layout.ts';
import { sampleProposals } from './proposals.ts';

export interface DetectionOptions {
  readonly classes: number;
  /** Proposals of an image in a step; 24 by default. */
  readonly proposals?: number;
  /** Anchors of an image that a step learns from; 48 by default. */
  readonly sampledAnchors?: number;
  readonly validation?: Scenes;
}

/**
 * Detection for this graph (and any other of the same maps, such as its teacher). The targets:
 * `objectness` and `anchorWeight` [anchors], `anchorOffsets` and `anchorOffsetsWeight` [anchors, 4] and [anchors];
 * `rows` and `columns` [proposals, bins, cells]; `classes` [proposals] (0 is ground), `offsets` [proposals, 4].
 * The weights of one image sum to 1 over the sampled anchors; those of offsets have the same share each.
 * @throws MoonletError when the graph is no detector of so many classes, or does not take the scenes; UsageError for numbers
 * that are not whole.
 *
 * @example
 * import { detector } from 'moonlet/architectures';
 * import { scenes } from 'moonlet/data';
 * import { tasks } from 'moonlet/learn';
 *
 * const pixels = new Uint8Array(20 * 784);
 * for (let i = 0; i < 20; i++) for (let y = 8; y < 20; y++) pixels.fill(255, i * 784 + y * 28 + 10, i * 784 + y * 28 + 18);
 * const images = { count: 20, pixels, labels: Uint8Array.from({ length: 20 }, (_, i) => i % 10) };
 * const task = tasks.detection(detector(), scenes(images, 10), { classes: 10 });
 * Object.keys(task.batches({ batch: 2, seed: 0 })(0).targets).length; // 8
 */
export function detection(graph: Graph, scenes: Scenes, o: DetectionOptions): TaskInMemory {
  const { classes, proposals = 24, sampledAnchors = 48, validation } = o;
  const layout = detectorLayout(graph, classes);
  if (layout.size !== scenes.size)
    throw new MoonletError(
      `${graph.name}: takes ${layout.size} pixels, and the scenes have ${scenes.size}; compose it with size=${scenes.size}`,
    );
  checkScenes(graph, scenes, 'the scenes');
  if (validation) checkScenes(graph, validation, 'the validation scenes');
  checkCount('proposals', proposals);
  checkCount('sampledAnchors', sampledAnchors);
  const { anchors, bins, cells } = layout;
  const grid = [proposals, bins, cells];
  return {
    name: 'detection',
    shape: sceneShape(scenes),
    targets: {
      objectness: { shape: [anchors.length] },
      anchorWeight: { shape: [anchors.length] },
      anchorOffsets: { shape: [anchors.length, 4] },
      anchorOffsetsWeight: { shape: [anchors.length] },
      rows: { shape: grid },
      columns: { shape: grid },
      classes: { shape: [proposals], dtype: 'int32' },
      offsets: { shape: [proposals, 4] },
    },
    batches: ({ batch, seed }) => {
      const turn = turns(scenes.count, batch, seed, 'scenes');
      return (step) => {
        const { examples: images } = turn(step);
        const made = filler(layout, { batch, proposals, sampledAnchors });
        images.forEach((image, i) => {
          made.fill(i, scenes.at(image), random('detection', seed, step, i));
        });
        return { x: made.x, targets: made.targets, images, view: 0 } satisfies Batch;
      };
    },
    ...(validation
      ? {
          validate: async (net, engine) =>
            (await evaluateDetector(net, validation, { classes, ...engine })).map,
        }
      : {}),
  };
}

/** The arrays of a batch, and how one scene goes into them. */
function filler(
  layout: DetectorLayout,
  { batch, proposals, sampledAnchors }: { batch: number; proposals: number; sampledAnchors: number },
) {
  const { anchors, size, bins, cells, stride, classes } = layout;
  const n = anchors.length;
  const x = new Float32Array(batch * size * size);
  const targets = {
    objectness: new Float32Array(batch * n),
    anchorWeight: new Float32Array(batch * n),
    anchorOffsets: new Float32Array(batch * n * 4),
    anchorOffsetsWeight: new Float32Array(batch * n),
    rows: new Float32Array(batch * proposals * bins * cells),
    columns: new Float32Array(batch * proposals * bins * cells),
    classes: new Int32Array(batch * proposals),
    offsets: new Float32Array(batch * proposals * 4),
  };
  const fill = (i: number, scene: Scene, source: Random): void => {
    x.set(intensityInput(scene), i * size * size);
    const boxes = scene.objects.map(({ box }) => box);
    const labels = scene.objects.map((o) => labelOf(o, classes, 'scenes'));
    const matched = match(anchors, boxes);
    const sampled = sampleAnchors(matched, sampledAnchors, source);
    for (const a of sampled) {
      targets.anchorWeight[i * n + a] = 1 / sampled.length;
      const object = matched[a]!;
      if (object < 0) continue;
      targets.objectness[i * n + a] = 1;
      targets.anchorOffsetsWeight[i * n + a] = 1 / sampled.length;
      targets.anchorOffsets.set(encode(item(boxes, object), item(anchors, a)), (i * n + a) * 4);
    }
    sampleProposals(boxes, proposals, size, source).forEach(({ box, object, offsets }, p) => {
      const at = i * proposals + p;
      const { rows, columns } = cropWeights(box, bins, cells, stride);
      targets.rows.set(rows, at * bins * cells);
      targets.columns.set(columns, at * bins * cells);
      targets.classes[at] = object < 0 ? 0 : labels[object]! + 1;
      targets.offsets.set(offsets, at * 4);
    });
  };
  return { x, targets, fill };
}
