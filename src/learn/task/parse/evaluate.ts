/** @file Evaluates scene parsing: mean intersection over union, and depth errors if the net predicts depth. */
import { defined, get } from '../../../access.ts';
import type { Scenes } from '../../../data/in-memory.ts';
import { compile, type EngineOptions } from '../../../engine/index.ts';
import type { Net } from '../../../weights/index.ts';
import { checkScenes, labelOf, type Modality, sceneInput } from '../scene-input.ts';
import { denseLabels, depthScale } from './labels.ts';
import { parserLayout } from './layout.ts';
import {
  confusionOf,
  countPixels,
  type DepthScore,
  depthScore,
  type SegmentationScore,
  segmentationScore,
} from './metrics.ts';

export interface EvaluateParserOptions extends EngineOptions {
  readonly classes: number;
  readonly modality?: Modality;
}
export interface ParserEvaluation extends SegmentationScore {
  /** Of scenes. */
  readonly n: number;
  readonly depth?: DepthScore;
}

/** All cells of all scenes count once. @throws MoonletError when the scenes do not fit the net. */
export async function evaluateParser(
  net: Net,
  scenes: Scenes,
  o: EvaluateParserOptions,
): Promise<ParserEvaluation> {
  const { classes, modality = 'intensity', ...engine } = o;
  const { size, cells, predictions } = parserLayout(net.graph, classes);
  const final = (task: string): string | undefined => predictions.find((p) => p.final && p.task === task)?.id;
  const segmentation = defined(final('segmentation'), 'prediction of classes');
  const depth = final('depth');
  const values = depth === undefined ? [segmentation] : [segmentation, depth];
  checkScenes(net.graph, scenes, 'the scenes');
  const runner = await compile(net, { ...engine, values });
  const confusion = confusionOf(classes + 1);
  const depths: Record<'found' | 'truth', number[]> = { found: [], truth: [] };
  const batch = 32;
  try {
    for (let first = 0; first < scenes.count; first += batch) {
      const count = Math.min(batch, scenes.count - first);
      const x = new Float32Array(count * size * size);
      for (let i = 0; i < count; i++) x.set(sceneInput(scenes.at(first + i), modality), i * size * size);
      const said = await runner.run(x);
      const guesses = largestOf(get(said, segmentation), classes + 1);
      const area = cells * cells;
      for (let i = 0; i < count; i++) {
        const scene = scenes.at(first + i);
        for (const object of scene.objects) labelOf(object, classes, 'scenes');
        const truth = denseLabels(scene, cells);
        countPixels(confusion, truth.segmentation, guesses.subarray(i * area, (i + 1) * area));
        if (depth === undefined) continue;
        const found = get(said, depth).subarray(i * area, (i + 1) * area);
        for (const d of found) depths.found.push(d * depthScale.deviation + depthScale.mean);
        for (const d of truth.depth) depths.truth.push(d);
      }
    }
  } finally {
    await runner.release();
  }
  return {
    ...segmentationScore(confusion),
    n: scenes.count,
    ...(depth === undefined ? {} : { depth: depthScore(depths.found, depths.truth) }),
  };
}

/** The largest of each `count` neighbours; of equal ones the first. */
function largestOf(values: Float32Array, count: number): Int32Array {
  return Int32Array.from({ length: values.length / count }, (_, i) => {
    let best = 0;
    for (let k = 1; k < count; k++) if (values[i * count + k]! > values[i * count + best]!) best = k;
    return best;
  });
}
