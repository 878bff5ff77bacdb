/**
 * @file The weights that a library's file of an architecture must contain: name, shape and layout for each of
 * Moonlet's weights.
 */
import { get, item, pairOf } from '../access.ts';
import type { Graph, Op, Slot } from '../graph/index.ts';
import { type Entry, entries, type WeightKey } from '../weights/index.ts';
import type { Format } from './file.ts';
import { archOf, type Layout, layoutOf, namesOf, type Source } from './names/index.ts';

export interface Expected {
  readonly key: WeightKey;
  readonly node: string;
  readonly slot: Slot;
  /** The shape in our layout. */
  readonly shape: readonly number[];
  /** Its name in the file. */
  readonly name: string;
  readonly foreignShape: readonly number[];
  /** Axis i of ours is axis order[i] of the file's; undefined when both have the same order of values. */
  readonly order?: readonly number[];
  /** Of a weight that the file has in several parts, along our first axis: which of them this is. */
  readonly part?: number;
}

const words: Readonly<Record<Layout, Readonly<Record<Slot, string>>>> = {
  torch: {
    kernel: 'weight',
    bias: 'bias',
    gamma: 'weight',
    beta: 'bias',
    mean: 'running_mean',
    variance: 'running_var',
    alpha: 'weight',
  },
  keras: {
    kernel: 'kernel',
    bias: 'bias',
    gamma: 'gamma',
    beta: 'beta',
    mean: 'moving_mean',
    variance: 'moving_variance',
    alpha: 'alpha',
  },
  moonlet: {
    kernel: 'kernel',
    bias: 'bias',
    gamma: 'gamma',
    beta: 'beta',
    mean: 'mean',
    variance: 'variance',
    alpha: 'alpha',
  },
};

/** A library's name for a weight of a layer. */
export const variableOf = (layout: Layout, slot: Slot): string => words[layout][slot];

/** The expected weights, in the order of `entries`. */
export function expected(graph: Graph, source: Source, format: Format): readonly Expected[] {
  // our own tf.layers models have layers named by our paths, and weights as Keras has them
  const layers = source === 'moonlet' && format === 'tf-layers';
  const layout = layers ? 'keras' : layoutOf(source);
  // scales of torchvision's models, and of this family in timm, have a shape for maps
  const planes = source === 'torchvision' || (source === 'timm' && archOf(graph) === 'fastvit');
  // this family's depthwise convs are Conv2D with groups in Keras
  const isGrouped = archOf(graph) === 'convnext';
  const all = entries(graph);
  const ids = [...new Set(all.map((e) => e.node))];
  const names = new Map(namesOf(graph, source, ids).map((n) => [n.node.id, n]));
  return all.flatMap((entry): readonly Expected[] => {
    const { node, slot, shape, key } = entry;
    const { module: theirs, pointwise, node: owner } = get(names, node);
    if (owner.op.kind === 'attention' && owner.op.talking && slot !== 'bias' && layout === 'torch')
      return talking(entry, theirs);
    const module = layers ? node.replaceAll('/', '.') : theirs;
    const joint = { torch: '.', keras: '/', moonlet: ':' }[layout];
    const name =
      layout === 'keras' && !layers && module.includes('/')
        ? module
        : layout === 'torch' && (owner.op.kind === 'scale' || owner.op.kind === 'attention')
          ? module // a parameter by itself
          : `${module}${joint}${words[layout][slot]}`;
    const scaled = planes && owner.op.kind === 'scale' ? { foreignShape: [...shape, 1, 1] } : {};
    const how = layoutFor(entry, owner.op, layout, pointwise, isGrouped);
    return [{ key, node, slot, shape, name, ...how, ...scaled }];
  });
}

/** Talking heads are two 1x1 convs beside the biases by distance. */
function talking({ key, node, slot, shape }: Entry, biases: string): readonly Expected[] {
  const own = shape.slice(1);
  return [1, 2].map((number, part) => ({
    ...{ key, node, slot, shape: own, part },
    name: `${biases.replace(/[^.]*$/, '')}talking_head${number}.${words.torch[slot]}`,
    ...(slot === 'kernel' ? { foreignShape: [...own, 1, 1], order: [1, 0] } : { foreignShape: own }),
  }));
}

function layoutFor(
  { slot, shape }: Entry,
  op: Op,
  layout: Layout,
  pointwise: boolean,
  isGrouped: boolean,
): Pick<Expected, 'foreignShape' | 'order'> {
  if (op.kind === 'attention' && op.form === 'covariance' && layout === 'torch')
    return { foreignShape: [item(shape, 0), 1, 1] }; // its gamma
  if (op.kind === 'attention' && layout === 'torch') {
    const [h, w, heads] = [item(shape, 0), item(shape, 1), item(shape, 2)];
    return { foreignShape: [heads, h * w], order: [1, 0] };
  }
  if (slot !== 'kernel' || layout === 'moonlet') return { foreignShape: shape };
  if (op.kind === 'positions' && layout === 'torch')
    return { foreignShape: [item(shape, 1), item(shape, 0), 1, 1], order: [1, 0] };
  if (op.kind === 'dense') {
    const [inputs, outputs] = pairOf(shape);
    if (layout === 'keras') return { foreignShape: pointwise ? [1, 1, inputs, outputs] : shape };
    return { foreignShape: pointwise ? [outputs, inputs, 1, 1] : [outputs, inputs], order: [1, 0] };
  }
  // a linear layer over channels
  if (pointwise && layout === 'torch')
    return { foreignShape: [item(shape, 3), item(shape, 2)], order: [1, 0] };
  if (pointwise) return { foreignShape: [item(shape, 2), item(shape, 3)] };
  const [h, w, i, o] = [item(shape, 0), item(shape, 1), item(shape, 2), item(shape, 3)];
  if (layout === 'torch') return { foreignShape: [o, i, h, w], order: [2, 3, 1, 0] };
  // one input a group: DepthwiseConv2D has channels and multiplier as two axes, in the order that our outputs have
  const groups = op.kind === 'conv' && !isGrouped ? op.groups : 1;
  return { foreignShape: groups > 1 && i === 1 ? [h, w, groups, o / groups] : shape };
}

/** Values in our order of axes. */
export function transposed(
  values: Float32Array,
  foreign: readonly number[],
  order: readonly number[],
): Float32Array {
  // 1x1 convs as dense layers: [out, in, 1, 1] of PyTorch, [1, 1, in, out] of ours
  const isFlat = foreign.length === 4 && order.length === 2;
  const flat = foreign.slice(...(foreign[2] === 1 && foreign[3] === 1 ? [0, 2] : [2]));
  // biases of attention: [rows, columns, heads] of ours, [heads, places] of PyTorch
  const places = foreign.length === 3 && order.length === 2;
  const [rows = 1, columns = 1, heads = 1] = foreign;
  const axes = isFlat ? flat : places ? [rows * columns, heads] : foreign;
  const strides = axes.map((_, axis) => axes.slice(axis + 1).reduce((n, d) => n * d, 1));
  const sizes = order.map((axis) => item(axes, axis));
  const steps = order.map((axis) => item(strides, axis));
  const out = new Float32Array(values.length);
  const place = sizes.map(() => 0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = values[from]!;
    for (let a = sizes.length - 1; a >= 0; a--) {
      from += steps[a]!;
      if (++place[a]! < sizes[a]!) break;
      from -= steps[a]! * sizes[a]!;
      place[a] = 0;
    }
  }
  return out;
}
