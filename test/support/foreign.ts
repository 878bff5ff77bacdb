/** @file tf models that other hands made, read as nets. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { forward, fromLayers, weightTensors } from '../../src/read/tfjs/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { noise, sizeOf } from './nets.ts';
import { expectClose } from './tensors.ts';

type Symbol = tfl.SymbolicTensor;
/** What a layer makes of values. */
export const on = (layer: tfl.layers.Layer, ...x: Symbol[]): Symbol =>
  layer.apply(x.length > 1 ? x : (x[0] as Symbol)) as Symbol;
/** Numbers by a seed. */
export const normal = (seed: number) => tfl.initializers.randomNormal({ stddev: 0.5, seed });
let count = 0;
/** Initializers that give other numbers each time. */
export const some = () => ({ kernelInitializer: normal(++count), biasInitializer: normal(++count) });

/** The net of a model, which computes on some images what the model predicts. */
export function read(model: tfl.LayersModel): Net {
  const net = fromLayers(model);
  const shape = (model.inputs[0] as Symbol).shape.slice(1) as number[];
  const x = tf.tensor([...noise(3 * sizeOf(shape), 'foreign')], [3, ...shape]);
  const predicted = [model.predict(x)].flat();
  const mine = forward(net.graph, weightTensors(net.weights), x).values;
  net.graph.outputs.forEach((id, i) => {
    expectClose(mine.get(id)?.dataSync() ?? [], (predicted[i] as tf.Tensor).dataSync(), 1e-5, id);
  });
  return net;
}
/** Its kinds of ops, in order. */
export const kindsOf = (net: Net): readonly string[] => net.graph.nodes.map((n) => n.op.kind);
