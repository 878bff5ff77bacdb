/** @file Evaluates a detector: proposals, crops, classes, suppression, mean average precision. */
import { get, item } from '../../../access.ts';
import type { Scenes } from '../../../data/in-memory.ts';
import { type Compiled, compile, type EngineOptions } from '../../../engine/index.ts';
import type { Net } from '../../../weights/index.ts';
import { checkCount, checkNumber } from '../../options.ts';
import { checkScenes, intensityInput, labelOf } from '../scene-input.ts';
import {
  type Detection,
  type DetectionScore,
  meanAveragePrecision,
  type Truth,
} from './average-precision.ts';
import { area, type Box, clip, decode, offsetsAt } from './boxes.ts';
import { cropWeights } from './crops.ts';
import { type DetectorLayout, detectorLayout } from './layout.ts';
import { nms } from './nms.ts';

export interface DetectOptions {
  /** Proposals of an image after suppression; 24 by default. */
  readonly proposals?: number;
  /** Detections with a lower score are left out; 0.05 by default. */
  readonly least?: number;
}
export interface EvaluateDetectorOptions extends EngineOptions, DetectOptions {
  readonly classes: number;
  readonly threshold?: number;
}
export interface DetectorEvaluation extends DetectionScore {
  readonly n: number;
  readonly detections: readonly Detection[];
}

/**
 * A detector's mean average precision on all of these scenes, at an overlap of `threshold` (0.5 by default).
 * @throws MoonletError when the scenes do not fit the net.
 */
export async function evaluateDetector(
  net: Net,
  scenes: Scenes,
  o: EvaluateDetectorOptions,
): Promise<DetectorEvaluation> {
  const { classes, threshold, proposals, least, ...engine } = o;
  const layout = detectorLayout(net.graph, classes);
  checkScenes(net.graph, scenes, 'the scenes');
  if (proposals !== undefined) checkCount('proposals', proposals);
  if (least !== undefined) checkNumber('least', least, { least: 0, most: 1 });
  if (threshold !== undefined) checkNumber('threshold', threshold, { least: 0, most: 1 });
  const runner = await compile(net, engine);
  const detections: Detection[] = [];
  const truths: Truth[] = [];
  const batch = 32;
  try {
    for (let first = 0; first < scenes.count; first += batch) {
      const count = Math.min(batch, scenes.count - first);
      const x = new Float32Array(count * layout.size ** 2);
      for (let i = 0; i < count; i++) x.set(intensityInput(scenes.at(first + i)), i * layout.size ** 2);
      const found = await detect(runner, layout, x, {
        ...(proposals === undefined ? {} : { proposals }),
        ...(least === undefined ? {} : { least }),
      });
      detections.push(...found.map((d) => ({ ...d, image: first + d.image })));
      for (let i = 0; i < count; i++)
        for (const object of scenes.at(first + i).objects)
          truths.push({ image: first + i, label: labelOf(object, classes, 'scenes'), box: object.box });
    }
  } finally {
    await runner.release();
  }
  return { ...meanAveragePrecision(detections, truths, classes, threshold), n: scenes.count, detections };
}

/** What a detector finds in a batch of images, [batch, size, size, 1] flat. */
export async function detect(
  runner: Pick<Compiled, 'run'>,
  layout: DetectorLayout,
  x: Float32Array,
  { proposals = 24, least = 0.05 }: DetectOptions = {},
): Promise<readonly Detection[]> {
  const values = await runner.run(x);
  const count = x.length / layout.size ** 2;
  const part = (id: string, i: number): Float32Array => {
    const all = get(values, id);
    return all.subarray((i * all.length) / count, ((i + 1) * all.length) / count);
  };
  return Array.from({ length: count }, (_, image) => {
    const boxes = proposed(
      layout,
      part(layout.objectness, image),
      part(layout.anchorOffsets, image),
      proposals,
    );
    const found = boxes.map((box) =>
      judged(layout, box, part(layout.parts, image), part(layout.partOffsets, image)),
    );
    return Array.from({ length: layout.classes }, (_, label) => {
      const sure = found.filter(({ shares }) => shares[label + 1]! >= least);
      const scores = sure.map(({ shares }) => shares[label + 1]!);
      const kept = nms(
        sure.map(({ box }) => box),
        scores,
        { threshold: 0.4 },
      );
      return kept.map((k): Detection => ({ image, label, box: item(sure, k).box, score: scores[k]! }));
    }).flat();
  }).flat();
}

/** The surest anchors, moved as the net says, without those that say the same. */
export function proposed(
  { anchors, size }: DetectorLayout,
  objectness: Float32Array,
  offsets: Float32Array,
  most: number,
): readonly Box[] {
  const surest = [...anchors.keys()]
    .sort((a, b) => objectness[b]! - objectness[a]! || a - b)
    .slice(0, 8 * most);
  const boxes = surest.map((i) => clip(decode(offsetsAt(offsets, 4 * i), item(anchors, i)), size));
  const real = surest.map((_, k) => k).filter((k) => area(item(boxes, k)) >= 4);
  return nms(
    real.map((k) => item(boxes, k)),
    real.map((k) => objectness[surest[k]!]!),
    { threshold: 0.7, most },
  ).map((k) => item(boxes, item(real, k)));
}

/** The shares of ground and classes by the bins' vote, and the box moved as they say. */
function judged(
  { bins, cells, stride, classes, size }: DetectorLayout,
  box: Box,
  parts: Float32Array,
  offsets: Float32Array,
): { readonly shares: Float64Array; readonly box: Box } {
  const weights = cropWeights(box, bins, cells, stride);
  const logits = voted(parts, classes + 1, bins, cells, weights);
  const largest = Math.max(...logits);
  const shares = logits.map((z) => Math.exp(z - largest));
  const sum = shares.reduce((a, b) => a + b, 0);
  const moved = decode(offsetsAt(voted(offsets, 4, bins, cells, weights)), box);
  return { shares: shares.map((v) => v / sum), box: clip(moved, size) };
}

/** `vote` of one proposal, on arrays: [cells, cells, bins^2 * depth] -> [depth]. */
export function voted(
  map: Float32Array,
  depth: number,
  bins: number,
  cells: number,
  { rows, columns }: { readonly rows: Float32Array; readonly columns: Float32Array },
): Float64Array {
  const sums = new Float64Array(depth);
  for (let i = 0; i < bins; i++) {
    for (let j = 0; j < bins; j++) {
      for (let y = 0; y < cells; y++) {
        const down = rows[i * cells + y]!;
        if (!down) continue;
        for (let x = 0; x < cells; x++) {
          const weight = (down * columns[j * cells + x]!) / bins ** 2;
          if (!weight) continue;
          const from = (y * cells + x) * bins ** 2 * depth + (i * bins + j) * depth;
          for (let d = 0; d < depth; d++) sums[d] = sums[d]! + weight * map[from + d]!;
        }
      }
    }
  }
  return sums;
}
