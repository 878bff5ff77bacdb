/** @file Frozen norms in training: the layers before them compute them too, and what is frozen computes what it does in inference. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type Graph, inputShape, select } from '../../src/graph/index.ts';
import { graph, input } from '../../src/index.ts';
import { forward, weightTensors } from '../../src/read/tfjs/index.ts';
import { shaken } from '../support/nets.ts';
import { useCpu } from '../support/tensors.ts';

const whole = graph(
  'frozen',
  input(6, 6, 3)
    .pipe('stem', (x) => x.conv(4, { kernel: 3, bias: true }).norm().relu())
    .pipe('stage1', (x) => {
      const y = x.depthwise({ kernel: 3 }).norm({ scale: false, offset: false });
      const twice = y.conv(4); // read by a norm and by the sum: keeps its own value
      return twice.norm().add(twice);
    })
    .pipe('stage2', (x) => x.norm().relu().conv(6, { kernel: 3, groups: 2, stride: 2 }).norm({ eps: 0.1 }))
    .pipe('head', (x) => x.globalPool().dense(5).norm().relu().dropout(0.5).dense(3)),
);
const shared: Graph = {
  ...whole,
  nodes: whole.nodes.map((n) => (n.id === 'stage1/norm_2' ? { ...n, weightsOf: 'stem/norm' } : n)),
};

describe('frozen norms', () => {
  before(useCpu);
  const values = (g: Graph, o: { training: boolean; values?: readonly string[] }) => {
    const { weights } = shaken(g);
    const x = tf.tensor(
      Float32Array.from({ length: 2 * 108 }, (_, i) => Math.sin(i)),
      [2, ...inputShape(g)],
    );
    const run = forward(g, weightTensors(weights), x, { ...o, frozen: () => true });
    expect(run.statistics.size).to.equal(0);
    return [...run.values].map(([id, t]) => [id, [...t.dataSync()]] as const);
  };
  const close = (a: ReturnType<typeof values>, b: ReturnType<typeof values>): void => {
    expect(a.map(([id]) => id)).to.deep.equal(b.map(([id]) => id));
    for (const [i, [id, list]] of a.entries())
      for (const [k, v] of list.entries())
        expect(v, `${id} ${k}`).to.be.closeTo(b[i]?.[1][k] ?? Number.NaN, 1e-5);
  };

  it('give what inference gives, with biases, groups, shared statistics and layers that are read twice', () => {
    for (const g of [whole, shared]) close(values(g, { training: true }), values(g, { training: false }));
  });

  it('leave every value as it is where it is asked for', () => {
    const ids = select(whole).ids.filter((id) => id !== 'input');
    close(values(whole, { training: true, values: ids }), values(whole, { training: false, values: ids }));
    for (const id of ids) {
      const one = { values: [id] };
      close(values(whole, { training: true, ...one }), values(whole, { training: false, ...one }));
    }
  });
});
