/** @file A net made ready for inference: an ONNX model on onnxruntime, or the eager reading on a tf backend. */
import * as tf from '@tensorflow/tfjs-core';
import type { InferenceSession } from 'onnxruntime-node';
import { MoonletError, UsageError } from '../errors.ts';
import { isMap, type Shape, shapes, sizeOf } from '../graph/index.ts';
import { loadRuntime, sessionOptions } from '../jit/runtime.ts';
import { encodeModel } from '../onnx/index.ts';
import { inputShape } from '../read/ends.ts';
import { toOnnx } from '../read/onnx.ts';
import { forward, weightTensors } from '../read/tfjs/index.ts';
import type { Net } from '../weights/index.ts';
import { type EagerEngine, type EngineOptions, useBackend } from './engine.ts';

export interface CompileOptions extends EngineOptions {
  /** Ids whose values are wanted; the graph's outputs unless told. */
  readonly values?: readonly string[];
  /** Of the input and of values that are maps; NHWC unless told. */
  readonly layout?: 'NHWC' | 'NCHW';
}
/** Values of a batch, flat, by node id. */
export type Values = ReadonlyMap<string, Float32Array>;
export interface Compiled {
  /** The shape of each value for one example, [h, w, c] or [c]; with layout NCHW the data of maps lies [c, h, w]. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Run any number of examples as one batch, [batch, ...input] as one flat array. */
  run(x: Float32Array): Promise<Values>;
  /** Run many examples in batches (of 64 unless told), and join the values. */
  runMany(x: Float32Array, batch?: number): Promise<Values>;
  release(): Promise<void>;
}

type Run = (x: Float32Array, batch: number) => Promise<Values>;

/**
 * The weights are constants of what is made: change the net, and compile again. Release it when done.
 * @throws MoonletError when a value is no node of the graph, or the engine is not there.
 */
export async function compile(net: Net, o: CompileOptions = {}): Promise<Compiled> {
  const { graph } = net;
  const { engine = 'onnxruntime', values = graph.outputs } = o;
  const known = shapes(graph);
  const outShapes = new Map(
    values.map((id) => {
      const shape = known.get(id);
      if (!shape) throw new MoonletError(`${graph.name}: no node "${id}" whose value could be had`);
      return [id, shape];
    }),
  );
  const ready = engine === 'onnxruntime' ? await native(net, o) : await eager(net, o, engine);
  const example = inputShape(graph);
  const length = sizeOf(example);
  const run = async (x: Float32Array): Promise<Values> => {
    const batch = x.length / length;
    if (Number.isInteger(batch) && batch > 0) return ready.run(x, batch);
    throw new MoonletError(
      `${graph.name}: expects whole examples of ${example.join(' x ')} = ${length} values, got ${x.length}`,
    );
  };
  return {
    shapes: outShapes,
    run,
    release: ready.release,
    runMany: async (x, batch = 64) => {
      if (!Number.isSafeInteger(batch) || batch < 1)
        throw new UsageError(`batch must be a whole number from 1 up, got ${batch}`);
      const parts: Values[] = [];
      for (let at = 0; at < x.length; at += batch * length)
        parts.push(await run(x.subarray(at, at + batch * length)));
      return new Map(
        [...outShapes.keys()].map((id) => [id, joined(parts.map((p) => p.get(id) as Float32Array))]),
      );
    },
  };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

interface Ready {
  readonly run: Run;
  release(): Promise<void>;
}

async function native(
  net: Net,
  { threads, runtime, values, layout = 'NHWC' }: CompileOptions,
): Promise<Ready> {
  const ort = runtime ?? (await loadRuntime());
  const model = toOnnx(net, { layout, ...(values ? { values } : {}) });
  const session: InferenceSession = await ort.InferenceSession.create(
    encodeModel(model),
    sessionOptions(threads),
  );
  const [input] = model.inputs;
  const ids = [...new Set(values ?? net.graph.outputs)];
  return {
    run: async (x, batch) => {
      const dims = [batch, ...((input?.shape.slice(1) ?? []) as number[])];
      const found = await session.run({ [input?.name ?? '']: new ort.Tensor('float32', x, dims) });
      return new Map(ids.map((id, i) => [id, found[model.outputs[i]?.name ?? '']?.data as Float32Array]));
    },
    release: () => session.release(),
  };
}

async function eager({ graph, weights }: Net, o: CompileOptions, engine: EagerEngine): Promise<Ready> {
  const { values = graph.outputs, layout = 'NHWC' } = o;
  await useBackend(engine);
  const constants = weightTensors(weights);
  const shape = inputShape(graph);
  const turned = layout === 'NCHW';
  const first = (t: tf.Tensor): tf.Tensor => (turned && t.rank === 4 ? tf.transpose(t, [0, 3, 1, 2]) : t);
  return {
    run: async (x, batch) => {
      await useBackend(engine);
      const found = new Map<string, Float32Array>();
      // nothing comes back from the tidy, which would look for tensors in every number of an array
      tf.tidy(() => {
        const batchOf = (): tf.Tensor => {
          if (!turned || !isMap(shape)) return tf.tensor(x, [batch, ...shape]);
          const [h, w, c] = shape;
          return tf.transpose(tf.tensor(x, [batch, c, h, w]), [0, 2, 3, 1]);
        };
        const run = forward(graph, constants, batchOf(), { values });
        for (const [id, t] of run.values) found.set(id, first(t).dataSync() as Float32Array);
      });
      return found;
    },
    release: async () => tf.dispose(constants),
  };
}
