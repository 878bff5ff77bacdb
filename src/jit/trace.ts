/** @file A tf function as an ONNX model: recorded, then lowered. */

import { encodeModel } from '../onnx/index.ts';
import { lower } from './lower/index.ts';
import { packed } from './pack.ts';
import { fuse } from './passes/index.ts';
import { record } from './record.ts';
import type { Spec, Specs, TracedFunction, TracedModel, TraceOptions } from './types.ts';

/**
 * Runs `fn` once on symbolic tensors and gives what it does, tf's autodiff included, as one ONNX model.
 *
 * What changes from call to call must be an input: rates, counts, and all randomness, since a random number
 * drawn inside `fn` would be the same at every call (an unseeded one is refused; a seeded one too, when a tf
 * op draws it). Tensors that `fn` captures become constants; what it `tf.keep`s is freed. tf's backend and
 * variables are left as they were.
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
    state: specs.state,
    inputs: specs.inputs,
    outputs: Object.fromEntries(outputs),
    joined: recorded.joined.map(({ names }) => names),
  };
}
