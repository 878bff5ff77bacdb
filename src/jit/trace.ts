/** @file Traces a tf function to an ONNX model: records it, then lowers it. */

import { encodeModel } from '../onnx/index.ts';
import { lower } from './lower/index.ts';
import { packed } from './pack.ts';
import { fuse } from './passes/index.ts';
import { record } from './record.ts';
import {
  type Spec,
  type Specs,
  sizeOf,
  type TracedFunction,
  type TracedModel,
  type TraceOptions,
} from './types.ts';

/**
 * Runs `fn` once on symbolic tensors, and gives everything that it computes, tf's gradients included, as one ONNX model.
 *
 * Everything that changes from call to call must be an input: rates, counts, and all randomness, since a random number that is drawn
 * inside `fn` would be the same at every call. Unseeded random numbers are refused, and so are the random ops of tf. Tensors that
 * `fn` captures become constants; tensors that it keeps by `tf.keep` are freed. tf's backend and variables do not change.
 *
 * Without the option `block` the model has only standard ops of ONNX, so that any runtime can run it. Its inputs are `state/NAME` and
 * `inputs/NAME`, its outputs `newState/NAME` and `outputs/NAME`.
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs-core';
 * import { trace } from 'moonlet/jit';
 *
 * const traced = trace(
 *   ({ w }, { x }) => ({ state: { w }, outputs: { y: tf.matMul(x, w) } }),
 *   { state: { w: { shape: [3, 2] } }, inputs: { x: { shape: [4, 3] } } },
 * );
 * console.log(traced.counts); // { MatMul: 1, Identity: 1 }
 * console.log(traced.outputs['y']?.shape); // [ 4, 2 ]
 * ```
 *
 * @throws MoonletError when `fn` reads a traced tensor, uses a kernel without a rule, assigns or makes a
 * variable, draws random numbers, or returns a state of other keys, shapes or dtypes.
 */
export function trace(
  fn: TracedFunction,
  specs: { state: Specs; inputs: Specs },
  options: TraceOptions = {},
): TracedModel {
  const optimize = options.optimize ?? true;
  const written = record(fn, specs, optimize);
  const recorded = optimize ? packed(written, options.join) : written;
  const model = lower(fuse(recorded, options.block), options);
  const counts: Record<string, number> = {};
  for (const { opType } of model.nodes) counts[opType] = (counts[opType] ?? 0) + 1;
  const outputs = Object.entries(recorded.results.outputs).map(([name, value]): [string, Spec] => [
    name,
    { shape: value.shape, dtype: value.dtype === 'float32' ? 'float32' : 'int32' },
  ]);
  return {
    model: encodeModel(model),
    nodes: model.nodes.length,
    counts,
    constants: model.initializers.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    state: specs.state,
    inputs: specs.inputs,
    outputs: Object.fromEntries(outputs),
    joined: recorded.joined.map(({ names }) => names),
  };
}
