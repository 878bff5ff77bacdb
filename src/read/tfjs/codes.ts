/**
 * @file The simulation of integer layers by whole numbers: a layer that reads rounded values and has a kernel of codes sums
 * products of codes, which float32 holds exactly up to 2^24, and multiplies the sum by one step. Summed as values, each
 * product has an error of its own, and a sum near the middle of two steps falls on either side.
 */
import * as tf from '@tensorflow/tfjs-core';
import { get } from '../../access.ts';
import { firstInput, nodesById, shapes } from '../../graph/index.ts';
import { codesOf, dense, type Net } from '../../weights/index.ts';
import { integerNorm, integerNorms } from '../integer-norm.ts';
import { normAffine } from '../norm-affine.ts';
import { biasSteps } from '../onnx-integer.ts';

/** What an integer layer multiplies. */
export interface LayerCodes {
  /** The step of the values that it reads. */
  readonly input: number;
  /** The kernel's codes in its shape, and the step of each sum: [channels] or [1]. */
  readonly kernel: tf.Tensor;
  readonly steps: tf.Tensor;
  /** Of a norm, whose kernel is a factor for each channel: what is added to the products, [channels]. */
  readonly offsets?: tf.Tensor;
}
export type CodeTensors = ReadonlyMap<string, LayerCodes>;

/** Of each layer and norm that multiplies codes, by its id. The caller disposes of them. */
export function codeTensors({ graph, weights }: Net): CodeTensors {
  const byId = nodesById(graph);
  const found = new Map<string, LayerCodes>();
  for (const node of graph.nodes) {
    const { id, op, weightsOf } = node;
    if (op.kind !== 'conv' && op.kind !== 'dense') continue;
    const source = byId.get(firstInput(node))?.op;
    const kernel = weights.get(`${weightsOf ?? id}:kernel`);
    const codes = kernel && dense(kernel);
    if (source?.kind !== 'quantize' || codes?.encoding !== 'quantized') continue;
    found.set(id, {
      input: source.scale,
      kernel: tf.tensor(Float32Array.from(codesOf(codes)), [...codes.shape]),
      steps: tf.tensor1d(codes.scales.map((s) => s * source.scale)),
    });
  }
  for (const [id, read] of integerNorms(graph, shapes(graph))) {
    const node = get(byId, id);
    if (node.op.kind !== 'norm') continue;
    const owner = node.weightsOf ?? id;
    const affine = normAffine((slot) => weights.get(`${owner}:${slot}`), node.op.eps);
    const { codes, steps, offsets } = integerNorm(read, affine);
    found.set(id, {
      input: read.scale,
      kernel: tf.tensor1d(Float32Array.from(codes)),
      steps: tf.tensor1d(biasSteps(read.scale, steps)),
      offsets: tf.tensor1d(Float32Array.from(offsets)),
    });
  }
  return found;
}

/** The tensors, to dispose of. */
export const disposeCodes = (codes: CodeTensors): void =>
  tf.dispose(
    [...codes.values()].flatMap(({ kernel, steps, offsets }) => [
      kernel,
      steps,
      ...(offsets ? [offsets] : []),
    ]),
  );
