/**
 * @file The IR that a trace writes: a typed graph in which every value has a static shape, channels last as in tf.
 *
 * Lowering decides in which layout each value lies in memory (channels first, for ONNX's convs).
 */

import type { AvgPoolAttrs, ConvGeometry, PoolGeometry } from '../kernels/index.ts';
import type { OnnxAttribute } from '../onnx/index.ts';

export type ValueType = 'float32' | 'int32' | 'bool';
export type Data = Float32Array | Int32Array | Uint8Array;
export type Attributes = Readonly<Record<string, OnnxAttribute>>;

export type Op =
  | { readonly kind: 'input'; readonly name: string }
  /** A number stands for a tensor with that value everywhere. */
  | { readonly kind: 'constant'; readonly data: Data | number }
  /** An elementwise ONNX op, with numpy's broadcasting; of onnxruntime's own where it has a domain. */
  | {
      readonly kind: 'map';
      readonly op: string;
      readonly attributes?: Attributes;
      readonly domain?: string;
    }
  | {
      readonly kind: 'reduce';
      readonly op: string;
      readonly axes: readonly number[];
      readonly keepDims: boolean;
    }
  | { readonly kind: 'expand' }
  | { readonly kind: 'reshape' }
  | { readonly kind: 'transpose'; readonly perm: readonly number[] }
  | { readonly kind: 'concat'; readonly axis: number }
  | {
      readonly kind: 'pad';
      readonly before: readonly number[];
      readonly after: readonly number[];
      readonly value: number;
      readonly mode: 'constant' | 'reflect';
    }
  /** Each `stride`-th value from `begin` on; strides may be negative. The output's shape says how many. */
  | { readonly kind: 'slice'; readonly begin: readonly number[]; readonly strides: readonly number[] }
  | { readonly kind: 'matmul'; readonly transposeA: boolean; readonly transposeB: boolean }
  /** x, kernel -> y */
  | { readonly kind: 'conv'; readonly geometry: ConvGeometry }
  /**
   * x, kernel -> c, m: the conv's output is c + m. The number m for each channel is the output's mean over batch and places, or
   * 0 in every channel; lowering chooses. Made by `passes/centred.ts`.
   */
  | { readonly kind: 'centredConv'; readonly geometry: ConvGeometry }
  /** dy, kernel -> dx */
  | { readonly kind: 'convInputGrad'; readonly geometry: ConvGeometry }
  /** x, dy -> dk */
  | { readonly kind: 'convFilterGrad'; readonly geometry: ConvGeometry }
  /** One phase of the input gradient of a strided conv: dy, kernel, or with an image to add -> phase. Made by `passes/phases.ts`. */
  | { readonly kind: 'convPhase'; readonly groups: number; readonly rows: Phase; readonly columns: Phase }
  /** The phases of an image, row by row -> the image. A phase that is not `present` is 0, and no input. */
  | {
      readonly kind: 'interleave';
      readonly stride: readonly [down: number, across: number];
      readonly present: readonly boolean[];
    }
  /** x, gamma, beta -> y, mean, variance. An x that is the c of a centred conv comes with its m, as a fourth input. */
  | { readonly kind: 'norm'; readonly eps: number }
  /**
   * dy, x, gamma, mean, variance -> dx, dgamma, dbeta. The fourth input of `norm` is the sixth here. A fourth output f takes a
   * factor for each channel out of dx: the gradient is dx * f, and lowering chooses how much of the factor is in f. Made by
   * `passes/factored.ts`.
   */
  | { readonly kind: 'normGrad'; readonly eps: number }
  /** x, f -> x * f, with a number for each channel (the last axis). */
  | { readonly kind: 'channelScale' }
  | { readonly kind: 'maxPool'; readonly geometry: PoolGeometry }
  /** dy, x -> dx */
  | { readonly kind: 'maxPoolGrad'; readonly geometry: PoolGeometry }
  | { readonly kind: 'avgPool'; readonly geometry: AvgPoolAttrs }
  | { readonly kind: 'avgPoolGrad'; readonly geometry: AvgPoolAttrs }
  /** Any other ONNX op, on values as tf lays them out. */
  | { readonly kind: 'onnx'; readonly op: string; readonly attributes?: Attributes };

/** Along one axis of a strided conv: the taps that a phase of the input gradient reads, the last first, and the padding of its conv. */
export interface Phase {
  readonly taps: readonly number[];
  readonly before: number;
  readonly behind: number;
}

export type OpOf<K extends Op['kind']> = Extract<Op, { kind: K }>;

export interface Node {
  readonly op: Op;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** The tf kernel it came from. */
  readonly source: string;
}

export interface Value {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: ValueType;
  readonly node: Node;
}

export interface Type {
  readonly shape: readonly number[];
  readonly dtype: ValueType;
}

/** The graph under construction. Nodes are in topological order, since a node is added after its inputs. */
export interface Trace {
  readonly nodes: Node[];
  readonly optimize: boolean;
  /** Nodes by what they compute, so that the same thing is computed once. */
  readonly known: Map<string, Node>;
  /** The tf kernel that is being traced. */
  source: string;
  values: number;
}

export function newTrace(optimize: boolean): Trace {
  return { nodes: [], optimize, known: new Map(), source: 'constant', values: 0 };
}

/** Adds a node, or finds the one that computes the same. */
export function add(
  trace: Trace,
  op: Op,
  inputs: readonly Value[],
  types: readonly Type[],
): readonly Value[] {
  const key = trace.optimize && shareable(op) ? keyOf(op, inputs, types) : undefined;
  const known = key === undefined ? undefined : trace.known.get(key);
  if (known) return known.outputs;
  const outputs: Value[] = [];
  const node: Node = { op, inputs, outputs, source: trace.source };
  for (const { shape, dtype } of types) outputs.push({ id: trace.values++, shape, dtype, node });
  trace.nodes.push(node);
  if (key !== undefined) trace.known.set(key, node);
  return outputs;
}

/** `add` for a node of one output. */
export function add1(trace: Trace, op: Op, inputs: readonly Value[], type: Type): Value {
  const [output] = add(trace, op, inputs, [type]);
  if (!output) throw new Error(`internal: ${op.kind} without output`);
  return output;
}

function shareable(op: Op): boolean {
  return (
    op.kind !== 'input' && !(op.kind === 'constant' && typeof op.data !== 'number' && op.data.length > 64)
  );
}

function keyOf(op: Op, inputs: readonly Value[], types: readonly Type[]): string {
  const attributes = JSON.stringify(op, (_, value) => {
    if (value instanceof Float32Array || value instanceof Int32Array || value instanceof Uint8Array)
      return Array.from(value, spell);
    return typeof value === 'number' ? spell(value) : value;
  });
  return `${attributes}|${inputs.map((i) => i.id).join()}|${types.map((t) => `${t.dtype}${t.shape.join('x')}`).join()}`;
}

/** A number as text that keeps -0, NaN and infinities apart, which JSON does not. */
function spell(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The one number that `value` holds everywhere, if it is known to be such a constant. */
export function splatOf(value: Value): number | undefined {
  const { op } = value.node;
  return op.kind === 'constant' && typeof op.data === 'number' ? op.data : undefined;
}

/** The nodes that read a value; undefined where it is a result of the whole graph. */
export type Readers = (value: Value) => readonly Node[] | undefined;

export function readersOf(nodes: readonly Node[], ends: readonly Value[]): Readers {
  const known = new Map<Value, Node[]>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const list = known.get(input);
      if (list) list.push(node);
      else known.set(input, [node]);
    }
  }
  const results = new Set(ends);
  return (value) => (results.has(value) ? undefined : known.get(value));
}

/** An image that is added to another one, and to nothing else. */
export interface Sum {
  readonly other: Value;
  readonly sum: Value;
}

/** A relu or relu6 that can take the place of its operand. */
export interface Relu {
  readonly value: Value;
  /** The largest value: 6, or Infinity for a relu without a limit. */
  readonly limit: number;
  /** Comparisons of the operand with the limit. */
  readonly below: readonly Value[];
}

/**
 * Elementwise ops that the node before them can compute along with its own work, where it runs in blocks: by the value that this
 * node makes. Lowering decides, since only it knows the layouts. An op that is not computed there is lowered at its own place.
 */
export interface Fusions {
  readonly sums: ReadonlyMap<Value, Sum>;
  readonly relus: ReadonlyMap<Value, Relu>;
}

/** Every node that `outputs` depend on, in topological order. */
export function reachable(trace: Trace, outputs: readonly Value[]): Node[] {
  const needed = new Set<Node>();
  const stack = outputs.map((value) => value.node);
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (needed.has(node)) continue;
    needed.add(node);
    for (const input of node.inputs) stack.push(input.node);
  }
  return trace.nodes.filter((node) => needed.has(node));
}
