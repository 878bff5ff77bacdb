/** @file A net made ready for inference: its weights are constants of one compiled function. */
import { MoonletError } from '../errors.ts';
import { printShape, type Shape, shapes } from '../graph/index.ts';
import type { Arrays } from '../jit/index.ts';
import { inputShape } from '../read/ends.ts';
import { forward, type WeightTensors, weightTensors } from '../read/tfjs/index.ts';
import type { Net } from '../weights/index.ts';
import { type EngineOptions, prepare } from './engine.ts';

export interface CompileOptions extends EngineOptions {
  /** Examples in a batch; 1 unless told. */
  readonly batch?: number;
  /** Ids whose values are wanted; the graph's outputs unless told. */
  readonly values?: readonly string[];
}
export interface Compiled {
  readonly batch: number;
  /** The shape of each value for one example. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Run one batch, [batch, ...input] as one flat array; the values come flat, by node id. */
  run(x: Float32Array): Promise<ReadonlyMap<string, Float32Array>>;
  release(): Promise<void>;
}

/** @throws MoonletError when a value is no node of the graph. */
export async function compile(
  net: Net,
  { batch = 1, values, ...engine }: CompileOptions = {},
): Promise<Compiled> {
  const { graph } = net;
  const wanted = values ?? graph.outputs;
  const known = shapes(graph);
  const shapeOf = (id: string): Shape => {
    const shape = known.get(id);
    if (!shape) throw new MoonletError(`${graph.name}: no node "${id}" whose value could be had`);
    return shape;
  };
  const outShapes = new Map(wanted.map((id) => [id, shapeOf(id)]));
  const x = { shape: [batch, ...inputShape(graph)] };
  const ready = await prepare(
    (_, inputs) => {
      const { values: found } = forward(
        graph,
        weightTensors(net.weights) as WeightTensors,
        inputs['x'] as never,
        { values: wanted },
      );
      return { state: {}, outputs: Object.fromEntries(found) };
    },
    { state: {}, inputs: { x } },
    engine,
  );
  const length = x.shape.reduce((n, d) => n * d, 1);
  return {
    batch,
    shapes: outShapes,
    release: () => ready.release(),
    run: async (data) => {
      if (data.length !== length) {
        throw new MoonletError(
          `${graph.name}: expects a batch of ${printShape(x.shape)} = ${length} values, got ${data.length}`,
        );
      }
      const { outputs } = await ready.run({}, { x: data });
      return new Map(Object.entries(outputs as Arrays) as [string, Float32Array][]);
    },
  };
}
