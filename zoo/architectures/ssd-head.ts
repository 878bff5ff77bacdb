/**
 * @file The head of SSD-Lite on any backbone. Sandler et al., CVPR 2018, arXiv:1801.04381, section 6.2, after SSD (Liu et al., ECCV
 * 2016, arXiv:1512.02325): maps of a 16th and a 32nd of the image's sides, and four more that are each half as large. What is
 * predicted of a map, and what makes the next one, are depthwise separable; numerics are torchvision's.
 *
 * Outputs, for each map from the largest on: logits of ground and classes, [h, w, anchors x classes], then offsets of boxes,
 * [h, w, anchors x 4]. `ssdDetections` of `moonlet/learn` makes boxes of them.
 */
import { type Block, convNormAct, type Flow, graph as graphOf, input } from '../../src/compose/index.ts';
import { UsageError } from '../../src/errors.ts';
import { check, dropUnused, type Graph, type Node, shapes } from '../../src/graph/index.ts';

export interface SsdLiteOptions {
  /** Outputs of the classifier: classes and the ground, which is the first. */
  readonly classes: number;
  /** Anchor boxes at each position; 6 by default. */
  readonly anchors?: number;
  /** Channels of the maps that follow the backbone's; 512, 256, 256 and 128 by default. */
  readonly extras?: readonly number[];
}
export const usual = { anchors: 6, extras: [512, 256, 256, 128] } as const;
/** torchvision's, in the whole detector. */
export const norm = { eps: 1e-3, momentum: 0.97 };
const relu6 = { act: 'relu6', norm } as const;

/** What is predicted of one map: filter 3x3, and a conv. */
const predicted =
  (out: number): Block =>
  (x) =>
    x
      .pipe('filter', (y) => y.depthwise({ kernel: 3 }).norm(norm).act('relu6'))
      .pipe('predict', (y) => y.conv(out, { bias: true }));
const extra =
  (out: number): Block =>
  (x) =>
    x
      .pipe('narrow', convNormAct(Math.max(1, Math.floor(out / 2)), relu6))
      .pipe('filter', (y) =>
        y
          .depthwise({ kernel: 3, stride: 2, padding: [1, 1, 1, 1] })
          .norm(norm)
          .act('relu6'),
      )
      .pipe('widen', convNormAct(out, relu6));

/** Both predictions of maps, the first of which has this number. */
const predictions = (
  maps: readonly Flow<'map'>[],
  first: number,
  { classes, anchors = usual.anchors }: SsdLiteOptions,
): readonly Flow<'map'>[] =>
  maps.flatMap((map, i) => [
    map.pipe(`head/level${first + i}/classes`, predicted(anchors * classes)),
    map.pipe(`head/level${first + i}/offsets`, predicted(anchors * 4)),
  ]);
/** The predictions of the backbone's larger map. */
export const ofEarly = (early: Flow<'map'>, o: SsdLiteOptions): readonly Flow<'map'>[] =>
  predictions([early], 0, o);
/** Those of its last map, and of the maps that are made of it. */
export function ofLast(last: Flow<'map'>, o: SsdLiteOptions): readonly Flow<'map'>[] {
  const maps = [last];
  for (const [i, out] of (o.extras ?? usual.extras).entries())
    maps.push((maps.at(-1) ?? last).pipe(`head/extra${i + 1}`, extra(out)));
  return predictions(maps, 1, o);
}

/**
 * The detector of a backbone: its head is replaced by that of SSD-Lite, which reads the last map before the global pool and the last
 * value of twice its size. Names and weights of the backbone stay.
 *
 * @throws UsageError for a net without a global pool of a map, or without a map of twice the size before it.
 * @example
 * import { cost } from 'moonlet';
 * import { mobilenetV2, withSsdLite } from 'moonlet/architectures';
 *
 * const detector = withSsdLite(mobilenetV2({ width: 0.5, size: 320 }), { classes: 21 });
 * detector.outputs.length; // 12
 */
export function withSsdLite(backbone: Graph, options: SsdLiteOptions): Graph {
  const shapeOf = shapes(backbone);
  const { name, nodes } = backbone;
  const last = nodes.filter((n) => n.op.kind === 'globalPool').at(-1)?.inputs[0] ?? '';
  const [height = 0, width = 0] = shapeOf.get(last) ?? [];
  if (!height)
    throw new UsageError(`${name}: has no map before a global pool, on which a head of SSD-Lite could stand`);
  const isTwice = ({ id }: Node): boolean => {
    const [h = 0, w = 0, c] = shapeOf.get(id) ?? [];
    const halves = Math.ceil(h / 2) === height && Math.ceil(w / 2) === width;
    return c !== undefined && halves && (h > height || w > width);
  };
  const place = nodes.findIndex(({ id }) => id === last);
  const early = nodes.slice(0, place).filter(isTwice).at(-1)?.id;
  if (early === undefined)
    throw new UsageError(
      `${name}: has no map of twice the size of its last, ${height} x ${width}; compose it with a larger size`,
    );
  const part = (from: string, make: typeof ofEarly): Graph => {
    const [h = 1, w = 1, c = 1] = shapeOf.get(from) ?? [];
    const { nodes: own, outputs } = graphOf('head', ...make(input(h, w, c), options));
    const [entry = ''] = own.flatMap(({ id, op }) => (op.kind === 'input' ? [id] : []));
    const joined = own.map((n) => ({ ...n, inputs: n.inputs.map((id) => (id === entry ? from : id)) }));
    return { name, nodes: joined.filter((n) => n.id !== entry), outputs };
  };
  const parts = [part(early, ofEarly), part(last, ofLast)];
  return check(
    dropUnused({
      name: `${name} ssdlite`,
      nodes: [...nodes, ...parts.flatMap((p) => p.nodes)],
      outputs: parts.flatMap((p) => p.outputs),
    }),
  );
}
