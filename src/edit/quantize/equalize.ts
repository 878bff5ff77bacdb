/**
 * @file Cross-layer equalization. Nagel et al. 2019, arXiv:1906.04721, section 4.1: where two layers follow each other and
 * all ops between them commute with a positive factor,
 *
 *   W2 f(W1 x + b1) = (W2 S) f(S^-1 W1 x + S^-1 b1),  s_i = sqrt(r1_i r2_i) / r2_i,
 *
 * with r the largest magnitude of channel i in each kernel. Both kernels then have the range sqrt(r1_i r2_i) there. The
 * function is preserved.
 */
import { get, item } from '../../access.ts';
import { consumers, type Graph, inputChannels, isDepthwise, type Node, shapes } from '../../graph/index.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';
import { foldNorms } from '../fold/norms.ts';
import { checkNet, checkOptions, whole as wholeNumber } from '../options.ts';

export interface EqualizeOptions {
  /** Rounds over all pairs of layers; 20 by default, more than chains of a few layers need. */
  readonly rounds?: number;
}
/** A layer, and the one layer that reads its channels. */
export interface EqualizedPair {
  readonly first: string;
  readonly second: string;
}

/**
 * Scales the channels between consecutive layers so that their ranges in both kernels become equal. Kernels then lose less
 * when quantized with one scale for each tensor. Norms are folded first; the function is preserved to rounding.
 *
 * @throws UsageError for options out of range.
 * @example
 * import { equalize, graph, init, input } from 'moonlet';
 * const net = init(graph('tiny', input(8, 8, 1).conv(8, { kernel: 3 }).norm().relu().globalPool().dense(4)));
 * equalize(net).graph.nodes.map((n) => n.op.kind); // ['input', 'conv', 'act', 'globalPool', 'dense']
 */
export function equalize(whole: Net, o: EqualizeOptions = {}): Net {
  checkNet('equalize', whole);
  checkOptions('equalize', o, { rounds: wholeNumber(0) });
  const { rounds = 20 } = o;
  const folded = foldNorms(whole);
  const { graph } = folded;
  const pairs = pairsOf(graph);
  const arrays = new Map<WeightKey, Float32Array>();
  for (const { first, second } of pairs) {
    for (const key of [`${first}:kernel`, `${first}:bias`, `${second}:kernel`] as const) {
      const weight = folded.weights.get(key);
      if (weight) arrays.set(key, Float32Array.from(materialize(weight)));
    }
  }
  const depthwise = depthwiseIds(graph);
  for (let round = 0; round < rounds; round++)
    for (const pair of pairs) balance(pair, arrays, folded, depthwise.has(pair.second));
  const weights = new Map<WeightKey, Weight>(folded.weights);
  for (const [key, data] of arrays) weights.set(key, float(weights.get(key)?.shape ?? [], data));
  return net(graph, weights);
}

function depthwiseIds(graph: Graph): ReadonlySet<string> {
  const shapeById = shapes(graph);
  const isOne = (node: Node): boolean =>
    node.op.kind === 'conv' && isDepthwise(node.op, inputChannels(node, shapeById));
  return new Set(graph.nodes.filter(isOne).map((n) => n.id));
}

/**
 * The pairs of layers that can be equalized. Between them are only ops that commute with a positive factor: relu, pools,
 * dropout. The second layer has one group, or is depthwise with one filter for each channel.
 */
export function pairsOf(graph: Graph): readonly EqualizedPair[] {
  const readers = consumers(graph);
  const lent = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
  const depthwise = depthwiseIds(graph);
  const isLayer = (n: Node): boolean =>
    (n.op.kind === 'conv' || n.op.kind === 'dense') && n.weightsOf === undefined && !lent.has(n.id);
  const passes = ({ op }: Node): boolean =>
    (op.kind === 'act' && op.fn === 'relu') ||
    ['pool', 'globalPool', 'dropout', 'dropPath'].includes(op.kind);
  const follower = (id: string): Node | undefined => {
    const users = readers.get(id) ?? [];
    const [user] = users;
    if (users.length !== 1 || !user || graph.outputs.includes(id)) return undefined;
    return passes(user) ? follower(user.id) : user;
  };
  return graph.nodes.flatMap((node) => {
    const second = isLayer(node) ? follower(node.id) : undefined;
    if (!second || !isLayer(second)) return [];
    const { op } = second;
    const fits =
      op.kind === 'dense' || (op.kind === 'conv' && (op.groups === 1 || isOneToOne(depthwise, second)));
    return fits ? [{ first: node.id, second: second.id }] : [];
  });
}

/** Depthwise with one filter for each channel: output i reads input i. */
const isOneToOne = (depthwise: ReadonlySet<string>, { id, op }: Node): boolean =>
  op.kind === 'conv' && depthwise.has(id) && op.out === op.groups;

/** Scales the channels between two layers, in place. */
function balance(
  { first, second }: EqualizedPair,
  arrays: ReadonlyMap<WeightKey, Float32Array>,
  { weights }: Net,
  isDeep: boolean,
): void {
  const a = get(arrays, `${first}:kernel`);
  const b = get(arrays, `${second}:kernel`);
  const bias = arrays.get(`${first}:bias`);
  const channels = item(get(weights, `${first}:kernel`).shape, -1);
  const columns = item(get(weights, `${second}:kernel`).shape, -1);
  const inputOf = (p: number): number => (isDeep ? p : Math.floor(p / columns)) % channels;
  const [r1, r2] = [new Float64Array(channels), new Float64Array(channels)];
  for (let p = 0; p < a.length; p++) r1[p % channels] = Math.max(r1[p % channels]!, Math.abs(a[p]!));
  for (let p = 0; p < b.length; p++) r2[inputOf(p)] = Math.max(r2[inputOf(p)]!, Math.abs(b[p]!));
  // a channel whose weights are all zero in one kernel is left alone
  const s = r1.map((r, i) => (r && r2[i] ? Math.sqrt(r * r2[i]!) / r2[i]! : 1));
  for (let p = 0; p < a.length; p++) a[p]! /= s[p % channels]!;
  if (bias) for (let c = 0; c < bias.length; c++) bias[c]! /= s[c]!;
  for (let p = 0; p < b.length; p++) b[p]! *= s[inputOf(p)]!;
}
