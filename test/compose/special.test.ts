/** @file Layers that papers add to a net: what they cost, and what they compute. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  type Block,
  collaborative,
  concatRelu,
  convNorm,
  expander,
  fire,
  ghost,
  graph,
  input,
  interleaved,
  maxoutConv,
  maxPoolCeil,
  reparameterized,
  stochasticDepth,
} from '../../src/compose/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { forward, type WeightTensors, weightTensors } from '../../src/read/tfjs/index.ts';
import { messageOf } from '../support/errors.ts';
import { shaken } from '../support/nets.ts';
import { expectClose, useCpu } from '../support/tensors.ts';

const built = (block: Block, size = 6, channels = 8): Graph => graph('g', block(input(size, size, channels)));
/** Kernel weights alone. */
const weights = (g: Graph): number =>
  cost(g).layers.reduce((n, l) => n + (l.kind === 'conv' ? l.params : 0), 0);
const run = (g: Graph, x: tf.Tensor): Float32Array => {
  const { values } = forward(g, weightTensors(shaken(g).weights) as WeightTensors, x);
  return (values.get(g.outputs[0] as string) as tf.Tensor).dataSync() as Float32Array;
};

describe('special layers', () => {
  before(useCpu);

  it('concatRelu keeps both phases', () => {
    const x = tf.tensor4d([1, -2, 0, 3], [1, 1, 1, 4]);
    expect([...run(built(concatRelu(), 1, 4), x)].map((v) => v + 0)).to.deep.equal([1, 0, 0, 3, 0, 2, 0, 0]);
  });

  it('fire has c s + 10 s e weights and 2 e channels', () => {
    const [c, s, e] = [8, 3, 8];
    const plain = built(fire(s, e));
    expect(weights(plain)).to.equal(c * s + s * e + 9 * s * e + s + 2 * e); // with biases
    expect(cost(plain).layers.at(-1)?.shape).to.deep.equal([6, 6, 2 * e]);
    const normed = built(fire(s, e, { norm: true }));
    expect(weights(normed)).to.equal(c * s + s * e + 9 * s * e);
    expect(normed.nodes.filter(({ op }) => op.kind === 'norm')).to.have.length(3);
  });

  it('ghost has c m + d d m (s - 1) weights, m = n / s (equation 4), and any number of channels', () => {
    const [c, n, d] = [8, 12, 5];
    for (const ratio of [2, 3, 4]) {
      const m = n / ratio;
      expect(weights(built(ghost(n, { ratio, cheapKernel: d })))).to.equal(c * m + d * d * m * (ratio - 1));
    }
    expect(cost(built(ghost(11, { ratio: 3 }))).layers.at(-1)?.shape).to.deep.equal([6, 6, 11]);
  });

  it('ghost refuses a ratio below 2', () => {
    expect(messageOf(() => built(ghost(8, { ratio: 1 })))).to.equal(
      'ghost(8): ratio must be a whole number of 2 or more, got 1',
    );
  });

  it('collaborative gates a body by a cheap branch, and costs its 1x1 conv', () => {
    const g = built(collaborative(convNorm(16, { kernel: 3, stride: 2 }), { stride: 2 }));
    expect(weights(g)).to.equal(9 * 8 * 16 + 8 * 16);
    const { id } = g.nodes.find((n) => n.id === 'cheap/act') as { id: string };
    const x = tf.randomNormal([1, 6, 6, 8], 0, 1, 'float32', 1);
    const { values } = forward(g, weightTensors(shaken(g).weights) as WeightTensors, x, {
      values: [id, 'norm', 'mul'],
    });
    const [gate, body, out] = [id, 'norm', 'mul'].map((k) => (values.get(k) as tf.Tensor).dataSync());
    expectClose(
      out as Float32Array,
      (gate as Float32Array).map((v, i) => v * (body?.[i] as number)),
    );
    expect([...(gate as Float32Array)].filter((v) => v === 0)).to.not.have.length(0);
  });

  it('expander reads fanIn random inputs an output, always the same', () => {
    for (const [channels, out, fanIn] of [
      [8, 8, 3],
      [8, 16, 2],
      [16, 8, 4],
      [12, 8, 6],
    ] as const) {
      const g = built(expander(out, fanIn), 6, channels);
      expect(weights(g)).to.equal(9 * fanIn * out);
      expect(cost(g).macs).to.equal(9 * fanIn * out * 36);
      // which inputs reach an output: a pulse in each input channel in turn
      const pulses = tf.tidy(() =>
        tf.reshape(tf.tile(tf.reshape(tf.eye(channels), [channels, 1, 1, channels]), [1, 6, 6, 1]), [
          channels,
          6,
          6,
          channels,
        ]),
      );
      const y = run(g, pulses);
      const reached = Array.from({ length: out }, (_, o) =>
        Array.from({ length: channels }, (_, i) => i).filter((i) => y[i * 36 * out + 14 * out + o] !== 0),
      );
      for (const from of reached) expect(from.length).to.be.within(1, fanIn);
      expect(Math.max(...reached.map((r) => r.length))).to.equal(fanIn);
    }
    expect(built(expander(8, 3))).to.deep.equal(built(expander(8, 3)));
    expect(built(expander(8, 3, { seed: 2 }))).to.not.deep.equal(built(expander(8, 3)));
  });

  it('expander refuses a fan-in that does not divide', () => {
    expect(messageOf(() => built(expander(8, 9)))).to.equal(
      'expander(8 -> 8): fanIn must be a multiple of 1 up to 8, got 9',
    );
    expect(messageOf(() => built(expander(4, 3)))).to.equal(
      'expander(8 -> 4): fanIn must be a multiple of 2 up to 8, got 3',
    );
  });

  it('interleaved has k k C M + C L weights, and mixes all channels', () => {
    const g = built(interleaved(8, 4));
    expect(weights(g)).to.equal(9 * 8 * 2 + 8 * 4);
    const convs = g.nodes.flatMap(({ op }) => (op.kind === 'conv' ? [op.groups] : []));
    expect(convs).to.deep.equal([4, 2]);
    const x = tf.randomNormal([1, 6, 6, 8], 0, 1, 'float32', 1);
    const changed = tf.tidy(() => tf.add(x, tf.oneHot(tf.tensor1d([0], 'int32'), 8)));
    const [a, b] = [run(g, x), run(g, changed)];
    // every output channel reads channel 0: none is the same everywhere
    for (let c = 0; c < 8; c++) {
      expect([...a].some((v, i) => i % 8 === c && v !== b[i])).to.equal(true);
    }
  });

  it('maxoutConv keeps the largest of its pieces', () => {
    const g = built(maxoutConv(4, { pieces: 3, norm: {} }));
    expect(weights(g)).to.equal(9 * 8 * 12);
    expect(cost(g).layers.at(-1)?.shape).to.deep.equal([6, 6, 4]);
    expect(g.nodes.map((n) => n.op.kind)).to.deep.equal(['input', 'conv', 'norm', 'maxout']);
  });

  it('maxPoolCeil rounds sizes up', () => {
    for (const [size, out] of [
      [3, 1],
      [4, 2],
      [7, 3],
      [8, 4],
    ] as const) {
      expect(cost(built(maxPoolCeil(3, 2), size)).layers.at(-1)?.shape).to.deep.equal([out, out, 8]);
    }
    const x = tf.tensor4d(
      [-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15, -16],
      [1, 4, 4, 1],
    );
    expect([...run(built(maxPoolCeil(3, 2), 4, 1), x)]).to.deep.equal([-1, -3, -9, -11]);
  });

  it('reparameterized has branches in training and one conv deployed', () => {
    const o = { kernel: 3, branches: 2 } as const;
    expect(weights(built(reparameterized(8, { ...o, form: 'train' })))).to.equal(2 * 9 * 64 + 64);
    expect(weights(built(reparameterized(8, { ...o, form: 'deploy' })))).to.equal(9 * 64 + 8);
    const norms = (block: Block): number => built(block).nodes.filter((n) => n.op.kind === 'norm').length;
    expect(norms(reparameterized(8, { ...o, form: 'train' }))).to.equal(4); // two convs, the point, the identity
    expect(norms(reparameterized(4, { ...o, form: 'train' }))).to.equal(3);
    expect(norms(reparameterized(8, { ...o, stride: 2, form: 'train' }))).to.equal(3);
  });

  it('stochasticDepth grows linearly to its last rate', () => {
    expect([0, 1, 2, 3].map((i) => stochasticDepth(0.4, i, 4))).to.deep.equal([
      0.1, 0.2, 0.30000000000000004, 0.4,
    ]);
  });
});
