/** @file Layers that can be inserted after any value without changing it: a branch of zeros, an identity conv. */

import { get } from '../../access.ts';
import { Refusal } from '../../errors.ts';
import {
  type Activation,
  type Conv,
  channelsOf,
  type Graph,
  isMap,
  type Node,
  type Op,
  printShape,
  shapes,
} from '../../graph/index.ts';
import type { ChannelMap } from '../channels/channel-map.ts';
import type { Preserves } from '../channels/growth.ts';

/** New nodes behind a place, and what their weights must be so that the function is preserved. */
export interface Insertion {
  readonly nodes: readonly Node[];
  /** Nodes whose weights are zeros (a norm's scale and offset, a layer's kernel and bias). */
  readonly zeros: readonly string[];
  /** Convs that pass each channel on. */
  readonly diracs: readonly string[];
  readonly preserves: Preserves;
  /** The channel of the place that each channel of the last node copies, -1 for none; missing when they are the same. */
  readonly map?: ChannelMap;
}

/** The fields of a 1x1 conv without stride, dilation, groups and bias. */
export const plain = {
  kernel: [1, 1],
  stride: [1, 1],
  dilation: [1, 1],
  groups: 1,
  padding: 'same',
  bias: false,
} as const;
const usualNorm: Op = { kind: 'norm', eps: 1e-5, momentum: 0.9, scale: true, offset: true };

/** A path beside the place, `word` and a number, that no node has yet. */
export function freshPath(graph: Graph, place: Node, word: string): string {
  const base = place.id.split('/').slice(0, -1).join('/') || place.id;
  for (let k = 1; ; k++) {
    const path = `${base}/${word}${k}`;
    if (!graph.nodes.some((n) => n.id.startsWith(`${path}/`))) return path;
  }
}

/** A depthwise-separable residual branch, or a dense one on a vector, that ends in a zero-scaled norm. */
export function branch(graph: Graph, place: Node, settled: Activation | undefined): Insertion {
  const shape = get(shapes(graph), place.id);
  const path = freshPath(graph, place, 'branch');
  const c = channelsOf(shape);
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
 * A conv that passes each channel on, a norm if `withNorm`, and the activation `settled` that the value is the output of.
 * @throws Refusal where there is no such activation, or no feature map.
 */
export function dirac(
  graph: Graph,
  place: Node,
  settled: Activation | undefined,
  where: string,
  withNorm: boolean,
): Insertion {
  const shape = get(shapes(graph), place.id);
  if (!isMap(shape))
    throw new Refusal(`${where}: a dirac conv needs a feature map, and this is ${printShape(shape)}`);
  if (!settled) {
    throw new Refusal(
      `${where}: its value is not the output of a relu or relu6, so that another one would change it; use the kind 'branch'`,
    );
  }
  const path = freshPath(graph, place, 'dirac');
  const conv: Conv = { ...plain, kind: 'conv', out: shape[2], kernel: [3, 3] };
  const norms: readonly (readonly [string, Op])[] = withNorm ? [['norm', usualNorm]] : [];
  const steps: readonly (readonly [string, Op])[] = [
    ['conv', conv],
    ...norms,
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
