/** @file Layers that can be put behind any value without changing it: a silent branch, a conv that passes channels on. */
import { Refusal } from '../../errors.ts';
import {
  type Activation,
  type Conv,
  type Graph,
  isMap,
  type Node,
  type Op,
  printShape,
  type Shape,
  shapes,
} from '../../graph/index.ts';
import type { ChannelMap } from '../channels/channel-map.ts';
import type { Preserves } from '../channels/growth.ts';

/** New nodes behind a place, and what their weights must be for nothing to change. */
export interface Insertion {
  readonly nodes: readonly Node[];
  /** Nodes whose weights are zeros (a norm's scale and offset, a layer's kernel and bias). */
  readonly zeros: readonly string[];
  /** Convs that pass each channel on. */
  readonly diracs: readonly string[];
  readonly preserves: Preserves;
  /** The channels of the place that those of the last node copy, where they are not the same; -1 for none. */
  readonly map?: ChannelMap;
}

export const plain = {
  kernel: [1, 1],
  stride: [1, 1],
  dilation: [1, 1],
  groups: 1,
  padding: 'same',
  bias: false,
} as const;
const usualNorm: Op = { kind: 'norm', eps: 1e-5, momentum: 0.9, scale: true, offset: true };

/** A path below the stage that is not taken yet. */
export function freshPath(graph: Graph, place: Node, word: string): string {
  const base = place.id.split('/').slice(0, -1).join('/') || place.id;
  for (let k = 1; ; k++) {
    const path = `${base}/${word}${k}`;
    if (!graph.nodes.some((n) => n.id.startsWith(`${path}/`))) return path;
  }
}

/** A depthwise-separable residual branch, or a dense one on a vector, that ends in a zero-scaled norm. */
export function branch(graph: Graph, place: Node, settled: Activation | undefined): Insertion {
  const shape = shapes(graph).get(place.id) as Shape;
  const path = freshPath(graph, place, 'branch');
  const c = shape[shape.length - 1] as number;
  const nodes: Node[] = [];
  let above = place.id;
  const push = (name: string, op: Op): string => {
    nodes.push({ id: `${path}/${name}`, op, inputs: [above] });
    above = `${path}/${name}`;
    return above;
  };
  if (isMap(shape)) {
    push('filter/conv', { ...plain, kind: 'conv', out: c, kernel: [3, 3], groups: c });
    push('filter/norm', usualNorm);
    push('filter/act', { kind: 'act', fn: 'relu' });
    push('mix/conv', { ...plain, kind: 'conv', out: c });
  } else {
    push('mix/dense', { kind: 'dense', out: c, bias: false });
  }
  const end = push('mix/norm', usualNorm);
  nodes.push({ id: `${path}/add`, op: { kind: 'add' }, inputs: [place.id, above] });
  if (settled) nodes.push({ id: `${path}/act`, op: { kind: 'act', fn: settled }, inputs: [`${path}/add`] });
  return { nodes, zeros: [end], diracs: [], preserves: 'both' };
}

/**
 * A conv that passes each channel on, a norm unless told otherwise, and the activation that the value has been through.
 * @throws Refusal where there is none, or no map.
 */
export function dirac(
  graph: Graph,
  place: Node,
  settled: Activation | undefined,
  where: string,
  withNorm: boolean,
): Insertion {
  const shape = shapes(graph).get(place.id) as Shape;
  if (!isMap(shape))
    throw new Refusal(`${where}: a dirac conv needs a feature map, and this is ${printShape(shape)}`);
  if (!settled) {
    throw new Refusal(
      `${where}: its value has not been through relu or relu6, so that one more would change it; use the kind 'branch'`,
    );
  }
  const path = freshPath(graph, place, 'dirac');
  const conv: Conv = { ...plain, kind: 'conv', out: shape[2], kernel: [3, 3] };
  const steps: [string, Op][] = [
    ['conv', conv],
    ...(withNorm ? ([['norm', usualNorm]] as [string, Op][]) : []),
    ['act', { kind: 'act', fn: settled }],
  ];
  let above = place.id;
  const nodes = steps.map(([name, op]): Node => {
    const node: Node = { id: `${path}/${name}`, op, inputs: [above] };
    above = node.id;
    return node;
  });
  const names = nodes.filter((n) => n.op.kind !== 'act').map((n) => n.id);
  return { nodes, zeros: [], diracs: names, preserves: withNorm ? 'inference' : 'both' };
}
