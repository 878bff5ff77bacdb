/**
 * @file Larger kernels that compute the same function: a ring of zeros around each kernel, and padding enlarged by the
 * same amount. Exact in both modes; the ring moves from the first step on.
 */
import { Refusal } from '../../errors.ts';
import {
  type Conv,
  check,
  firstInputShape,
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
import { matrixOf } from '../lookup.ts';
import { checkNet, checkValue, text, whole } from '../options.ts';

/** The graph with enlarged kernels, and the old kernel sizes. Needs no weights. @throws as `enlarge` does. */
export function enlargeGraph(
  graph: Graph,
  where: string,
  size: number,
): { readonly graph: Graph; readonly enlarged: ReadonlyMap<string, Pair> } {
  checkValue('enlarge', 'the place', where, text);
  checkValue(where, "a kernel's size", size, whole(2, 99));
  const chosen = where.includes('*') ? select(graph).glob(where) : select(graph).under(where);
  const grows = (k: number): boolean => k > 1 && k < size && (size - k) % 2 === 0;
  const enlarged = new Map(
    chosen.nodes.flatMap(({ id, op, weightsOf }): [string, Pair][] =>
      op.kind === 'conv' && op.kernel.every(grows) ? [[weightsOf ?? id, op.kernel]] : [],
    ),
  );
  if (!enlarged.size) {
    throw new Refusal(
      `${where}: no conv there has a kernel above 1 that is smaller than ${size} by an even number`,
    );
  }
  const shapeById = shapes(graph);
  const nodes = graph.nodes.map((n) => {
    if (!enlarged.has(n.weightsOf ?? n.id) || n.op.kind !== 'conv') return n;
    const { op } = n;
    const rings: Pair = [(size - op.kernel[0]) / 2, (size - op.kernel[1]) / 2];
    return {
      ...n,
      op: {
        ...op,
        kernel: [size, size] as const,
        padding: wider(op, rings, firstInputShape(n, shapeById)),
      },
    };
  });
  return { graph: check({ ...graph, nodes }), enlarged };
}

/** The padding that leaves every window where it was; 'same' where that does so. */
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
 * Enlarge the kernels of the convs that a path or glob means to `size` x `size`, such as from 3 to 5. 1x1 convs keep theirs,
 * since they mix channels and do not filter. Kernels are [height, width, input, output channels]; the old one is in the middle.
 * @throws Refusal when no conv there can grow to this size; UsageError for a size that is no whole number from 2 to 99.
 * @example
 * import { enlarge, init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const large = enlarge(net, 'stem', 5);
 * console.log(large.net.weights.get('stem/conv:kernel')?.shape); // [ 5, 5, 3, 16 ]
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
    const [rows, columns] = matrixOf(shape);
    const depth = rows * columns;
    // new places of a filter see images like those of the old ones, so that their gradients have similar squares
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

/** kernel_HWIO in the middle of a ring, which is filled with one number for each input and output. */
function ringed(data: Float32Array, [kh, kw]: Pair, size: number, ring: Float64Array): Float32Array {
  const depth = ring.length;
  const all = Float32Array.from({ length: size * size * depth }, (_, i) => ring[i % depth]!);
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
  const [size = 0] = weight.shape;
  const [rows, columns] = matrixOf(weight.shape);
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
    all[i % depth]! += (v * depth) / data.length;
  });
  return all;
}
