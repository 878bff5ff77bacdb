/**
 * @file Least squares after channel pruning. He et al. 2017, arXiv:1707.06168, equation 1, second part: each layer that
 * lost inputs gets the weights that best give the old net's values from what is left of its inputs, layer after layer,
 * so that each also makes up for the errors before it.
 *
 * Each net is run once: the old one for the wanted values at the places that are sampled, the pruned one from layer to
 * layer as they are fitted.
 */
import { first, get } from '../../access.ts';
import { type Fit, leastSquaresSteps, multiply, type Pruned, type Rows } from '../../edit/index.ts';
import { compile, type EngineOptions, type Multiplier, multiplier } from '../../engine/index.ts';
import { UsageError } from '../../errors.ts';
import {
  type Conv,
  channelsOf,
  inputShape,
  isDepthwise,
  type Node,
  type OpOf,
  type Shape,
  shapes,
  sizeOf,
} from '../../graph/index.ts';
import { random } from '../../random.ts';
import { float, materialize, type Net, type Weight } from '../../weights/index.ts';
import { segments } from './segments.ts';

export interface ReconstructOptions extends EngineOptions {
  /** Places sampled from each layer's values; 4000 by default. They should be many more than a filter has weights. */
  readonly places?: number;
  /** How much the old weights are held to, as a share of the inputs' mean square; 1e-3 by default. */
  readonly ridge?: number;
  readonly seed?: number;
  /** The mean squared error of each fitted layer on the places, before and after. The latter is never larger. */
  readonly onLayer?: (id: string, before: number, after: number) => void;
  /** How many layers are fitted, of how many: once before the first and after each. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A layer to fit. */
interface Layer {
  readonly node: Node & { readonly op: Conv | OpOf<'dense'> };
  /** Examples and places to fit. */
  readonly at: readonly (readonly [example: number, place: number])[];
  /** The old channel of each of its channels. */
  readonly map: Int32Array;
}

/**
 * The pruned net with its layers fitted to the old net's values on some examples, [n, ...input] flat. Layers that lost
 * no inputs stay, as do layers that share weights, and statistics of norms (see `reestimateNorms`).
 * @throws UsageError for options out of range and for what is no whole examples.
 */
export async function reconstruct(
  old: Net,
  { net, maps }: Pick<Pruned, 'net' | 'maps'>,
  x: Float32Array,
  { places = 4000, ridge = 1e-3, seed = 0, onLayer, onProgress, ...engine }: ReconstructOptions = {},
): Promise<Net> {
  const examples = checked(old, x, places, ridge);
  const shapeById = shapes(net.graph);
  const shapeOf = (id: string): Shape => get(shapeById, id);
  const layers = net.graph.nodes.filter(lostInputs(old, net)).map((node): Layer => {
    const perExample = sizeOf(shapeOf(node.id)) / channelsOf(shapeOf(node.id));
    const source = random('reconstruct', seed, node.id);
    const length = Math.min(places, examples * perExample);
    const draw = () => [source.below(examples), source.below(perExample)] as const;
    return { node, at: Array.from({ length }, draw), map: get(maps, node.id) };
  });
  if (!layers.length) return net;
  onProgress?.(0, layers.length);
  const wanted = await wantedValues(old, layers, x, engine);
  const inputOf = ({ node }: Layer): string => first(node.inputs);
  const pieces = segments(net.graph, x, layers.map(inputOf), engine);
  const products = await multiplier(engine);
  let now = net;
  try {
    for (const [index, layer] of layers.entries()) {
      const { id, op } = layer.node;
      const targets = get(wanted, id);
      wanted.delete(id);
      const kernel = get(now.weights, `${id}:kernel`);
      const bias = now.weights.get(`${id}:bias`);
      const fit = await fitted(
        {
          op,
          kernel: materialize(kernel),
          bias: bias && materialize(bias),
          inputShape: shapeOf(inputOf(layer)),
          inputs: await pieces.value(now, inputOf(layer)),
          wanted: (_example, _place, channel, row) => targets[row * op.out + channel]!,
          at: layer.at,
          ridge,
        },
        products,
      );
      now = { ...now, weights: withFit(now, id, kernel, bias, fit) };
      onLayer?.(id, fit.before, fit.after);
      onProgress?.(index + 1, layers.length);
    }
  } finally {
    await products?.release();
  }
  return now;
}

/** How many examples there are. */
function checked({ graph }: Net, x: Float32Array, places: number, ridge: number): number {
  if (!(Number.isInteger(places) && places > 0))
    throw new UsageError(`reconstruct: places must be a whole number from 1 up, got ${places}`);
  if (!(ridge > 0 && ridge < Number.POSITIVE_INFINITY))
    throw new UsageError(`reconstruct: ridge must be a number above 0, got ${ridge}`);
  const example = inputShape(graph);
  const examples = x.length / sizeOf(example);
  if (Number.isInteger(examples) && examples > 0) return examples;
  throw new UsageError(
    `reconstruct: expects whole examples of ${example.join(' x ')} = ${sizeOf(example)} values, got ${x.length}`,
  );
}

async function fitted(rows: Rows, products: Multiplier | undefined): Promise<Fit> {
  const steps = leastSquaresSteps(rows);
  let step = steps.next();
  while (!step.done) step = steps.next(products ? await products.multiply(step.value) : multiply(step.value));
  return step.value;
}

function withFit(
  { weights }: Net,
  id: string,
  kernel: Weight,
  bias: Weight | undefined,
  fit: Fit,
): Net['weights'] {
  const changed = new Map(weights).set(`${id}:kernel`, float(kernel.shape, fit.kernel));
  return bias && fit.bias ? changed.set(`${id}:bias`, float(bias.shape, fit.bias)) : changed;
}

/** Convs and dense layers of their own weights that mix fewer channels than they did. */
function lostInputs(old: Net, now: Net): (node: Node) => node is Layer['node'] {
  const before = new Map(old.graph.nodes.map((n) => [n.id, n]));
  const lent = new Set(now.graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const channelsIn = (all: ReadonlyMap<string, Shape>, { inputs }: Node): number => {
    const shape = all.get(inputs[0] ?? '');
    return shape ? channelsOf(shape) : 0;
  };
  const [oldShapes, nowShapes] = [shapes(old.graph), shapes(now.graph)];
  return (node): node is Layer['node'] => {
    const was = before.get(node.id);
    const channels = channelsIn(nowShapes, node);
    if (!was || node.weightsOf || lent.has(node.id)) return false;
    if (node.op.kind !== 'dense' && (node.op.kind !== 'conv' || isDepthwise(node.op, channels))) return false;
    return channels < channelsIn(oldShapes, was);
  };
}

/** The old net's values at the places of each layer, [rows, channels of the pruned layer]. */
async function wantedValues(
  old: Net,
  layers: readonly Layer[],
  x: Float32Array,
  engine: EngineOptions,
): Promise<Map<string, Float32Array>> {
  const shapeById = shapes(old.graph);
  const sizes = layers.map(({ node }) => sizeOf(get(shapeById, node.id)));
  const length = sizeOf(inputShape(old.graph));
  // the values of a batch are held at once, in at most about 64 MB
  const batch = Math.max(1, Math.floor(2 ** 24 / sizes.reduce((a, b) => a + b, 0)));
  const wanted = new Map(layers.map(({ node, at }) => [node.id, new Float32Array(at.length * node.op.out)]));
  const compiled = await compile(old, { ...engine, values: layers.map((l) => l.node.id) });
  try {
    for (let first = 0; first * length < x.length; first += batch) {
      const values = await compiled.run(x.subarray(first * length, (first + batch) * length));
      for (const [k, { node, at, map }] of layers.entries()) {
        const [from, to] = [get(values, node.id), get(wanted, node.id)];
        const size = sizes[k]!;
        const channels = channelsOf(get(shapeById, node.id));
        at.forEach(([example, place], row) => {
          if (example < first || example >= first + batch) return;
          const start = (example - first) * size + place * channels;
          for (let j = 0; j < node.op.out; j++) to[row * node.op.out + j] = from[start + map[j]!]!;
        });
      }
    }
  } finally {
    await compiled.release();
  }
  return wanted;
}
