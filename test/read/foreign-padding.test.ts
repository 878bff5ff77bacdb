/** @file Padding and cropping in tf models that other hands made. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { kindsOf, on, read, some } from '../support/foreign.ts';
import { useCpu } from '../support/tensors.ts';

const { layers: l } = tfl;
type Symbol = tfl.SymbolicTensor;

describe('a foreign tf model', () => {
  before(useCpu);
  let scope: number;
  beforeEach(() => {
    scope = tf.memory().numTensors;
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
    expect(tf.memory().numTensors).to.be.at.least(scope); // models of these tests keep their weights
  });

  it('with zeros around maps: padding of a conv or of a pool of positive values, otherwise a pad', () => {
    const x = tfl.input({ shape: [5, 6, 3], name: 'x' });
    const zeros = (name: string) =>
      l.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 3],
        ],
        name,
      });
    const conv = (padding: 'same' | 'valid') => l.conv2d({ ...some(), filters: 2, kernelSize: 3, padding });
    const pooled = (y: Symbol, poolSize: number) => on(l.maxPooling2d({ poolSize, strides: 2 }), y);
    const cases: readonly (readonly [string, (padded: Symbol) => Symbol, string])[] = [
      ['z1', (y) => on(conv('valid'), y), 'input, conv'],
      ['z2', (y) => on(conv('same'), y), 'input, pad, conv'],
      ['z3', (y) => on(l.reLU({}), y), 'input, pad, act'],
      ['z4', (y) => y, 'input, pad'],
      ['z5', (y) => on(zeros('z6'), y), 'input, pad, pad'],
      ['z10', (y) => pooled(y, 4), 'input, pad, pool'],
      ['z11', (y) => pooled(on(zeros('z12'), on(l.reLU({}), y)), 4), 'input, pad, act, pool'],
      // its corners are zeros alone, which a pool does not count
      ['z13', (y) => pooled(on(zeros('z14'), on(l.reLU({}), y)), 2), 'input, pad, act, pad, pool'],
      [
        'z15',
        (y) =>
          on(
            l.cropping2D({
              cropping: [
                [0, 1],
                [2, 1],
              ],
            }),
            y,
          ),
        'input, pad, pad',
      ],
    ];
    for (const [name, then, kinds] of cases) {
      const net = read(tfl.model({ inputs: x, outputs: then(on(zeros(name), x)) }));
      expect(kindsOf(net).join(', '), name).to.equal(kinds);
    }
    const both = on(zeros('z16'), x);
    const joined = on(
      l.add({}),
      on(conv('valid'), both),
      on(l.maxPooling2d({ poolSize: 3, strides: 1 }), on(conv('same'), both)),
    );
    expect(kindsOf(read(tfl.model({ inputs: x, outputs: joined })))).to.deep.equal([
      'input',
      'pad',
      'conv',
      'conv',
      'pool',
      'add',
    ]);
  });
});
