/**
 * @file Splits layers into groups that do not read each other. Kim, Park, Kim and Hwang 2017 (ICML, SplitNet), section
 * 3: once channels have been assigned to groups, the weights between groups are dropped, W becomes block-diagonal, and
 * each block is a layer of its own. A conv becomes a grouped conv, and a dense layer becomes one dense layer for each
 * group. Channels are permuted before the layer and back after it, so that everything around it stays.
 *
 * The split net computes what the net with zeros between the groups does. Which channels belong together is learned by
 * `splitNet` of moonlet/learn.
 */

import { last } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import {
  type Conv,
  channelsOf,
  check,
  firstInputShape,
  type Graph,
  isDepthwise,
  type Node,
  nodesById,
  type OpOf,
  shapes,
} from '../../graph/index.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';
import { matrixOf, weightOf } from '../lookup.ts';
import { checkNet, checkValue, map } from '../options.ts';

/** The group of each input and each output channel of a layer, 0 .. groups - 1. */
export interface Assignment {
  readonly groups: number;
  readonly ins: ArrayLike<number>;
  readonly outs: ArrayLike<number>;
}
/** By the layer's path. */
export type Assignments = ReadonlyMap<string, Assignment>;

/**
 * Split layers into groups. The last node of each keeps the layer's path. The result computes what the net without the weights
 * between groups does (`betweenGroupsZero`).
 * @throws Refusal for what is no full conv or dense layer, and for groups that a grouped conv cannot have; UsageError for
 * assignments that are no Map.
 * @example
 * import { init, structure } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 *
 * const net = init(wrn({ depth: 10, size: 16 }));
 * const halves = (n: number) => Array.from({ length: n }, (_, i) => (i < n / 2 ? 0 : 1));
 * const groups = { groups: 2, ins: halves(32), outs: halves(32) };
 * const split = structure.splitLayers(net, new Map([['stage2/0/second/conv', groups]]));
 * console.log(split.weights.get('stage2/0/second/conv/blocks:kernel')?.shape); // [ 3, 3, 16, 32 ]
 */
export function splitLayers(whole: Net, assignments: Assignments): Net {
  checkNet('splitLayers', whole);
  checkValue('splitLayers', 'the assignments', assignments, map);
  verify(whole.graph, assignments);
  const weights = new Map<WeightKey, Weight>(whole.weights);
  const nodes = whole.graph.nodes.flatMap((node): readonly Node[] => {
    const assignment = assignments.get(node.id);
    const { id, op } = node;
    if (!assignment || (op.kind !== 'conv' && op.kind !== 'dense')) return [node];
    const [kernel, bias] = [weightOf(whole, id, 'kernel'), whole.weights.get(`${id}:bias`)];
    weights.delete(`${id}:kernel`);
    weights.delete(`${id}:bias`);
    return replaced({ node, assignment, kernel, bias, weights }, op);
  });
  return net(check({ ...whole.graph, nodes }), weights);
}

/** The same graph with zeros between the groups: what the split net computes. @throws as `splitLayers` does. */
export function betweenGroupsZero(whole: Net, assignments: Assignments): Net {
  checkNet('betweenGroupsZero', whole);
  checkValue('betweenGroupsZero', 'the assignments', assignments, map);
  verify(whole.graph, assignments);
  const weights = new Map<WeightKey, Weight>(whole.weights);
  for (const [id, { ins, outs }] of assignments) {
    const weight = weightOf(whole, id, 'kernel');
    const [rows, columns] = matrixOf(weight.shape);
    const data = materialize(weight).map((w, i) =>
      ins[Math.floor(i / columns) % rows] === outs[i % columns] ? w : 0,
    );
    weights.set(`${id}:kernel`, float(weight.shape, data));
  }
  return { graph: whole.graph, weights };
}

/** Why a node cannot be split into groups, such as "it shares its weights"; undefined when it can. */
export function unsplittable(graph: Graph, node: Node): string | undefined {
  const c = channelsOf(shapes(graph).get(node.inputs[0] ?? '') ?? [0]);
  if (node.op.kind !== 'conv' && node.op.kind !== 'dense') return 'it is no conv or dense layer';
  if (node.op.kind === 'conv' && node.op.groups > 1)
    return isDepthwise(node.op, c) ? 'it filters each channel by itself' : 'it has groups already';
  if (node.weightsOf !== undefined || graph.nodes.some((n) => n.weightsOf === node.id))
    return 'it shares its weights';
  return undefined;
}

function verify(graph: Graph, assignments: Assignments): void {
  const byId = nodesById(graph);
  for (const [id, { groups, ins, outs }] of assignments) {
    const node = byId.get(id);
    const reason = node ? unsplittable(graph, node) : 'there is no such layer';
    if (!node || reason || !('out' in node.op))
      throw new Refusal(`${id}: it cannot be split, since ${reason}`);
    const wanted = [channelsOf(firstInputShape(node, shapes(graph))), node.op.out];
    if (ins.length !== wanted[0] || outs.length !== wanted[1])
      throw new Refusal(
        `${id}: ${ins.length} and ${outs.length} channels are assigned, and it has ${wanted.join(' and ')}`,
      );
    for (const side of [ins, outs]) {
      const sizes = Array.from({ length: groups }, (_, g) => members(side, g).length);
      const even = node.op.kind === 'dense' ? sizes.every((n) => n > 0) : sizes.every((n) => n === sizes[0]);
      if (!even || sizes.reduce((a, b) => a + b, 0) !== side.length)
        throw new Refusal(
          `${id}: its groups would have ${sizes.join(', ')} channels; ${node.op.kind === 'dense' ? 'each needs at least one' : 'those of a conv are equal'}`,
        );
    }
  }
}

const members = (side: ArrayLike<number>, group: number): number[] =>
  Array.from(side).flatMap((g, i) => (g === group ? [i] : []));
const inOrder = (side: ArrayLike<number>, groups: number): number[] =>
  Array.from({ length: groups }, (_, g) => members(side, g)).flat();
const inverse = (order: readonly number[]): number[] => {
  const back: number[] = new Array(order.length);
  for (const [to, from] of order.entries()) back[from] = to;
  return back;
};

/** A layer that is to be split, and the weights of the split net, to which its parts are added. */
interface Split {
  readonly node: Node;
  readonly assignment: Assignment;
  readonly kernel: Weight;
  readonly bias: Weight | undefined;
  readonly weights: Map<WeightKey, Weight>;
}

/** The permutation of the input, the split layer, and the permutation back, under the layer's path. */
function replaced(split: Split, op: Conv | OpOf<'dense'>): readonly Node[] {
  const { node, assignment } = split;
  const { groups, ins, outs } = assignment;
  const ordered: Node = {
    id: `${node.id}/order`,
    op: { kind: 'permute', order: inOrder(ins, groups) },
    inputs: node.inputs,
  };
  const parts = op.kind === 'conv' ? groupedConv(split, op, ordered.id) : denseParts(split, op, ordered.id);
  const back: Node = {
    id: node.id,
    op: { kind: 'permute', order: inverse(inOrder(outs, groups)) },
    inputs: [last(parts).id],
  };
  return [ordered, ...parts, back];
}

/** A conv as one grouped conv of the permuted channels. */
function groupedConv(
  { node, assignment: { groups, ins, outs }, kernel, bias, weights }: Split,
  op: Conv,
  from: string,
): readonly Node[] {
  const [reads, makes] = [inOrder(ins, groups), inOrder(outs, groups)];
  const size = ins.length / groups;
  const block = `${node.id}/blocks`;
  const rowsOf = (g: number): readonly number[] => reads.slice(g * size, (g + 1) * size);
  const data = makes.map((j, k) => column(kernel, rowsOf(Math.floor((k * groups) / op.out)), j));
  weights.set(`${block}:kernel`, float([...op.kernel, size, op.out], interleaved(data)));
  if (bias) weights.set(`${block}:bias`, biasOf(bias, makes));
  return [{ id: block, op: { ...op, groups }, inputs: [from] }];
}

/** A dense layer as one layer for each group, whose outputs are concatenated. */
function denseParts(
  { node, assignment: { groups, ins, outs }, kernel, bias, weights }: Split,
  op: OpOf<'dense'>,
  ordered: string,
): readonly Node[] {
  let from = 0;
  const nodes: Node[] = [];
  const ends: string[] = [];
  for (let g = 0; g < groups; g++) {
    const [rows, columns] = [members(ins, g), members(outs, g)];
    const [slice, dense] = [`${node.id}/part${g}/slice`, `${node.id}/part${g}/dense`];
    const to = from + rows.length;
    nodes.push({ id: slice, op: { kind: 'slice', from, to }, inputs: [ordered] });
    nodes.push({ id: dense, op: { ...op, out: columns.length }, inputs: [slice] });
    ends.push(dense);
    from = to;
    const data = columns.map((j) => column(kernel, rows, j));
    weights.set(`${dense}:kernel`, float([rows.length, columns.length], interleaved(data)));
    if (bias) weights.set(`${dense}:bias`, biasOf(bias, columns));
  }
  if (groups > 1) nodes.push({ id: `${node.id}/concat`, op: { kind: 'concat' }, inputs: ends });
  return nodes;
}

/** The bias of some channels. */
function biasOf(bias: Weight, channels: readonly number[]): Weight {
  const data = materialize(bias);
  return float(
    [channels.length],
    Float32Array.from(channels, (j) => data[j]!),
  );
}

/** The weights by which output channel j reads some input channels, [places, rows]. */
function column(kernel: Weight, rows: readonly number[], j: number): Float32Array {
  const data = materialize(kernel);
  const [depth, out] = matrixOf(kernel.shape);
  const places = data.length / (depth * out);
  return Float32Array.from({ length: places * rows.length }, (_, i) => {
    const [p, k] = [Math.floor(i / rows.length), i % rows.length];
    return data[(p * depth + rows[k]!) * out + j]!;
  });
}

/** Columns side by side, along the last axis. */
function interleaved(columns: readonly Float32Array[]): Float32Array {
  const length = columns[0]?.length ?? 0;
  return Float32Array.from(
    { length: length * columns.length },
    (_, i) => columns[i % columns.length]![Math.floor(i / columns.length)]!,
  );
}
