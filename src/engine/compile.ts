/** @file A net made ready for inference: an ONNX model on onnxruntime, or the eager reading on a tf backend. */
import * as tf from '@tensorflow/tfjs-core';
import type { InferenceSession } from 'onnxruntime-common';
import { MoonletError, UsageError } from '../errors.ts';
import { ancestors, isMap, type Shape, shapes, sizeOf } from '../graph/index.ts';
import { loadRuntime, sessionOptions } from '../jit/runtime.ts';
import { encodeModel } from '../onnx/index.ts';
import { toOnnx } from '../read/onnx.ts';
import { codeTensors, disposeCodes, forward, weightTensors } from '../read/tfjs/index.ts';
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
/** A batch of the one input, [batch, ...input] as one flat array; or one for each input, by node id. */
export type Batch = Float32Array | Values;
export interface Compiled {
  /** The shape of each value for one example, [h, w, c] or [c]; with layout NCHW the data of maps lies [c, h, w]. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Run any number of examples as one batch. */
  run(x: Batch): Promise<Values>;
  /** Run many examples in batches (of 64 unless told), and join the values. */
  runMany(x: Batch, batch?: number): Promise<Values>;
  release(): Promise<void>;
}

type Run = (inputs: Values, batch: number) => Promise<Values>;

/**
 * The weights are constants of what is made: change the net, and compile again. Release it when done.
 * @throws MoonletError when no value is asked for, a value is no node of the graph, or the engine is not there.
 */
export async function compile(net: Net, o: CompileOptions = {}): Promise<Compiled> {
  const { graph } = net;
  const { engine = 'onnxruntime', values = graph.outputs } = o;
  if (!values.length)
    throw new MoonletError(
      `${graph.name}: compile got no values; name one node or more, or leave values out for the outputs`,
    );
  const known = shapes(graph);
  const outShapes = new Map(
    values.map((id) => {
      const shape = known.get(id);
      if (!shape) throw new MoonletError(`${graph.name}: no node "${id}" whose value could be had`);
      return [id, shape];
    }),
  );
  const needed = ancestors(graph, values);
  const lengths = new Map(
    graph.nodes.flatMap(({ id, op }) =>
      op.kind === 'input' && needed.has(id) ? [[id, sizeOf(op.shape)] as const] : [],
    ),
  );
  const ready = engine === 'onnxruntime' ? await native(net, o) : await eager(net, o, engine);
  const examplesOf = (inputs: Values): number => {
    const counts = [...lengths].map(([id, length]) => {
      const batch = (inputs.get(id)?.length ?? 0) / length;
      if (Number.isInteger(batch) && batch > 0) return batch;
      const shape = known.get(id) as Shape;
      throw new MoonletError(
        `${graph.name}: expects whole examples of ${shape.join(' x ')} = ${length} values${lengths.size > 1 ? ` for "${id}"` : ''}, got ${inputs.get(id)?.length ?? 'none'}`,
      );
    });
    const [first = 0] = counts;
    if (counts.every((count) => count === first)) return first;
    throw new MoonletError(
      `${graph.name}: expects as many examples for each input, got ${counts.join(' and ')}`,
    );
  };
  const byInput = (x: Batch): Values => {
    if (!(x instanceof Float32Array)) return x;
    const [id, ...others] = lengths.keys();
    if (id !== undefined && !others.length) return new Map([[id, x]]);
    throw new MoonletError(
      `${graph.name}: has ${lengths.size} inputs; give a map with a batch for each, by its id`,
    );
  };
  return {
    shapes: outShapes,
    run: async (x) => {
      const inputs = byInput(x);
      return ready.run(inputs, examplesOf(inputs));
    },
    release: ready.release,
    runMany: async (x, batch = 64) => {
      if (!Number.isSafeInteger(batch) || batch < 1)
        throw new UsageError(`batch must be a whole number from 1 up, got ${batch}`);
      const inputs = byInput(x);
      const count = examplesOf(inputs);
      const parts: Values[] = [];
      for (let from = 0; from < count; from += batch) {
        const part = [...lengths].map(
          ([id, length]) =>
            [id, (inputs.get(id) as Float32Array).subarray(from * length, (from + batch) * length)] as const,
        );
        parts.push(await ready.run(new Map(part), Math.min(batch, count - from)));
      }
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
  const ids = [...new Set(values ?? net.graph.outputs)];
  return {
    run: async (inputs, batch) => {
      const feeds = model.inputs.map(({ name, shape }) => {
        const dims = [batch, ...(shape.slice(1) as number[])];
        return [name, new ort.Tensor('float32', inputs.get(name) as Float32Array, dims)] as const;
      });
      const found = await session.run(Object.fromEntries(feeds));
      return new Map(ids.map((id, i) => [id, found[model.outputs[i]?.name ?? '']?.data as Float32Array]));
    },
    release: () => session.release(),
  };
}

async function eager({ graph, weights }: Net, o: CompileOptions, engine: EagerEngine): Promise<Ready> {
  const { values = graph.outputs, layout = 'NHWC' } = o;
  await useBackend(engine);
  const constants = weightTensors(weights);
  const codes = codeTensors({ graph, weights });
  const turned = layout === 'NCHW';
  const first = (t: tf.Tensor): tf.Tensor => (turned && t.rank === 4 ? tf.transpose(t, [0, 3, 1, 2]) : t);
  const tensorOf = (x: Float32Array, shape: Shape, batch: number): tf.Tensor => {
    if (!turned || !isMap(shape)) return tf.tensor(x, [batch, ...shape]);
    const [h, w, c] = shape;
    return tf.transpose(tf.tensor(x, [batch, c, h, w]), [0, 2, 3, 1]);
  };
  return {
    run: async (inputs, batch) => {
      await useBackend(engine);
      const found = new Map<string, Float32Array>();
      // nothing comes back from the tidy, which would look for tensors in every number of an array
      tf.tidy(() => {
        const batches = graph.nodes.flatMap(({ id, op }) => {
          const x = op.kind === 'input' ? inputs.get(id) : undefined;
          return x && op.kind === 'input' ? [[id, tensorOf(x, op.shape, batch)] as const] : [];
        });
        const run = forward(graph, constants, Object.fromEntries(batches), { values, codes });
        for (const [id, t] of run.values) found.set(id, first(t).dataSync() as Float32Array);
      });
      return found;
    },
    release: async () => {
      tf.dispose(constants);
      disposeCodes(codes);
    },
  };
}
