/**
 * @file Least squares after channel pruning. He et al. 2017, arXiv:1707.06168, equation 1, second part: each layer that
 * lost inputs gets the weights that best give the old net's values from what is left of its inputs, layer after layer,
 * so that each also makes up for the errors before it.
 */
import { leastSquares, type Pruned } from '../edit/index.ts';
import { compile, type EngineOptions } from '../engine/index.ts';
import { channelsOf, isDepthwise, type Node, type Shape, shapes, sizeOf } from '../graph/index.ts';
import { random } from '../random.ts';
import { float, materialize, type Net, type Weight } from '../weights/index.ts';

export interface ReconstructOptions extends EngineOptions {
  /** Places sampled from each layer's values; 4000 unless told. They should be many more than a filter has weights. */
  readonly places?: number;
  /** How much the old weights are held to, as a share of the inputs' mean square; 1e-3 unless told. */
  readonly ridge?: number;
  readonly seed?: number;
  /** The mean squared error of each fitted layer on the places, before and after. The latter is never larger. */
  readonly onLayer?: (id: string, before: number, after: number) => void;
}

/**
 * The pruned net with its layers fitted to the old net's values on some examples, [n, ...input] flat. Layers that lost
 * no inputs stay, as do layers that share weights, and statistics of norms (see `reestimateNorms`).
 */
export async function reconstruct(
  old: Net,
  { net, maps }: Pick<Pruned, 'net' | 'maps'>,
  x: Float32Array,
  { places = 4000, ridge = 1e-3, seed = 0, onLayer, ...engine }: ReconstructOptions = {},
): Promise<Net> {
  const [oldShapes, nowShapes] = [shapes(old.graph), shapes(net.graph)];
  const shapeOf = (id: string): Shape => nowShapes.get(id) as Shape;
  let now = net;
  for (const node of net.graph.nodes.filter((n) => lostInputs(old, net, n))) {
    const { id, op } = node;
    if (op.kind !== 'conv' && op.kind !== 'dense') continue;
    const input = node.inputs[0] as string;
    const inputs = await valuesAt(now, input, x, engine);
    const targets = await valuesAt(old, id, x, engine);
    const map = maps.get(id) as Int32Array;
    const channels = channelsOf(oldShapes.get(id) as Shape);
    const perExample = sizeOf(shapeOf(id)) / channelsOf(shapeOf(id));
    const examples = inputs.length / sizeOf(shapeOf(input));
    const source = random('reconstruct', seed, id);
    const weight = (slot: 'kernel' | 'bias'): Weight | undefined => now.weights.get(`${id}:${slot}`);
    const bias = weight('bias');
    const kernel = weight('kernel') as Weight;
    const fit = leastSquares({
      op,
      kernel: materialize(kernel),
      bias: bias && materialize(bias),
      inputShape: shapeOf(input),
      inputs,
      wanted: (e, p, j) => targets[(e * perExample + p) * channels + (map[j] as number)] as number,
      at: Array.from(
        { length: Math.min(places, examples * perExample) },
        () => [source.below(examples), source.below(perExample)] as const,
      ),
      ridge,
    });
    onLayer?.(id, fit.before, fit.after);
    const weights = new Map(now.weights).set(`${id}:kernel`, float(kernel.shape, fit.kernel));
    if (bias && fit.bias) weights.set(`${id}:bias`, float(bias.shape, fit.bias));
    now = { ...now, weights };
  }
  return now;
}

/** Convs and dense layers of their own weights that mix fewer channels than they did. */
function lostInputs(old: Net, now: Net, node: Node): boolean {
  const was = old.graph.nodes.find((n) => n.id === node.id);
  if (!was || node.weightsOf || now.graph.nodes.some((n) => n.weightsOf === node.id)) return false;
  const channels = ({ graph }: Net, n: Node): number => {
    const shape = shapes(graph).get(n.inputs[0] ?? '');
    return shape ? channelsOf(shape) : 0;
  };
  if (node.op.kind === 'conv' && isDepthwise(node.op, channels(now, node))) return false;
  const mixes = node.op.kind === 'conv' || node.op.kind === 'dense';
  return mixes && channels(now, node) < channels(old, was);
}

async function valuesAt(net: Net, id: string, x: Float32Array, engine: EngineOptions): Promise<Float32Array> {
  const compiled = await compile(net, { ...engine, values: [id] });
  const values = await compiled.runMany(x);
  await compiled.release();
  return values.get(id) as Float32Array;
}
