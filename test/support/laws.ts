/** @file Laws 1 and 2 of the tf reading, each one function, for small suites and deep ones. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { type Graph, inputShape, isMap, shapes } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { forward, fromLayers, toLayers, weightTensors } from '../../src/read/tfjs/index.ts';
import { entries, float, type Net, type Weight, type WeightKey } from '../../src/weights/index.ts';
import { indicesIn, noise, sizeOf } from './nets.ts';
import { expectClose, leakless } from './tensors.ts';

/** A net with cheap numbers in every weight, statistics included; values stay of the size of one through many layers. */
export function numbered(graph: Graph, seed = 1): Net {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const weights = new Map<WeightKey, Weight>();
  for (const { key, slot, shape } of entries(graph)) {
    const reach = slot === 'kernel' ? Math.sqrt(6 / sizeOf(shape.slice(0, -1))) : 0.3;
    const center = slot === 'gamma' || slot === 'variance' ? 1 : 0;
    const data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length; i++) data[i] = center + reach * (2 * uniform() - 1);
    weights.set(key, float(shape, data));
  }
  return { graph, weights };
}

const name = (id: string): string => id.replaceAll('/', '.');

/** Law 1: as many trainable weights in tf's model as `cost` counts, and tf's shapes are ours. */
export async function expectLaw1(graph: Graph): Promise<void> {
  await leakless(() => {
    const model = toLayers(numbered(graph));
    const count = (list: readonly tfl.LayerVariable[]): number =>
      list.reduce((n, w) => n + sizeOf(w.shape as number[]), 0);
    const { params, normStats } = cost(graph);
    expect([count(model.trainableWeights), count(model.nonTrainableWeights)], graph.name).to.deep.equal([
      params,
      normStats - indicesIn(graph),
    ]);
    const shared = new Set(graph.nodes.flatMap((n) => n.weightsOf ?? []));
    for (const [id, shape] of shapes(graph)) {
      const node = graph.nodes.find((n) => n.id === id);
      if (shared.has(id) || node?.weightsOf) continue; // a layer of several shapes
      expect(model.getLayer(name(id)).outputShape, id).to.deep.equal([null, ...shape].map((n) => n));
    }
    model.dispose();
  });
}

/** Law 2: the model goes back to the graph, and to the same bytes. */
export async function expectLaw2(net: Net): Promise<void> {
  await leakless(() => {
    const model = toLayers(net);
    expectSame(fromLayers(model), net);
    model.dispose();
  });
}

/** The same graph and the same bytes. */
export function expectSame(got: Net, net: Net): void {
  expect(got.graph).to.deep.equal(net.graph);
  expect([...got.weights.keys()].sort()).to.deep.equal([...net.weights.keys()].sort());
  for (const [key, weight] of net.weights) {
    const other = got.weights.get(key) as Weight;
    expect(other.shape, key).to.deep.equal(weight.shape);
    const bytes = ({ data }: Weight): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    expect(Buffer.compare(bytes(other), bytes(weight)), key).to.equal(0);
  }
}

/** Saved by tf's own means and loaded again, without a disk. */
export async function savedAndLoaded(model: tfl.LayersModel): Promise<tfl.LayersModel> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  if (!saved) throw new Error('nothing was saved');
  const { modelTopology, ...rest } = saved;
  const json = JSON.parse(JSON.stringify(modelTopology)) as object; // as it would lie on a disk
  return tfl.loadLayersModel(tf.io.fromMemory({ ...rest, modelTopology: json }));
}

/** Frees a model that tf loaded: its own `dispose` forgets layers that are called more than once. */
export function disposeLoaded(model: tfl.LayersModel): void {
  const shared = model.layers.filter((l) => l.inboundNodes.length > 1 && l.weights.length);
  model.dispose();
  for (const layer of shared) for (let i = 1; i < layer.inboundNodes.length; i++) layer.dispose();
}

/** `forward` and the model's `predict` agree on some images, on every output. */
export async function expectForwardIsPredict(net: Net, batch = 2): Promise<void> {
  await leakless(() => {
    const model = toLayers(net);
    const shape = inputShape(net.graph);
    const x = tf.tensor([...noise(batch * sizeOf(shape), net.graph.name)], [batch, ...shape]);
    const predicted = [model.predict(x)].flat();
    const weights = weightTensors(net.weights);
    const mine = tf.tidy(() =>
      net.graph.outputs.map((id) => forward(net.graph, weights, x).values.get(id)?.clone() as tf.Tensor),
    );
    net.graph.outputs.forEach((id, i) => {
      const [got, expected] = [mine[i] as tf.Tensor, predicted[i] as tf.Tensor];
      expect(got.shape, id).to.deep.equal(expected.shape);
      expect(got.rank, id).to.equal(isMap(shapes(net.graph).get(id) ?? [0]) ? 4 : 2);
      expectClose(got.dataSync(), expected.dataSync(), 1e-4, `${net.graph.name} ${id}`);
    });
    tf.dispose([x, predicted, mine, Object.values(weights)]);
    model.dispose();
  });
}
