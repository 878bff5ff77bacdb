/** @file tf models that other hands made: what we cannot mirror is refused by the name of the layer. */
import * as tfl from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { fromLayers } from '../../src/read/tfjs/index.ts';
import { messageOf } from '../support/errors.ts';
import { useCpu } from '../support/tensors.ts';

const { layers: l } = tfl;
type Symbol = tfl.SymbolicTensor;
const on = (layer: tfl.layers.Layer, ...x: Symbol[]): Symbol =>
  layer.apply(x.length > 1 ? x : (x[0] as Symbol)) as Symbol;
describe('a foreign tf model is refused by the name of the layer', () => {
  before(useCpu);
  const map = (): Symbol => tfl.input({ shape: [4, 4, 2], name: 'x' });
  const refused = (x: Symbol, ...ys: Symbol[]): string =>
    messageOf(() => fromLayers(tfl.model({ inputs: x, outputs: ys })), MoonletError);
  const cases: readonly (readonly [title: string, layer: () => tfl.layers.Layer, message: string])[] = [
    [
      'a dense layer over a map',
      () => l.dense({ units: 2, name: 'd' }),
      'd: Dense over a map has no counterpart; use a 1x1 conv',
    ],
    [
      'an activation of another definition',
      () => l.activation({ activation: 'hardSigmoid', name: 'h' }),
      'h: Activation with activation "hardSigmoid" has no counterpart',
    ],
    [
      'an activation that we lack',
      () => l.conv2d({ filters: 1, kernelSize: 1, activation: 'softplus', name: 'c' }),
      'c: Conv2D with activation "softplus" has no counterpart',
    ],
    [
      'channels that come first',
      () => l.maxPooling2d({ poolSize: 1, dataFormat: 'channelsFirst', name: 'p' }),
      'p: MaxPooling2D with dataFormat "channelsFirst" has no counterpart; expected none or channelsLast',
    ],
    [
      'channels that come first, flattened',
      () => l.flatten({ dataFormat: 'channelsFirst', name: 'f' }),
      'f: Flatten with dataFormat "channelsFirst" has no counterpart; expected none or channelsLast',
    ],
    [
      'a dilated depthwise conv',
      () => l.depthwiseConv2d({ kernelSize: 2, dilationRate: 2, name: 'd' }),
      'd: DepthwiseConv2D with dilationRate [2, 2] has no counterpart; tf.layers itself computes it undilated',
    ],
    [
      'a relu with another end',
      () => l.reLU({ maxValue: 1, name: 'r' }),
      'r: ReLU with maxValue 1 has no counterpart; expected none or 6',
    ],
    [
      'a softmax over rows',
      () => l.softmax({ axis: 1, name: 's' }),
      's: Softmax with axis 1 has no counterpart; expected none or -1 or 3',
    ],
    [
      'a norm over rows',
      () => l.batchNormalization({ axis: 1, name: 'n' }),
      'n: BatchNormalization with axis 1 has no counterpart; expected -1 or 3',
    ],
  ];
  for (const [title, layer, message] of cases) {
    it(title, () => {
      const x = map();
      expect(refused(x, on(layer(), x))).to.equal(message);
    });
  }

  it('a layer that we do not know, with those that we know', () => {
    const x = map();
    expect(refused(x, on(l.leakyReLU({ name: 'leaky' }), x))).to.match(
      /^leaky: LeakyReLU has no counterpart; known: InputLayer, ZeroPadding2D, /,
    );
  });

  it('a map made of a vector, and what a map of one place cannot be', () => {
    const x = map();
    const vector = on(l.flatten(), x);
    expect(refused(x, on(l.reshape({ targetShape: [2, 2, 8], name: 'r' }), vector))).to.equal(
      'r: Reshape of [32] to [2, 2, 8] has no counterpart; only to a vector',
    );
    const place = on(l.reshape({ targetShape: [1, 1, 32] }), vector);
    const wide = l.conv2d({ filters: 2, kernelSize: 3, padding: 'same', name: 'c' });
    expect(refused(x, on(wide, place))).to.equal(
      'c: Conv2D over a map of one place has no counterpart but with a 1x1 kernel',
    );
    expect(refused(x, on(l.zeroPadding2d({ padding: 1, name: 'z' }), place))).to.equal(
      'z: ZeroPadding2D over a map of one place has no counterpart',
    );
    const deep = l.depthwiseConv2d({ kernelSize: 1, name: 'd' });
    expect(refused(x, on(deep, place))).to.equal(
      'd: DepthwiseConv2D over a map of one place has no counterpart; flatten it',
    );
  });

  it('concatenation along rows', () => {
    const x = map();
    expect(refused(x, on(l.concatenate({ axis: 1, name: 'cat' }), x, x))).to.equal(
      'cat: Concatenate with axis 1 has no counterpart; expected -1 or 3',
    );
  });

  it('inputs of unknown size or of another rank', () => {
    const open = tfl.input({ shape: [null, null, 3], name: 'open' });
    expect(refused(open, on(l.reLU({}), open))).to.equal(
      'open: an input must be [h, w, c] or [c] with sizes known, got [, , 3]',
    );
    const rows = tfl.input({ shape: [4, 3], name: 'rows' });
    expect(refused(rows, on(l.reLU({}), rows))).to.equal(
      'rows: an input must be [h, w, c] or [c] with sizes known, got [4, 3]',
    );
  });
});
