/** @file Small versions of every architecture, found by their options: a new one is tested by existing. */
import { graph, input } from '../../src/compose/index.ts';
import { cheapen } from '../../src/edit/cheapen.ts';
import type { Graph } from '../../src/graph/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import { random } from '../../src/random.ts';
import { cost } from '../../src/read/index.ts';
import { float, init, type Net, type Weight, type WeightKey } from '../../src/weights/index.ts';
import { architectures } from '../../zoo/architectures/index.ts';

/** The least of each option that an architecture still makes sense with. */
const least: Readonly<Record<string, number>> = { width: 0.25, size: 32, classes: 10 };

/** The least that some say by options of their own. */
const slight: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  wrn: { depth: 10 },
  'resnet-cifar': { depth: 8 },
  'resnext-cifar': { depth: 11, groups: 8 },
  'densenet-cifar': { depth: 10 },
  igcv1: { depth: 5, partitions: 8 },
  snn: { units: 64, bottleneck: 16 },
  convnext: { layerScale: 1 }, // branches that begin at 1e-6 would move by less than a float32 can say
  edgenext: { layerScale: 1 },
  'inception-next': { layerScale: 1 },
  fastvit: { layerScale: 1 },
  efficientformer: { layerScale: 1 },
  'efficientformer-v2': { layerScale: 1 },
  'mobilenet-v4-hybrid-medium': { layerScale: 1 },
  'mobilenet-v4-hybrid-large': { layerScale: 1 },
  'tiny-vit': { window: 2 }, // some of its maps fill windows, others are padded
  'ghostnet-v2': { size: 16 }, // its gates of sums that grow to a thousand would amplify any rounding
  'ghostnet-v3': { size: 16 }, // it has hundreds of small branches
  squeezenext: { width: 0.5 }, // at 0.25 some of its layers have one channel, and norms of these amplify any rounding
};

/**
 * Architectures that are another one with more blocks or channels of the same kinds: `npm test` counts them, and
 * `npm run test:deep` holds them to the laws.
 */
export const enlarged: readonly string[] = [
  ...['efficientnet-b1', 'efficientnet-b2', 'efficientnet-b3', 'mobilenet-v4-conv-large'],
  'mobilenet-v4-hybrid-large',
  ...['tinynet-a', 'tinynet-b', 'tinynet-c', 'tinynet-d', 'mobileone-s2', 'mobileone-s3', 'mobileone-s4'],
  ...['mcunet-in1', 'mcunet-in2', 'mcunet-in3', 'mcunet-in4', 'mcunet-vww0', 'mcunet-vww1', 'mcunet-vww2'],
  ...['resnet', 'densenet', 'repvgg', 'regnet-x', 'regnet-y'],
  ...['starnet-s100', 'starnet-s150', 'starnet-s2', 'starnet-s3', 'starnet-s4'],
];
export const everyName: readonly string[] = [...architectures.keys()];
/** The names of all others. */
export const distinct: readonly string[] = everyName.filter((name) => !enlarged.includes(name));

/** Architectures whose training step is held to law 6 in browsers, one of each kind of block. */
export const inBrowsers: readonly string[] = [
  ...['wrn', 'mobilenet-v1', 'mobilenet-v2', 'mobilenet-v3-small', 'shufflenet-v2', 'squeezenet'],
  ...['densenet-cifar', 'resnext-cifar', 'igcv1', 'ghostnet', 'efficientnet-b0', 'mnasnet', 'lenet-5'],
];

/** An architecture at a small size, with ten classes. */
export function small(name: string, size = 32): Graph {
  const arch = architectures.get(name);
  if (!arch) throw new Error(`no architecture ${name}`);
  const options: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(arch.options)) {
    const value = key === 'size' ? size : least[key];
    if (value !== undefined) options[key] = option.allows(value) ? value : option.default;
  }
  return arch({ ...options, ...slight[name] });
}

/** Every architecture of its own kind (or of these names) at a small size, and a cheap one. */
export const smallZoo = (size = 32, names = distinct): readonly Graph[] => [
  ...names.map((name) => small(name, size)),
  cheapen(small('wrn', size), 'G(4)'),
  cheapen(small('wrn', size), 'BG(2,2)'),
];

/** The same architecture at half the size, where an engine in JavaScript would take seconds for an image. */
export function lighter(graph: Graph): Graph {
  const [name = ''] = graph.name.split(' ');
  const fits = name !== 'densenet'; // its last pools do not fit into less
  const isHeavy = fits && cost(graph).macs > 60e6 && architectures.has(name);
  return isHeavy ? small(name, 16) : graph;
}

/** Those of the small zoo that take little time to fill with weights. */
export const lightZoo = (size = 32): readonly Graph[] =>
  smallZoo(size).filter((graph) => cost(graph).params < 5_000_000);

/**
 * A net whose norms are not the identity: scales, offsets and statistics are drawn too. In a calm one, norms shift most
 * values above the kink of a relu, so that rounding turns few of them.
 */
export function shaken(graph: Graph, seed = 1, calm = false): Net {
  const { weights } = init(graph, { seed });
  const drawn = new Map<WeightKey, Weight>();
  for (const [key, weight] of weights) {
    const source = random('shaken', seed, key);
    const slot = key.slice(key.lastIndexOf(':') + 1);
    const draw: Readonly<Record<string, () => number>> = {
      gamma: () => 0.5 + source.uniform(),
      beta: () => (calm ? 2 : 0) + 0.4 * source.normal(),
      bias: () => 0.2 * source.normal(),
      mean: () => 0.2 * source.normal(),
      variance: () => 0.5 + source.uniform(),
    };
    const one = draw[slot];
    drawn.set(key, one ? float(weight.shape, Float32Array.from(weight.data, one)) : weight);
  }
  return { graph, weights: drawn };
}

/** Standard normal numbers. */
export function noise(length: number, ...keys: readonly (string | number)[]): Float32Array {
  const source = random('test', ...keys);
  return Float32Array.from({ length }, source.normal);
}

/** Standard normal examples for a graph, flat. */
export const examples = (graph: Graph, count: number, name = 'examples'): Float32Array =>
  noise(count * sizeOf(inputShape(graph)), name);

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
/** |a - b| / |b|, in the Euclidean norm over all arrays. */
export function distance(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let [difference, size] = [0, 0];
  b.forEach((y, k) => {
    const x = a[k] as Float32Array;
    for (let i = 0; i < y.length; i++) {
      difference += ((x[i] as number) - (y[i] as number)) ** 2;
      size += (y[i] as number) ** 2;
    }
  });
  return Math.sqrt(difference / (size || 1));
}
/** Channel indices of the graph's permutes: `cost` counts them beside the statistics of norms, and no weight holds them. */
export const indicesIn = (graph: Graph): number =>
  graph.nodes.reduce((n, { op }) => n + (op.kind === 'permute' ? op.order.length : 0), 0);

/** max |a - b| / max |b| */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference = Math.max(difference, Math.abs((a[i] as number) - (b[i] as number)));
    size = Math.max(size, Math.abs(b[i] as number));
  }
  return difference / (size || 1);
}
/** Each number moved to one of the next ones that float32 has, up or down by the seed. */
export function oneUlpOff(x: Float32Array, seed: number): Float32Array {
  const moved = Float32Array.from(x);
  const bits = new Int32Array(moved.buffer);
  const source = random('ulp', seed);
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) + (source.uniform() < 0.5 ? -1 : 1);
  return moved;
}

/** A residual net with all that is fused: pre-activation, plain relu, pools. */
export const fusing = graph(
  'residual',
  input(8, 8, 3)
    .pipe('stem', (x) => x.conv(8, { kernel: 3 }).norm().relu())
    .pipe('stage1', (x) => x.residual((y) => y.norm().relu().conv(8, { kernel: 3 })).maxPool({ size: 2 }))
    .pipe('head', (x) => x.globalPool().dense(5)),
);
