/** @file Batch norms of quantized nets in integers: which they are, and their codes. */
import { get } from '../access.ts';
import {
  consumers,
  type Graph,
  isMap,
  type Node,
  nodesById,
  type Quantize,
  type Shape,
} from '../graph/index.ts';
import { int } from '../onnx/index.ts';
import type { Affine } from './norm-affine.ts';
import type { Draft } from './onnx-draft.ts';
import { biasSteps, dequantized } from './onnx-integer.ts';

/**
 * The norms that stand between rounded values of 8 bits, alone or before a relu, by path, with the steps of what they read. Only maps:
 * these are what layouts are turned for.
 */
export function integerNorms(
  graph: Graph,
  shapeById: ReadonlyMap<string, Shape>,
): ReadonlyMap<string, Quantize> {
  const [byId, readers] = [nodesById(graph), consumers(graph)];
  const rounds = ({ op }: Node): boolean => op.kind === 'quantize' && op.bits === 8;
  const isRounded = (id: string): boolean => {
    const users = graph.outputs.includes(id) ? [] : (readers.get(id) ?? []);
    return users.length > 0 && users.every(rounds);
  };
  const found = new Map<string, Quantize>();
  for (const node of graph.nodes) {
    const source = byId.get(node.inputs[0] ?? '');
    if (node.op.kind !== 'norm' || source?.op.kind !== 'quantize' || source.op.bits !== 8) continue;
    const [user, ...more] = readers.get(node.id) ?? [];
    const clips = user?.op.kind === 'act' && (user.op.fn === 'relu' || user.op.fn === 'relu6');
    const last = clips && !more.length && !graph.outputs.includes(node.id) ? user.id : node.id;
    if (isMap(get(shapeById, node.id)) && isRounded(last)) found.set(node.id, source.op);
  }
  return found;
}

/**
 * Input, kernel and bias of a norm of rounded values, as a depthwise 1x1 conv of codes: its scale is 127 or -127 steps of a scale of
 * its own for each channel, so that nothing is lost, and its offset is an int32. As a norm of floats it would stand between integer
 * layers, and runtimes would turn its input and its output to another layout.
 */
export function normOperands(d: Draft, x: string, read: Quantize, affine: Affine): readonly string[] {
  const { codes, steps, offsets } = integerNorm(read, affine);
  const c = codes.length;
  const kernel = dequantized(d, d.constant('int8', [c, 1, 1, 1], codes), 'int8', steps, { axis: int(0) });
  const sums = biasSteps(read.scale, steps);
  return [x, kernel, dequantized(d, d.constant('int32', [c], offsets), 'int32', sums, { axis: int(0) })];
}

/** A norm of values with these steps in integers: `quantize` rounds its offset to what the file has. */
export function integerNorm({ scale }: Pick<Quantize, 'scale'>, affine: Affine) {
  const steps = Float32Array.from(
    affine.scale,
    (s, c) => Math.max(Math.abs(s) / 127, Math.abs(affine.offset[c]!) / (scale * 2 ** 30)) || 1,
  );
  const codes = Int8Array.from(affine.scale, (s, c) => Math.round(s / steps[c]!));
  const sums = biasSteps(scale, steps);
  return { codes, steps, offsets: Int32Array.from(affine.offset, (b, c) => Math.round(b / sums[c]!)) };
}
