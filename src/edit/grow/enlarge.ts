/**
 * @file Larger kernels that compute the same: a ring of zeros around a kernel, and as much more padding. Exact in both
 * modes; the ring begins to move on the first step.
 */
import { Refusal } from '../../errors.ts';
import {
  type Conv,
  check,
  type Graph,
  type Padding,
  type Pair,
  type Shape,
  select,
  shapes,
  slide,
} from '../../graph/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';
import { type Follows, type Growth, identityMaps, picked } from '../channels/growth.ts';
import { checkNet, checkValue, text, whole } from '../options.ts';

/** The convs that a path or glob means, with kernels of `size` x `size`; weights are not needed. */
export function enlargeGraph(
  graph: Graph,
  where: string,
  size: number,
): { readonly graph: Graph; readonly enlarged: ReadonlyMap<string, Pair> } {
  checkValue('enlarge', 'the place', where, text);
  checkValue(where, "a kernel's size", size, whole(2, 99));
  const chosen = where.includes('*') ? select(graph).glob(where) : select(graph).under(where);
  const convs = chosen.kind('conv').where((n) => {
    const { kernel } = n.op as Conv;
    return kernel.every((k) => k > 1 && k < size && (size - k) % 2 === 0);
  });
  if (!convs.nodes.length) {
    throw new Refusal(
      `${where}: no conv there whose kernel is smaller than ${size} by an even number, and larger than 1`,
    );
  }
  const shapeById = shapes(graph);
  const enlarged = new Map(convs.nodes.map((n) => [n.weightsOf ?? n.id, (n.op as Conv).kernel]));
  const nodes = graph.nodes.map((n) => {
    if (!enlarged.has(n.weightsOf ?? n.id) || n.op.kind !== 'conv') return n;
    const { op } = n;
    const rings: Pair = [(size - op.kernel[0]) / 2, (size - op.kernel[1]) / 2];
    return {
      ...n,
      op: {
        ...op,
        kernel: [size, size] as const,
        padding: wider(op, rings, shapeById.get(n.inputs[0] as string) as Shape),
      },
    };
  });
  return { graph: check({ ...graph, nodes }), enlarged };
}

/** The padding that leaves every window where it was; 'same' where that already does. */
function wider(op: Conv, [down, right]: Pair, shape: Shape): Padding {
  const { pads } = slide(shape, op);
  const sides = [
    pads.top + down * op.dilation[0],
    pads.right + right * op.dilation[1],
    pads.bottom + down * op.dilation[0],
    pads.left + right * op.dilation[1],
  ] as const;
  if (op.padding !== 'same') return sides;
  const kernel: Pair = [op.kernel[0] + 2 * down, op.kernel[1] + 2 * right];
  const same = slide(shape, { ...op, kernel }).pads;
  const fits =
    same.top === sides[0] && same.right === sides[1] && same.bottom === sides[2] && same.left === sides[3];
  return fits ? 'same' : sides;
}

/**
 * Grow kernels, 3 to 5 say, of the convs that a path or glob means. 1x1 convs stay: they mix channels, and are no filters.
 * @throws Refusal when no conv there can grow to this size.
 */
export function enlarge(net: Net, where: string, size: number): Growth {
  checkNet('enlarge', net);
  const { graph, enlarged } = enlargeGraph(net.graph, where, size);
  const grown = (
    key: WeightKey,
    array: Float32Array,
    shape: readonly number[],
    as?: Follows,
  ): Float32Array => {
    const kernel = enlarged.get(key.replace(/:kernel$/, ''));
    if (!kernel) return array;
    const depth = (shape.at(-2) as number) * (shape.at(-1) as number);
    // new places of a filter see what the old ones see, and have squares of gradients like theirs
    return ringed(array, kernel, size, as === 'square' ? means(array, depth) : new Float64Array(depth));
  };
  const weights = new Map<WeightKey, Weight>();
  for (const [key, weight] of net.weights) {
    const data = grown(key, materialize(weight), weight.shape);
    const shape = enlarged.has(key.replace(/:kernel$/, ''))
      ? [size, size, ...weight.shape.slice(2)]
      : weight.shape;
    weights.set(key, float(shape, data));
  }
  return {
    net: { graph, weights },
    maps: identityMaps(net.graph),
    added: [],
    preserves: 'both',
    follow: (key, array, as) => {
      const weight = net.weights.get(key);
      return weight && grown(key, array, weight.shape, as);
    },
    back: (large) => ({
      graph: net.graph,
      weights: new Map(
        [...picked(net.graph, large)].map(([key, weight]) => {
          const kernel = enlarged.get(key.replace(/:kernel$/, ''));
          return [key, kernel ? inner(weight, kernel) : weight];
        }),
      ),
    }),
  };
}

/** kernel_HWIO in the middle of a ring that has one number for each input and output. */
function ringed(data: Float32Array, [kh, kw]: Pair, size: number, ring: Float64Array): Float32Array {
  const depth = ring.length;
  const all = Float32Array.from({ length: size * size * depth }, (_, i) => ring[i % depth] as number);
  const [down, right] = [(size - kh) / 2, (size - kw) / 2];
  for (let y = 0; y < kh; y++) {
    for (let x = 0; x < kw; x++) {
      const from = (y * kw + x) * depth;
      all.set(data.subarray(from, from + depth), ((y + down) * size + x + right) * depth);
    }
  }
  return all;
}

/** The middle of a kernel. */
function inner(weight: Weight, [kh, kw]: Pair): Weight {
  const [size, , rows, columns] = weight.shape as [number, number, number, number];
  const depth = rows * columns;
  const [all, data] = [materialize(weight), new Float32Array(kh * kw * depth)];
  const [down, right] = [(size - kh) / 2, (size - kw) / 2];
  for (let y = 0; y < kh; y++) {
    for (let x = 0; x < kw; x++) {
      const from = ((y + down) * size + x + right) * depth;
      data.set(all.subarray(from, from + depth), (y * kw + x) * depth);
    }
  }
  return float([kh, kw, rows, columns], data);
}

/** For each input and output of a kernel, the mean over its places. */
function means(data: Float32Array, depth: number): Float64Array {
  const all = new Float64Array(depth);
  data.forEach((v, i) => {
    all[i % depth] = (all[i % depth] as number) + (v * depth) / data.length;
  });
  return all;
}
