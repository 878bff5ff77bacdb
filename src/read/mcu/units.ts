/**
 * @file The layers of a net as an integer runtime executes them: a norm behind a conv is folded into its kernel and bias, an
 * activation is applied where a value is written, and what only renames a value (flatten, dropout) is no layer. Each layer writes one
 * tensor.
 */
import { first, get } from '../../access.ts';
import {
  channelsOf,
  type Graph,
  inputShapes,
  isDepthwise,
  isLinear,
  isMap,
  isStatistic,
  kernelPlaces,
  type Node,
  type Op,
  productsOf,
  type Shape,
  shapes,
  sizeOf,
  weightShapes,
} from '../../graph/index.ts';

/** Bytes of what is stored of a layer. */
export interface Flash {
  readonly fp32: number;
  readonly int8: number;
}

/**
 * `depthwise`: channel by channel, with a buffer of one channel (Lin et al. 2020, section 3.2). `elementwise`: value by value.
 * `accumulating`: a conv or dense layer adds its results to the other term of the sum behind it; `sum` is that sum, which has then
 * been made.
 */
export type Overwriting = 'depthwise' | 'elementwise' | 'accumulating' | 'sum';

export interface Unit {
  /** The node that gives it its path and its kernel. */
  readonly head: Node;
  readonly nodes: Node[];
  /** Of what the head reads. */
  readonly inShapes: readonly Shape[];
  /** The places in the list of the layers that it reads, each once. */
  readonly inputs: readonly number[];
  /** Of what it writes. */
  shape: Shape;
  macs: number;
  /** Numbers in kernels, biases (after folding), other parameters, and channel indices. */
  kernel: number;
  biases: number;
  others: number;
  indices: number;
  /** The last layer that reads what it writes; the number of layers for an output of the net. */
  lastReader: number;
  /** Whether others than the nodes of the layer read a value of it before its last node. */
  isShared: boolean;
  /** How it may write over what it reads, if nothing reads that later. */
  over: Overwriting | undefined;
}

/** Ops of one input whose values follow from the value, or the channels, at the same place. */
const isElementwise = ({ kind }: Op): boolean =>
  kind === 'act' || kind === 'norm' || kind === 'scale' || kind === 'layerNorm';
/** Ops that change no value, or only how it is rounded. */
const isAlias = ({ kind }: Op): boolean =>
  kind === 'flatten' || kind === 'dropout' || kind === 'dropPath' || kind === 'quantize';

/** The layers in the order of the graph's nodes. */
export function unitsOf(graph: Graph): readonly Unit[] {
  const shapeById = shapes(graph);
  const readers = new Map<string, number>();
  for (const { inputs } of graph.nodes) for (const id of inputs) readers.set(id, (readers.get(id) ?? 0) + 1);
  for (const id of graph.outputs) readers.set(id, (readers.get(id) ?? 0) + 1);
  const units: Unit[] = [];
  const unitOf = new Map<string, number>();
  for (const node of graph.nodes) {
    const at = node.inputs.length === 1 ? unitOf.get(first(node.inputs)) : undefined;
    const before = at === undefined ? undefined : units[at];
    const shape = get(shapeById, node.id);
    if (before && joins(before, node, readers.get(first(node.inputs)) === 1)) {
      if (readers.get(first(node.inputs)) !== 1) before.isShared = true;
      join(before, node, shape);
      unitOf.set(node.id, at ?? 0);
      continue;
    }
    const inShapes = inputShapes(node, shapeById);
    unitOf.set(node.id, units.length);
    units.push(begun(node, inShapes, shape, inputsOf(node, unitOf)));
  }
  units.forEach((unit, i) => {
    for (const j of unit.inputs) units[j]!.lastReader = i;
  });
  for (const id of graph.outputs) units[get(unitOf, id)]!.lastReader = units.length;
  units.forEach((unit, i) => {
    if (unit.head.op.kind === 'add') markSum(units, i);
  });
  return units;
}

/** A sum of a skip and of the layer just before, which can add to the skip as it goes, since it does not read it. */
function markSum(units: readonly Unit[], i: number): void {
  const [sum, before] = [units[i]!, units[i - 1]];
  const skip = sum.inputs.find((j) => j !== i - 1);
  if (!before || skip === undefined || sum.inputs.length !== 2 || !sum.inputs.includes(i - 1)) return;
  const areLast = before.lastReader === i && units[skip]!.lastReader === i;
  const isLinearLayer = isLinear(before.head.op) && before.nodes.every(({ op }) => op.kind !== 'act');
  if (!areLast || !isLinearLayer || before.over || before.inputs.includes(skip)) return;
  before.over = 'accumulating';
  sum.over = 'sum';
}

/** Whether a node is part of the layer before it. */
const joins = ({ head, isShared }: Unit, { op }: Node, isOnlyReader: boolean): boolean =>
  isAlias(op) || (isElementwise(op) && isOnlyReader && !isShared && head.op.kind !== 'input');

function inputsOf({ inputs }: Node, unitOf: ReadonlyMap<string, number>): readonly number[] {
  if (inputs.length === 1) return [get(unitOf, first(inputs))];
  return [...new Set(inputs.map((id) => get(unitOf, id)))];
}

function begun(node: Node, inShapes: readonly Shape[], shape: Shape, inputs: readonly number[]): Unit {
  const unit: Unit = {
    head: node,
    nodes: [node],
    inShapes,
    inputs,
    shape,
    macs: 0,
    kernel: 0,
    biases: 0,
    others: 0,
    indices: 0,
    lastReader: -1,
    isShared: false,
    over: overwriting(node.op, inShapes),
  };
  count(unit, node, inShapes, shape);
  return unit;
}

function overwriting(op: Op, ins: readonly Shape[]): Overwriting | undefined {
  if (isElementwise(op)) return 'elementwise';
  if (op.kind !== 'conv') return undefined;
  const c = channelsOf(first(ins));
  return isDepthwise(op, c) && op.out === c ? 'depthwise' : undefined;
}

/** Adds a node to the layer before it. */
function join(unit: Unit, node: Node, shape: Shape): void {
  const { op: head, weightsOf } = unit.head;
  const isFolded =
    (node.op.kind === 'norm' || node.op.kind === 'scale') &&
    isLinear(head) &&
    head.out === channelsOf(shape) &&
    weightsOf === undefined &&
    unit.nodes.every(({ op }) => op.kind !== 'act' && op.kind !== 'layerNorm');
  unit.nodes.push(node);
  if (isFolded) {
    // (W gamma / std) x + (b - mean) gamma / std + beta; a scale alone adds no bias
    if (node.op.kind === 'norm') unit.biases = channelsOf(shape);
  } else count(unit, node, [unit.shape], shape);
  unit.shape = shape;
}

function count(unit: Unit, node: Node, ins: readonly Shape[], shape: Shape): void {
  const { op, weightsOf } = node;
  unit.macs += productsOf(op, ins);
  for (const [slot, dims] of weightShapes(op, ins)) {
    const n = dims.reduce((a, d) => a * d, 1);
    if (slot === 'kernel') {
      unit.macs += n * kernelPlaces(op, ins, shape);
      if (!weightsOf) unit.kernel += n;
    } else if (slot === 'bias') {
      if (!weightsOf) unit.biases = n;
    } else if (!isStatistic(slot) && op.kind !== 'norm' && !weightsOf) unit.others += n;
  }
  // a norm that nothing is folded into keeps one factor and one offset a channel
  if (op.kind === 'norm' && !weightsOf) unit.others += 2 * channelsOf(shape);
  if (op.kind === 'permute') unit.indices += op.order.length;
}

/** How many values a layer writes. */
export const valuesOf = ({ shape }: Unit): number => sizeOf(shape);

/** The numbers of one channel of what it writes. */
export const channelValues = ({ shape }: Unit): number => (isMap(shape) ? shape[0] * shape[1] : 1);

/**
 * What is stored: in fp32 4 bytes a number; in int8 a byte for each number of a kernel, 4 for each bias (int32), factor and offset, a
 * float32 scale for each output channel of a kernel, and a float32 scale and an int32 zero point for each tensor. Channel indices take
 * 2 bytes.
 */
export function flashOf({ kernel, biases, others, indices, head: { op } }: Unit): Flash {
  const scales = kernel && isLinear(op) ? op.out : 0;
  return {
    fp32: 4 * (kernel + biases + others) + 2 * indices,
    int8: kernel + 4 * (biases + others + scales) + 2 * indices + 8,
  };
}
