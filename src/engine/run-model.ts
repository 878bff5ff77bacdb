/** @file Runs the bytes of an ONNX file once, to check that an exported file computes the right values. */
import { loadRuntime, sessionOptions } from '../jit/runtime.ts';
import { decodeModel } from '../onnx/index.ts';
import { batchSizes, floatsOf } from './tensors.ts';

/** The outputs of a model with one input, in order, each as one flat array, for a batch of examples. */
export async function runModel(bytes: Uint8Array, x: Float32Array, batch: number): Promise<Float32Array[]> {
  const ort = await loadRuntime();
  const { inputs, outputs } = decodeModel(bytes);
  const session = await ort.InferenceSession.create(bytes, sessionOptions(1));
  const [input] = inputs;
  const dims = batchSizes(input?.shape ?? [], batch);
  const found = await session.run({ [input?.name ?? '']: new ort.Tensor('float32', x, dims) });
  const values = outputs.map(({ name }) => floatsOf(found[name]).slice());
  await session.release();
  return values;
}
