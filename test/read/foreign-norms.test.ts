/** @file tf.layers models with layer norms and transposed convs: read as our ops, with the same outputs. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { onlyOutput } from '../../src/graph/index.ts';
import { forward, fromLayers, weightTensors } from '../../src/read/tfjs/index.ts';
import { noise } from '../support/nets.ts';
import { expectClose, useCpu } from '../support/tensors.ts';

type Layers = readonly tfl.layers.Layer[];
const { layers } = tfl;

/** What tf predicts, and what we compute of the net that was read; and the kinds of its ops. */
function both(list: Layers, shape: readonly [number, number, number]): string {
  const model = tfl.sequential({
    layers: [layers.inputLayer({ inputShape: [...shape] }), ...list],
  });
  model.setWeights(model.getWeights().map((w, i) => tf.tensor(noise(w.size, 'weights', i), w.shape)));
  const x = tf.tensor(noise(2 * shape[0] * shape[1] * shape[2], 'x'), [2, ...shape]);
  const expected = [model.predict(x)].flat()[0] as tf.Tensor;
  const { graph, weights } = fromLayers(model);
  const got = forward(graph, weightTensors(weights), x).values.get(onlyOutput(graph));
  expect(got?.shape).to.deep.equal(expected.shape);
  expectClose([...(got?.dataSync() ?? [])], [...expected.dataSync()], 1e-5);
  return graph.nodes.map((n) => n.op.kind).join(' ');
}

describe('fromLayers', () => {
  before(useCpu);

  it('reads layer norms, with and without weights', () => {
    for (const [scale, center] of [
      [true, true],
      [false, true],
      [true, false],
      [false, false],
    ] as const)
      expect(both([layers.layerNormalization({ epsilon: 1e-4, scale, center })], [3, 4, 5])).to.equal(
        'input layerNorm',
      );
    expect(() => both([layers.layerNormalization({ axis: 1 })], [3, 4, 5])).to.throw(
      MoonletError,
      'with axis 1',
    );
  });

  it('reads transposed convs in both paddings, also with strides beyond the kernel', () => {
    for (const padding of ['same', 'valid'] as const)
      for (const [kernelSize, strides] of [
        [3, 2],
        [2, 2],
        [1, 2],
        [4, 1],
      ] as const) {
        const layer = layers.conv2dTranspose({
          filters: 4,
          kernelSize,
          strides,
          padding,
          activation: 'relu',
        });
        expect(both([layer], [3, 4, 2])).to.equal('input convTranspose act');
      }
    const bare = layers.conv2dTranspose({ filters: 3, kernelSize: 2, strides: 2, useBias: false });
    expect(both([bare], [2, 3, 4])).to.equal('input convTranspose');
  });
});
