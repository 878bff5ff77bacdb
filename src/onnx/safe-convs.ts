/**
 * @file Convs that onnxruntime-web 1.30 computes wrongly on WebGPU, without an error, and other forms of them, which it computes right:
 *
 * - A conv of one group whose input channels are a multiple of 3 but not of 4, from 6 up, and whose output channels are a multiple of 4
 *   (1x1 convs of stride 1 are right). With channels of zeros up to a multiple of 4, on the image and on the kernel, it is right.
 * - A conv of one group and stride 1 that is padded behind and not before, with a kernel of 1x1 or as large as the image. With the pads as
 *   a node of their own it is right.
 * - A conv of groups that make 5 filters each or more, where 4, or else 2, divides all filters but not those of a group. With filters of each
 *   group written again until 4 divides them, and their results left out, it is right.
 * - A transposed conv of groups that make one channel each of an even number. As a sum of transposed convs that read one channel a group,
 *   it is right.
 */
import { int, type OnnxModel, type OnnxNode, type OnnxTensor } from './model.ts';

export interface ConvChannels {
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
}

/** How many channels of zeros make a conv right; 0 for those that are. */
export const zeroChannels = ({ channels, filters, groups }: ConvChannels): number =>
  groups === 1 && channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && filters % 4 === 0
    ? 4 - (channels % 4)
    : 0;

type Attributes = NonNullable<OnnxNode['attributes']>;

/** What a padded image [n, c, h, w] and kernel [out, in, kh, kw] make right: the pads of both, and the attributes of the conv that is left. */
interface Padded {
  readonly image: readonly number[];
  /** Undefined where the kernel stays. */
  readonly kernel?: readonly number[];
  readonly attributes: Attributes;
}

/** Undefined where a conv is right as it is, or padding does not make it right. */
export function paddedForm(channels: ConvChannels, attributes: Attributes): Padded | undefined {
  const count = zeroChannels(channels);
  const ints = (name: string): readonly number[] => {
    const found = attributes[name];
    return found?.kind === 'ints' ? found.value : [];
  };
  const [top = 0, left = 0, bottom = 0, right = 0] = ints('pads');
  const isBehind =
    channels.groups === 1 &&
    ints('strides').every((stride) => stride === 1) &&
    top + left === 0 &&
    bottom + right > 0;
  if (!count && !isBehind) return undefined;
  const [below, beside] = isBehind ? [bottom, right] : [0, 0];
  return {
    image: [0, 0, 0, 0, 0, count, below, beside],
    ...(count ? { kernel: [0, 0, 0, 0, 0, count, 0, 0] } : {}),
    attributes: isBehind ? { ...attributes, pads: { kind: 'ints', value: [0, 0, 0, 0] } } : attributes,
  };
}

/** Which filters a conv needs in which order, and which of its results are those that are wanted; undefined where it is right as it is. */
export function repeatedFilters({
  filters,
  groups,
}: ConvChannels): { readonly filters: readonly number[]; readonly wanted: readonly number[] } | undefined {
  const makes = filters / groups;
  const vector = [4, 2, 1].find((size) => filters % size === 0) ?? 1;
  if (groups === 1 || makes <= 4 || makes % vector === 0) return undefined;
  const all = 4 * Math.ceil(makes / 4);
  const ofGroups = (count: number, at: (group: number, i: number) => number): number[] =>
    Array.from({ length: groups * count }, (_, i) => at(Math.floor(i / count), i % count));
  return {
    filters: ofGroups(all, (group, i) => group * makes + Math.min(i, makes - 1)),
    wanted: ofGroups(makes, (group, i) => group * all + i),
  };
}

/** Of how many transposed convs one must be the sum; 1 where it is right. */
export const summands = ({ channels, filters, groups }: ConvChannels): number =>
  groups > 1 && filters === groups && (channels / groups) % 2 === 0 ? channels / groups : 1;

/** A large number for the end of a slice. */
export const toTheEnd = 2 ** 31 - 1;

/**
 * The model with such convs in their right forms, and how many there were. Kernels whose shape is not known from an initializer, stored as
 * it is or as integers, are left alone.
 */
export function withSafeConvs(model: OnnxModel): OnnxModel & { readonly unsafe: number } {
  const shapes = new Map(model.initializers.map(({ name, shape }) => [name, shape]));
  for (const { opType, inputs, outputs } of model.nodes) {
    const shape = opType === 'DequantizeLinear' ? shapes.get(inputs[0] ?? '') : undefined;
    if (shape) shapes.set(outputs[0] ?? '', shape);
  }
  const added = new Map<string, OnnxTensor>();
  const longs = (data: readonly number[]): string => {
    const name = `safe convs: ${data}`;
    added.set(name, { name, dtype: 'int64', shape: [data.length], data });
    return name;
  };
  const forms = model.nodes.map((node) => safeForm(node, shapes.get(node.inputs[1] ?? ''), longs));
  return {
    ...{ ...model, nodes: forms.flatMap((form, i) => form ?? model.nodes.slice(i, i + 1)) },
    initializers: [...model.initializers, ...added.values()],
    unsafe: forms.filter((form) => form !== undefined).length,
  };
}

/** Makes a constant vector; its name. */
type Longs = (data: readonly number[]) => string;

/** Undefined for a node that is right as it is. */
function safeForm(
  node: OnnxNode,
  [first = 1, second = 1]: readonly number[] = [],
  longs: Longs,
): OnnxNode[] | undefined {
  const group = node.attributes?.['group'];
  const groups = group?.kind === 'int' ? group.value : 1;
  if (node.opType === 'Conv') {
    const channels = { channels: second * groups, filters: first, groups };
    const padded = paddedForm(channels, node.attributes ?? {});
    if (padded) return paddedConv(node, padded, longs);
    const repeated = repeatedFilters(channels);
    return repeated && wider(node, longs(repeated.filters), longs(repeated.wanted));
  }
  if (node.opType !== 'ConvTranspose') return undefined;
  const count = summands({ channels: first, filters: second * groups, groups });
  return count > 1 ? summed(node, count, longs) : undefined;
}

function paddedConv(node: OnnxNode, { image, kernel, attributes }: Padded, longs: Longs): OnnxNode[] {
  const [x = '', weights = '', ...others] = node.inputs;
  const pad = (name: string, pads: readonly number[]): OnnxNode => ({
    ...{ opType: 'Pad', inputs: [name, longs(pads)], outputs: [`${node.outputs[0]}: padded ${name}`] },
  });
  const padded = [pad(x, image), ...(kernel ? [pad(weights, kernel)] : [])];
  const [xs = '', weight = weights] = padded.flatMap(({ outputs }) => outputs);
  return [...padded, { ...node, attributes, inputs: [xs, weight, ...others] }];
}

function wider(node: OnnxNode, filters: string, wanted: string): OnnxNode[] {
  const [x = '', ...weights] = node.inputs;
  const [whole = ''] = node.outputs;
  const taken = (input: string, indices: string, output: string, axis: number): OnnxNode => ({
    ...{ opType: 'Gather', inputs: [input, indices], outputs: [output], attributes: { axis: int(axis) } },
  });
  const gathered = weights.map((name) => taken(name, filters, `${whole}: repeated ${name}`, 0)); // the kernel, and a bias
  const inputs = [x, ...gathered.flatMap(({ outputs }) => outputs)];
  const conv = { ...node, inputs, outputs: [`${whole}: all`] };
  return [...gathered, conv, taken(`${whole}: all`, wanted, whole, 1)];
}

function summed(node: OnnxNode, count: number, longs: Longs): OnnxNode[] {
  const [x = '', kernel = '', ...others] = node.inputs;
  const [whole = ''] = node.outputs;
  const parts = Array.from({ length: count }, (_, i) => `${whole}: part ${i}`);
  const convs = parts.flatMap((part, i) => {
    const slice = (name: string, axis: number): OnnxNode => ({
      opType: 'Slice',
      inputs: [name, longs([i]), longs([toTheEnd]), longs([axis]), longs([count])],
      outputs: [`${part} of ${name}`],
    });
    const slices = [slice(x, 1), slice(kernel, 0)];
    const inputs = [...slices.flatMap(({ outputs }) => outputs), ...(i === 0 ? others : [])]; // the bias once
    const named = node.name === undefined ? {} : { name: `${node.name}/part${i}` };
    return [...slices, { ...node, ...named, inputs, outputs: [part] }];
  });
  return [...convs, { opType: 'Sum', inputs: parts, outputs: [whole] }];
}
