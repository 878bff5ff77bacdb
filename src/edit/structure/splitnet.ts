/**
 * @file Layers split into groups that do not see each other. Kim, Park, Kim and Hwang 2017 (ICML, SplitNet), section 3: once
 * channels have been assigned to groups, the weights between groups are dropped, W becomes block-diagonal, and each block
 * is a layer of its own. A conv becomes a grouped conv, a dense layer one for each group; channels are put in order before
 * it and back after it, so that everything around it stays.
 *
 * What it preserves: the split net computes what the net with zeros between the groups does (law 5). Which channels belong
 * together is learned by `splitNet` of moonlet/learn.
 */
import { Refusal } from '../../errors.ts';
import {
  type Conv,
  channelsOf,
  check,
  type Graph,
  isDepthwise,
  type Node,
  nodesById,
  type OpOf,
  type Shape,
  shapes,
} from '../../graph/index.ts';
import { float, materialize, type Net, net, type Weight, type WeightKey } from '../../weights/index.ts';

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
 * The net with these layers split. The last node of each keeps the layer's path.
 * @throws Refusal for what is no full conv or dense layer, and for groups that a grouped conv cannot have.
 */
export function splitLayers(whole: Net, assignments: Assignments): Net {
  checkNet('splitLayers', whole);
  checkValue('splitLayers', 'the assignments', assignments, map);
  verify(whole.graph, assignments);
  const weights = new Map<WeightKey, Weight>(whole.weights);
  const nodes = whole.graph.nodes.flatMap((node): readonly Node[] => {
    const a = assignments.get(node.id);
    const { op } = node;
    if (!a || (op.kind !== 'conv' && op.kind !== 'dense')) return [node];
    const [kernel, bias] = (['kernel', 'bias'] as const).map((slot) => {
      const found = weights.get(`${node.id}:${slot}`);
      weights.delete(`${node.id}:${slot}`);
      return found;
    });
    return replaced(node, op, a, kernel as Weight, bias, weights);
  });
  return net(check({ ...whole.graph, nodes }), weights);
}

/** The same graph with zeros between the groups: what the split net computes. */
export function betweenGroupsZero(whole: Net, assignments: Assignments): Net {
  verify(whole.graph, assignments);
  const weights = new Map<WeightKey, Weight>(whole.weights);
  for (const [id, { ins, outs }] of assignments) {
    const weight = whole.weights.get(`${id}:kernel`) as Weight;
    const [rows, columns] = [weight.shape.at(-2) as number, weight.shape.at(-1) as number];
    const data = materialize(weight).map((w, at) =>
      ins[Math.floor(at / columns) % rows] === outs[at % columns] ? w : 0,
    );
    weights.set(`${id}:kernel`, float(weight.shape, data));
  }
  return { graph: whole.graph, weights };
}

/** Why a layer cannot be split at all; nothing when it can. */
export function unsplittable(graph: Graph, node: Node): string | undefined {
  const c = channelsOf((shapes(graph).get(node.inputs[0] ?? '') ?? [0]) as Shape);
  if (node.op.kind !== 'conv' && node.op.kind !== 'dense') return `it is no conv or dense layer`;
  if (node.op.kind === 'conv' && node.op.groups > 1)
    return isDepthwise(node.op, c) ? 'each of its channels stands alone' : 'it has groups already';
  if (node.weightsOf !== undefined || graph.nodes.some((n) => n.weightsOf === node.id))
    return 'it shares its weights';
  return undefined;
}

function verify(graph: Graph, assignments: Assignments): void {
  const byId = nodesById(graph);
  for (const [id, { groups, ins, outs }] of assignments) {
    const node = byId.get(id);
    const reason = node ? unsplittable(graph, node) : 'there is no such layer';
    if (!node || reason) throw new Refusal(`${id}: it cannot be split, since ${reason}`);
    const shape = shapes(graph).get(node.inputs[0] as string) as Shape;
    const wanted = [channelsOf(shape), (node.op as Conv).out];
    if (ins.length !== wanted[0] || outs.length !== wanted[1])
      throw new Refusal(
        `${id}: ${ins.length} and ${outs.length} channels are assigned, and it has ${wanted.join(' and ')}`,
      );
    for (const side of [ins, outs]) {
      const sizes = Array.from({ length: groups }, (_, g) => members(side, g).length);
      const even = node.op.kind === 'dense' ? sizes.every((n) => n > 0) : sizes.every((n) => n === sizes[0]);
      if (!even || sizes.reduce((a, b) => a + b, 0) !== side.length)
        throw new Refusal(
          `${id}: its groups would have ${sizes.join(', ')} channels; ${node.op.kind === 'dense' ? 'each needs one at least' : 'those of a conv are equal'}`,
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
  order.forEach((from, to) => {
    back[from] = to;
  });
  return back;
};

/** Order, blocks, and the old order again. */
function replaced(
  { id, inputs }: Node,
  op: Conv | OpOf<'dense'>,
  { groups, ins, outs }: Assignment,
  kernel: Weight,
  bias: Weight | undefined,
  weights: Map<WeightKey, Weight>,
): readonly Node[] {
  const [reads, makes] = [inOrder(ins, groups), inOrder(outs, groups)];
  const ordered: Node = { id: `${id}/order`, op: { kind: 'permute', order: reads }, inputs };
  const back = { kind: 'permute', order: inverse(makes) } as const;
  const biasOf = (channels: readonly number[]): Weight | undefined =>
    bias &&
    float(
      [channels.length],
      Float32Array.from(channels, (j) => materialize(bias)[j] as number),
    );
  if (op.kind === 'conv') {
    const size = ins.length / groups;
    const block = `${id}/blocks`;
    const rowsOf = (g: number): readonly number[] => reads.slice(g * size, (g + 1) * size);
    const shape = [...op.kernel, size, op.out];
    const data = makes.map((j, k) => column(kernel, rowsOf(Math.floor((k * groups) / op.out)), j));
    weights.set(`${block}:kernel`, float(shape, interleaved(data)));
    const moved = biasOf(makes);
    if (moved) weights.set(`${block}:bias`, moved);
    return [
      ordered,
      { id: block, op: { ...op, groups }, inputs: [ordered.id] },
      { id, op: back, inputs: [block] },
    ];
  }
  let from = 0;
  const parts = Array.from({ length: groups }, (_, g): readonly Node[] => {
    const [rows, columns] = [members(ins, g), members(outs, g)];
    const [slice, dense] = [`${id}/part${g}/slice`, `${id}/part${g}/dense`];
    const to = from + rows.length;
    const nodes: readonly Node[] = [
      { id: slice, op: { kind: 'slice', from, to }, inputs: [ordered.id] },
      { id: dense, op: { ...op, out: columns.length }, inputs: [slice] },
    ];
    from = to;
    const data = columns.map((j) => column(kernel, rows, j));
    weights.set(`${dense}:kernel`, float([rows.length, columns.length], interleaved(data)));
    const moved = biasOf(columns);
    if (moved) weights.set(`${dense}:bias`, moved);
    return nodes;
  });
  const joined: Node = {
    id: `${id}/concat`,
    op: { kind: 'concat' },
    inputs: parts.map((p) => (p[1] as Node).id),
  };
  return [
    ordered,
    ...parts.flat(),
    ...(groups > 1 ? [joined] : []),
    { id, op: back, inputs: [groups > 1 ? joined.id : ((parts[0] as readonly Node[])[1] as Node).id] },
  ];
}

/** What output channel j reads of some input channels: [places, rows]. */
function column(kernel: Weight, rows: readonly number[], j: number): Float32Array {
  const data = materialize(kernel);
  const [depth, out] = [kernel.shape.at(-2) as number, kernel.shape.at(-1) as number];
  const places = data.length / (depth * out);
  return Float32Array.from({ length: places * rows.length }, (_, i) => {
    const [p, k] = [Math.floor(i / rows.length), i % rows.length];
    return data[(p * depth + (rows[k] as number)) * out + j] as number;
  });
}

/** Columns side by side: the last axis counts them. */
function interleaved(columns: readonly Float32Array[]): Float32Array {
  const length = columns[0]?.length ?? 0;
  return Float32Array.from(
    { length: length * columns.length },
    (_, i) => (columns[i % columns.length] as Float32Array)[Math.floor(i / columns.length)] as number,
  );
}
