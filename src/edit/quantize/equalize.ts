/**
 * @file Cross-layer equalization. Nagel et al. 2019, arXiv:1906.04721, section 4.1: where a layer is followed by another
 * with nothing between them but what commutes with a positive factor,
 *
 *   W2 f(W1 x + b1) = (W2 S) f(S^-1 W1 x + S^-1 b1),  s_i = sqrt(r1_i r2_i) / r2_i,
 *
 * with r the largest magnitude of channel i in each kernel: both then have the range sqrt(r1_i r2_i). Exact in the function.
 */
import {
  channelsOf,
  consumers,
  type Graph,
  isDepthwise,
  type Node,
  nodesById,
  type Shape,
  shapes,
} from '../../graph/index.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';
import { foldNorms } from '../fold/norms.ts';
import { checkNet, checkOptions, whole as wholeNumber } from '../options.ts';

export interface EqualizeOptions {
  /** Rounds over all pairs; 20 unless told, which is more than chains of a few layers need. */
  readonly rounds?: number;
}
/** A layer, and the one layer that reads its channels. */
export interface EqualizedPair {
  readonly first: string;
  readonly second: string;
}

/** Norms are folded first. The function is kept, to rounding; the net comes back folded when no pair is there. */
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
  const isOne = ({ op, inputs }: Node): boolean =>
    op.kind === 'conv' && isDepthwise(op, channelsOf(shapeById.get(inputs[0] as string) as Shape));
  return new Set(graph.nodes.filter(isOne).map((n) => n.id));
}

/** Pairs that a positive factor passes between: relu, pools and dropout do, and a second layer of one group or depthwise. */
export function pairsOf(graph: Graph): readonly EqualizedPair[] {
  const readers = consumers(graph);
  const byId = nodesById(graph);
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
    const { op } = byId.get(second.id) as Node;
    const simple =
      op.kind === 'dense' || (op.kind === 'conv' && (op.groups === 1 || oneToOne(depthwise, second)));
    return simple ? [{ first: node.id, second: second.id }] : [];
  });
}

/** Depthwise with one filter a channel: channel i of the kernel's last axis reads channel i. */
const oneToOne = (depthwise: ReadonlySet<string>, { id, op }: Node): boolean =>
  op.kind === 'conv' && depthwise.has(id) && op.out === op.groups;

function balance(
  { first, second }: EqualizedPair,
  arrays: ReadonlyMap<WeightKey, Float32Array>,
  { weights }: Net,
  isDeep: boolean,
): void {
  const a = arrays.get(`${first}:kernel`) as Float32Array;
  const b = arrays.get(`${second}:kernel`) as Float32Array;
  const bias = arrays.get(`${first}:bias`);
  const channels = weights.get(`${first}:kernel`)?.shape.at(-1) as number;
  const columns = weights.get(`${second}:kernel`)?.shape.at(-1) as number;
  const inputOf = (p: number): number => (isDeep ? p : Math.floor(p / columns)) % channels;
  const [r1, r2] = [new Float64Array(channels), new Float64Array(channels)];
  a.forEach((v, p) => {
    r1[p % channels] = Math.max(r1[p % channels] as number, Math.abs(v));
  });
  b.forEach((v, p) => {
    r2[inputOf(p)] = Math.max(r2[inputOf(p)] as number, Math.abs(v));
  });
  // a channel that is silent on one side has nothing to balance
  const s = r1.map((r, i) => (r && r2[i] ? Math.sqrt(r * (r2[i] as number)) / (r2[i] as number) : 1));
  a.forEach((v, p) => {
    a[p] = v / (s[p % channels] as number);
  });
  bias?.forEach((v, c) => {
    bias[c] = v / (s[c] as number);
  });
  b.forEach((v, p) => {
    b[p] = v * (s[inputOf(p)] as number);
  });
}
