/** @file Gives a net another input: another number of channels, another size. With `withHead` the first steps of fine-tuning. */
import { MoonletError, Refusal } from '../errors.ts';
import { check, consumers, type Graph, isMap, type Node, printShape, type Shape } from '../graph/index.ts';
import { entries, float, materialize, type Net, type WeightKey } from '../weights/index.ts';
import { type Check, checkNet, checkOptions, either, whole } from './options.ts';

export interface InputOptions {
  /** Channels of the images; by default those of the net. */
  readonly channels?: number;
  /** Height and width of the images, one number for both; by default those of the net. */
  readonly size?: number | readonly [height: number, width: number];
}

const side = whole(1, 4096);
const sizes: Check = {
  words: 'two whole numbers from 1 to 4096',
  holds: (v) => Array.isArray(v) && v.length === 2 && v.every(side.holds),
};

/**
 * The net for images of other channels or another size; all other weights are kept.
 *
 * Channels: the kernels of the first convs follow as in timm's `adapt_input_conv`. For one channel they are summed over their
 * inputs, so that a grey image gives what its copy in every channel gave. For n channels they are repeated in turn and
 * multiplied by old / n, so that the sum over equal channels stays. Mean and deviation of the images must follow: for one channel
 * timm takes the mean over the old channels; `moonlet fit` does.
 *
 * Size: shapes are worked out again; convs keep their kernels. Global pooling takes any size, and a dense layer behind a flattened
 * map does not.
 *
 * @param o what changes; a size is in pixels.
 * @throws Refusal when another layer than a plain conv reads the input and its channels change, or a layer would need a kernel of
 * another shape; MoonletError for a net of several inputs or of vectors; UsageError for options out of range.
 *
 * @example
 * import { init, shapes, withInput } from 'moonlet';
 * import { mobilenetV2 } from 'moonlet/architectures';
 * const pretrained = init(mobilenetV2({ width: 0.35, size: 224 }), { seed: 1 });
 * const grey = withInput(pretrained, { channels: 1, size: 96 });
 * grey.weights.get('stem/conv:kernel')?.shape; // [3, 3, 1, 16]
 * shapes(grey.graph).get('input'); // [96, 96, 1]
 */
export function withInput(net: Net, o: InputOptions): Net {
  checkNet('withInput', net);
  checkOptions('withInput', o, { channels: side, size: either(side, sizes) });
  const { graph } = net;
  const input = imageInput(graph);
  const [h, w, c] = input.shape;
  const [height, width] = sizeFrom(o.size) ?? [h, w];
  const channels = o.channels ?? c;
  if (height === h && width === w && channels === c) return net;
  const readers = channels === c ? [] : convsAfter(graph, input.id);
  const shape: Shape = [height, width, channels];
  const nodes = graph.nodes.map(
    (n): Node => (n.id === input.id ? { ...n, op: { kind: 'input', shape } } : n),
  );
  const changed = reshaped({ ...graph, nodes }, graph.name, shape);
  const weights = new Map(net.weights);
  for (const id of readers) {
    const key: WeightKey = `${id}:kernel`;
    const kernel = weights.get(key);
    if (!kernel) throw new Error(`internal: no "${key}"`);
    const [kh = 0, kw = 0, , out = 0] = kernel.shape;
    weights.set(key, float([kh, kw, channels, out], adapted(materialize(kernel), c, channels, out)));
  }
  checkKernels(changed, net, readers, shape);
  return { graph: changed, weights };
}

const sizeFrom = (size: InputOptions['size']): readonly [number, number] | undefined =>
  typeof size === 'number' ? [size, size] : size;

/** The one input. @throws MoonletError when there are several, or it takes vectors. */
function imageInput(graph: Graph): {
  readonly id: string;
  readonly shape: readonly [number, number, number];
} {
  const inputs = graph.nodes.flatMap(({ id, op }) => (op.kind === 'input' ? [{ id, shape: op.shape }] : []));
  const [input, ...more] = inputs;
  if (!input || more.length)
    throw new MoonletError(`withInput: ${graph.name}: has ${inputs.length} inputs; expected one`);
  const { id, shape } = input;
  if (!isMap(shape))
    throw new MoonletError(
      `withInput: ${graph.name}: takes vectors ${printShape(shape)}, not images; compose it for the other length`,
    );
  return { id, shape };
}

/** The convs that read the input. @throws Refusal for another reader, or one that shares its kernel. */
function convsAfter(graph: Graph, input: string): readonly string[] {
  return (consumers(graph).get(input) ?? []).map(({ id, op, weightsOf }) => {
    const fail = (reason: string): never => {
      throw new Refusal(`withInput: ${graph.name}: ${reason}`);
    };
    if (op.kind !== 'conv' || op.groups !== 1)
      return fail(
        `"${id}" (${op.kind === 'conv' ? 'a grouped conv' : op.kind}) reads the input, and only the kernel of a plain conv follows other channels; compose the net for them`,
      );
    const twin = weightsOf ?? graph.nodes.find((n) => n.weightsOf === id)?.id;
    if (twin !== undefined) fail(`"${id}" shares its kernel with "${twin}"; give it weights of its own`);
    return id;
  });
}

/** The graph with its shapes worked out again. @throws Refusal for a size that it does not take. */
function reshaped(graph: Graph, name: string, shape: Shape): Graph {
  try {
    return check(graph);
  } catch (e) {
    if (!(e instanceof MoonletError)) throw e;
    throw new Refusal(`withInput: ${name} does not take images ${printShape(shape)}: ${e.message}`);
  }
}

/** @throws Refusal for a layer other than the first convs whose kernel would need another shape. */
function checkKernels(graph: Graph, net: Net, readers: readonly string[], shape: Shape): void {
  for (const { key, node, shape: needed } of entries(graph)) {
    const before = net.weights.get(key)?.shape ?? [];
    if (readers.includes(node) || before.join() === needed.join()) continue;
    throw new Refusal(
      `withInput: ${graph.name}: with images ${printShape(shape)} the weight "${key}" would be [${needed.join(', ')}], and it is [${before.join(', ')}]; only nets that pool their last map take other sizes. Compose it for that size`,
    );
  }
}

/** A kernel [h, w, from, out] for `to` input channels. */
function adapted(kernel: ArrayLike<number>, from: number, to: number, out: number): Float32Array {
  const places = kernel.length / (from * out);
  const result = new Float32Array(places * to * out);
  for (let place = 0; place < places; place++) {
    for (let o = 0; o < out; o++) {
      const at = (channel: number): number => kernel[(place * from + channel) * out + o]!;
      if (to === 1) {
        let sum = 0;
        for (let channel = 0; channel < from; channel++) sum += at(channel);
        result[place * out + o] = sum;
        continue;
      }
      for (let channel = 0; channel < to; channel++)
        result[(place * to + channel) * out + o] = at(channel % from) * (from / to);
    }
  }
  return result;
}
