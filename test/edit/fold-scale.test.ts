/** @file Scales and norms fold into transposed convs and convs, without a bias that was not there. */
import { expect } from 'chai';
import { foldNorms } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { graph, input } from '../../src/index.ts';
import { compose } from '../../zoo/architectures/index.ts';
import { expectSame } from '../support/growing.ts';
import { shaken } from '../support/nets.ts';

describe('foldNorms', () => {
  before(() => useBackend('cpu'));

  it('folds a scale into the conv before it', () => {
    const net = shaken(graph('scaled', input(5, 4, 3).conv(4).scale().globalPool().dense(3).scale()));
    const folded = foldNorms(net);
    expect(folded.graph.nodes.map((n) => n.op.kind)).to.deep.equal(['input', 'conv', 'globalPool', 'dense']);
    expect(folded.weights.has('conv:bias')).to.equal(false);
    expectSame(net, folded);
  });

  it('folds a norm into the transposed conv before it', () => {
    const up = input(3, 4, 4).convTranspose(6, { kernel: 3, stride: 2, groups: 2 });
    const net = shaken(graph('up', up.norm().relu().globalPool().dense(3)));
    const folded = foldNorms(net);
    expect(folded.graph.nodes.map((n) => n.op.kind)).to.not.include('norm');
    expectSame(net, folded);
  });

  it('leaves ConvNeXt no scale', () => {
    const net = shaken(compose('convnext layerScale=1 width=0.1 size=32 classes=3'));
    const folded = foldNorms(net);
    expect(folded.graph.nodes.map((n) => n.op.kind)).to.not.include('scale');
    expectSame(net, folded);
  });
});
