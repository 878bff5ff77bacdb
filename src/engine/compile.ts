/** @file Compiles a net for inference: to an ONNX model on onnxruntime, or to eager ops of a tf backend. */
import * as tf from '@tensorflow/tfjs-core';
import type { InferenceSession } from 'onnxruntime-common';
import { MoonletError, UsageError } from '../errors.ts';
import { ancestors, type Graph, isMap, type Shape, shapes, sizeOf } from '../graph/index.ts';
import { blockOf, loadRuntime, needsSafeConvs, sessionOptions } from '../jit/runtime.ts';
import { encodeModel, withSafeConvs } from '../onnx/index.ts';
import { toOnnx } from '../read/onnx.ts';
import { codeTensors, disposeCodes, forward, weightTensors } from '../read/tfjs/index.ts';
import type { Net } from '../weights/index.ts';
import { inferenceEngine } from './default-engine.ts';
import { type EagerEngine, type EngineOptions, useBackend } from './engine.ts';
import { batchSizes, floatsOf } from './tensors.ts';

export interface CompileOptions extends EngineOptions {
  /** Ids of the nodes whose values are wanted; by default the graph's outputs. */
  readonly values?: readonly string[];
  /** The layout of the input and of values that are maps; by default NHWC. */
  readonly layout?: 'NHWC' | 'NCHW';
}
/** Values of a batch, flat, by node id. */
export type Values = ReadonlyMap<string, Float32Array>;
/** A batch for a net of one input, [batch, ...input] as one flat array; or a batch for each input, by node id. */
export type Batch = Float32Array | Values;
export interface Compiled {
  /** The shape of each value for one example, [h, w, c] or [c]. With the layout NCHW the numbers of a map lie as [c, h, w]. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Runs any number of examples as one batch. */
  run(x: Batch): Promise<Values>;
  /** Runs many examples in batches (by default of 64), and joins the values. */
  runMany(x: Batch, batch?: number): Promise<Values>;
  /** Frees the session or the weights; nothing can be run after that. */
  release(): Promise<void>;
}

type Run = (inputs: Values, batch: number) => Promise<Values>;

/**
 * Makes a net ready for inference on an engine. The weights become constants of what is made: after a change of the net, compile
 * again. Call `release` when done.
 *
 * `run` takes examples one after another, each `[h, w, c]` or `[c]` in row-major order (`[c, h, w]` with the layout NCHW), and gives
 * the values by node id, in the same layout.
 *
 * Without the option `engine` it runs on onnxruntime; where onnxruntime-node is not installed, on WebAssembly, with a warning.
 *
 * @example
 * ```ts
 * import { init } from 'moonlet';
 * import { mobilenetV2 } from 'moonlet/architectures';
 * import { compile } from 'moonlet/engine';
 *
 * const net = init(mobilenetV2({ width: 0.35, classes: 10, size: 64 }), { seed: 1 });
 * const compiled = await compile(net);
 * const values = await compiled.run(new Float32Array(2 * 64 * 64 * 3)); // two images
 * console.log([...values.values()].map((logits) => logits.length)); // [ 20 ]
 * await compiled.release();
 * ```
 *
 * @throws MoonletError when no value is asked for, a value is no node of the graph, or the engine is not there.
 */
export async function compile(net: Net, o: CompileOptions = {}): Promise<Compiled> {
  const { graph } = net;
  const { values = graph.outputs } = o;
  const engine = await inferenceEngine(o);
  const known = shapes(graph);
  const outShapes = shapesOf(graph, known, values);
  const needed = ancestors(graph, values);
  const inputShapes = new Map(
    graph.nodes.flatMap(({ id, op }) =>
      op.kind === 'input' && needed.has(id) ? [[id, op.shape] as const] : [],
    ),
  );
  const ready = engine === 'onnxruntime' ? await native(net, o) : await eager(net, o, engine);
  return {
    shapes: outShapes,
    run: async (x) => {
      const inputs = byInput(graph, inputShapes, x);
      return ready.run(inputs, examplesOf(graph, inputShapes, inputs));
    },
    release: ready.release,
    runMany: async (x, batch = 64) => {
      if (!Number.isSafeInteger(batch) || batch < 1)
        throw new UsageError(`batch must be a whole number from 1 up, got ${batch}`);
      const inputs = byInput(graph, inputShapes, x);
      const count = examplesOf(graph, inputShapes, inputs);
      const parts: Values[] = [];
      for (let from = 0; from < count; from += batch) {
        const part = [...inputShapes].map(([id, shape]) => {
          const length = sizeOf(shape);
          return [id, arrayOf(inputs, id).subarray(from * length, (from + batch) * length)] as const;
        });
        parts.push(await ready.run(new Map(part), Math.min(batch, count - from)));
      }
      return new Map([...outShapes.keys()].map((id) => [id, joined(parts.map((part) => arrayOf(part, id)))]));
    },
  };
}

/** The shape of one example of each value. */
function shapesOf(
  graph: Graph,
  known: ReadonlyMap<string, Shape>,
  values: readonly string[],
): ReadonlyMap<string, Shape> {
  if (!values.length)
    throw new MoonletError(
      `${graph.name}: compile got no values; name one node or more, or leave values out for the outputs`,
    );
  return new Map(
    values.map((id) => {
      const shape = known.get(id);
      if (!shape) throw new MoonletError(`${graph.name}: no node "${id}" whose value could be had`);
      return [id, shape];
    }),
  );
}

/** How many examples the arrays hold: whole ones, and as many for each input. */
function examplesOf(graph: Graph, shapesByInput: ReadonlyMap<string, Shape>, inputs: Values): number {
  const counts = [...shapesByInput].map(([id, shape]) => {
    const length = sizeOf(shape);
    const batch = (inputs.get(id)?.length ?? 0) / length;
    if (Number.isInteger(batch) && batch > 0) return batch;
    throw new MoonletError(
      `${graph.name}: expects whole examples of ${shape.join(' x ')} = ${length} values${shapesByInput.size > 1 ? ` for "${id}"` : ''}, got ${inputs.get(id)?.length ?? 'none'}`,
    );
  });
  const [first = 0] = counts;
  if (counts.every((count) => count === first)) return first;
  throw new MoonletError(
    `${graph.name}: expects as many examples for each input, got ${counts.join(' and ')}`,
  );
}

/** A batch by the ids of the inputs. */
function byInput(graph: Graph, shapesByInput: ReadonlyMap<string, Shape>, x: Batch): Values {
  if (!(x instanceof Float32Array)) return x;
  const [id, ...others] = shapesByInput.keys();
  if (id !== undefined && !others.length) return new Map([[id, x]]);
  throw new MoonletError(
    `${graph.name}: has ${shapesByInput.size} inputs; give a map with a batch for each, by its id`,
  );
}

function arrayOf(values: Values, id: string): Float32Array {
  const array = values.get(id);
  if (!array) throw new Error(`internal: no values of "${id}"`);
  return array;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const values = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let offset = 0;
  for (const part of parts) {
    values.set(part, offset);
    offset += part.length;
  }
  return values;
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
  const joinGroups = (await blockOf(ort)) === undefined ? 16 : 32;
  const written = toOnnx(net, { layout, joinGroups, ...(values ? { values } : {}) });
  const model = (await needsSafeConvs(ort)) ? withSafeConvs(written) : written;
  const session: InferenceSession = await ort.InferenceSession.create(
    encodeModel(model),
    sessionOptions(threads),
  );
  const ids = [...new Set(values ?? net.graph.outputs)];
  return {
    run: async (inputs, batch) => {
      const feeds = model.inputs.map(({ name, shape }) => {
        const x = arrayOf(inputs, name);
        return [name, new ort.Tensor('float32', x, batchSizes(shape, batch))] as const;
      });
      const results = await session.run(Object.fromEntries(feeds));
      return new Map(ids.map((id, i) => [id, floatsOf(results[model.outputs[i]?.name ?? ''])]));
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
      const results = new Map<string, Float32Array>();
      // returns nothing, since tf.tidy would search a returned array for tensors, number by number
      tf.tidy(() => {
        const batches = graph.nodes.flatMap(({ id, op }) => {
          const x = op.kind === 'input' ? inputs.get(id) : undefined;
          return x && op.kind === 'input' ? [[id, tensorOf(x, op.shape, batch)] as const] : [];
        });
        const run = forward(graph, constants, Object.fromEntries(batches), { values, codes });
        for (const [id, t] of run.values) results.set(id, first(t).dataSync<'float32'>());
      });
      return results;
    },
    release: async () => {
      tf.dispose(constants);
      disposeCodes(codes);
    },
  };
}
