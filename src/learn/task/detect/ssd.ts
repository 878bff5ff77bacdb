/**
 * @file What the outputs of an SSD mean. Liu et al., ECCV 2016, arXiv:1512.02325, section 2.2: default boxes of each map, and the
 * boxes that offsets make of them; with torchvision's scales, limits and order of numbers.
 */
import { item } from '../../../access.ts';
import { MoonletError } from '../../../errors.ts';
import { type Graph, inputShape, shapes } from '../../../graph/index.ts';
import { type Box, decode, offsetsAt } from './boxes.ts';
import { nms } from './nms.ts';

export interface SsdAnchorOptions {
  /** Scales of the first and the last map, as shares of the image's sides; 0.2 and 0.95 by default. */
  readonly scales?: readonly [least: number, most: number];
  /** Width by height, and the inverse, beside the square boxes; 2 and 3 by default. */
  readonly ratios?: readonly number[];
}
export interface SsdOptions extends SsdAnchorOptions {
  /** Only classes of at least this probability are kept; 0.001 by default. */
  readonly score?: number;
  /** Of two boxes of a class with more than this in common, the surer is kept; 0.55 by default. */
  readonly threshold?: number;
  /** The most boxes of a class before that; 300 by default. */
  readonly candidates?: number;
  /** The most boxes of an image; 300 by default. */
  readonly most?: number;
}
export interface SsdDetection {
  /** In pixels: [top, left, bottom, right]. */
  readonly box: Box;
  /** From 1 on; 0 is the ground. */
  readonly label: number;
  /** The probability of the class, 0 to 1. */
  readonly score: number;
}

/** Boxes that grow beyond so many times their anchor are held back; torchvision's, for an image of 1000 pixels. */
const mostGrowth = Math.log(1000 / 16);

/** The maps of a detector, from its outputs: their sizes, and anchors and classes of each. */
function mapsOf(graph: Graph) {
  const shapeOf = shapes(graph);
  const { outputs } = graph;
  const pairs = outputs.flatMap((id, i) => (i % 2 ? [] : [[id, outputs[i + 1] ?? ''] as const]));
  return pairs.map((ids) => {
    const [classes = [], offsets = []] = ids.map((id) => shapeOf.get(id));
    const anchors = (offsets[2] ?? Number.NaN) / 4;
    const count = (classes[2] ?? Number.NaN) / anchors;
    const [height = 0, width = 0] = classes;
    const isPair = height === offsets[0] && width === offsets[1];
    if (!isPair || !Number.isInteger(anchors) || !Number.isInteger(count))
      throw new MoonletError(
        `${graph.name}: is no SSD: its outputs must be maps in pairs, classes and offsets of each size; compose one by withSsdLite`,
      );
    return { height, width, anchors, classes: count, ids };
  });
}

/**
 * The default boxes of a detector in the order of its outputs' numbers: map by map, place by place, and at each place the square
 * box of the map's scale, that of the geometric mean with the next scale, and two of each ratio.
 *
 * @throws MoonletError for a graph whose outputs are not those of an SSD.
 * @example
 * import { compose } from 'moonlet/architectures';
 * import { tasks } from 'moonlet/learn';
 *
 * tasks.ssdAnchors(compose('ssdlite-mobilenet-v3-large')).length; // 3234
 */
export function ssdAnchors(
  graph: Graph,
  { scales = [0.2, 0.95], ratios = [2, 3] }: SsdAnchorOptions = {},
): readonly Box[] {
  const maps = mapsOf(graph);
  const [rows = 1, columns = 1] = inputShape(graph);
  const [least, most] = scales;
  const scale = (level: number): number =>
    level === maps.length ? 1 : least + ((most - least) * level) / Math.max(1, maps.length - 1);
  return maps.flatMap(({ height, width, anchors }, level) => {
    const [own, next] = [scale(level), Math.sqrt(scale(level) * scale(level + 1))];
    const sizes = [
      [own, own],
      [next, next],
      ...ratios.flatMap((ratio) => {
        const [long, short] = [own * Math.sqrt(ratio), own / Math.sqrt(ratio)];
        return [
          [short, long],
          [long, short],
        ];
      }),
    ].map(([h = 0, w = 0]) => [Math.min(1, h) * rows, Math.min(1, w) * columns] as const);
    if (sizes.length !== anchors)
      throw new MoonletError(
        `${graph.name}: has ${anchors} anchors at each place, and ${ratios.length} ratios make ${sizes.length}; give as many ratios as fit`,
      );
    return Array.from({ length: height * width }, (_, place) => {
      const [y, x] = [
        ((Math.floor(place / width) + 0.5) / height) * rows,
        (((place % width) + 0.5) / width) * columns,
      ];
      return sizes.map(([h, w]): Box => [y - h / 2, x - w / 2, y + h / 2, x + w / 2]);
    }).flat();
  });
}

/**
 * The objects of one image, surest first, from the values of a detector by the ids of its outputs (channels last, as `compile` gives
 * them for one image). Probabilities are a softmax over classes; boxes of one class that overlap are thinned out (`nms`).
 *
 * @throws MoonletError for a graph whose outputs are not those of an SSD, or a value that is missing.
 * @example
 * import { init } from 'moonlet';
 * import { compose } from 'moonlet/architectures';
 * import { compile } from 'moonlet/engine';
 * import { tasks } from 'moonlet/learn';
 *
 * const net = init(compose('ssdlite-mobilenet-v3-large width=0.25 size=96 classes=3'), { seed: 1 });
 * const compiled = await compile(net);
 * const found = tasks.ssdDetections(net.graph, await compiled.run(new Float32Array(96 * 96 * 3)), { most: 5 });
 * console.log(found.length); // 5
 * await compiled.release();
 */
export function ssdDetections(
  graph: Graph,
  values: ReadonlyMap<string, Float32Array>,
  { score = 0.001, threshold = 0.55, candidates = 300, most = 300, ...o }: SsdOptions = {},
): readonly SsdDetection[] {
  const anchors = ssdAnchors(graph, o);
  const [rows = 1, columns = 1] = inputShape(graph);
  const perClass = new Map<number, { readonly box: number; readonly score: number }[]>();
  const boxes: Box[] = [];
  for (const { classes, ids } of mapsOf(graph)) {
    const [logits, offsets] = ids.map((id) => values.get(id));
    if (!logits || !offsets) throw new MoonletError(`${graph.name}: no value of "${ids[0]}" or "${ids[1]}"`);
    for (let i = 0; i < offsets.length / 4; i++) {
      const [dx, dy, dw, dh] = offsetsAt(offsets, 4 * i); // torchvision has x first
      const box = decode([dy, dx, dh, dw], item(anchors, boxes.length), mostGrowth);
      const inside = (v: number, end: number): number => Math.min(end, Math.max(0, v));
      softmax(logits.subarray(i * classes, (i + 1) * classes)).forEach((p, label) => {
        if (label === 0 || p <= score) return;
        const list = perClass.get(label) ?? [];
        list.push({ box: boxes.length, score: p });
        perClass.set(label, list);
      });
      boxes.push([
        inside(box[0], rows),
        inside(box[1], columns),
        inside(box[2], rows),
        inside(box[3], columns),
      ]);
    }
  }
  const found = [...perClass].flatMap(([label, list]) => {
    const best = list.sort((a, b) => b.score - a.score).slice(0, candidates);
    const chosen = best.map(({ box }) => item(boxes, box));
    const kept = nms(
      chosen,
      best.map((b) => b.score),
      { threshold },
    );
    return kept.map((i) => ({ box: item(chosen, i), label, score: item(best, i).score }));
  });
  return found.sort((a, b) => b.score - a.score).slice(0, most);
}

function softmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const parts = Float64Array.from(logits, (v) => Math.exp(v - largest));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((v) => v / sum);
}
