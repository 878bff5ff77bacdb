/** @file Folding keeps what a net computes in inference, and leaves alone what it cannot fold exactly. */
import { expect } from 'chai';
import { type Flow, graph, input } from '../../src/compose/index.ts';
import { foldBranches, foldNorms } from '../../src/edit/fold/norms.ts';
import type { Graph } from '../../src/graph/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { largestDifference, noise, shaken, sizeOf } from '../support/nets.ts';
import { fc } from '../support/property.ts';
import { runForward } from '../support/run.ts';

const outputs = (net: Net): Promise<Float32Array> =>
  runForward(net, noise(2 * sizeOf(inputShape(net.graph)), 'fold'));

async function expectKept(before: Net, after: Net): Promise<void> {
  expect(largestDifference(await outputs(after), await outputs(before)), before.graph.name).to.be.below(1e-4);
}
const count = (g: Graph, kind: string): number => g.nodes.filter((n) => n.op.kind === kind).length;
const small = (build: (x: Flow<'map'>) => Flow<'map'>): Net => shaken(graph('small', build(input(7, 7, 4))));

describe('foldNorms', () => {
  for (const words of [
    'resnet-cifar depth=8',
    'mobilenet-v3-small width=0.25 size=32 classes=10',
    'mobilenet-v4-conv-small width=0.25 size=32 classes=10', // a norm after a dense layer
    'shufflenet-v2 width=0.5 size=32 classes=10', // grouped, and norms before a concat
    'squeezenext size=32 classes=10', // convs that have biases already
  ]) {
    it(`leaves no norm in ${words}`, async () => {
      const net = shaken(compose(words));
      const folded = foldNorms(net);
      expect(count(folded.graph, 'norm')).to.equal(0);
      expect(cost(folded.graph).macs).to.equal(cost(net.graph).macs);
      await expectKept(net, folded);
    });
  }

  it('folds those norms of a pre-activation net that follow a conv', async () => {
    const net = shaken(compose('wrn depth=10'));
    const folded = foldNorms(net);
    expect(count(folded.graph, 'norm')).to.equal(4); // before the first block and after each sum
    await expectKept(net, folded);
  });

  it('keeps the paths of convs, and of norms that are outputs', () => {
    const net = small((x) => x.conv(3).norm().relu().conv(2).norm());
    expect(foldNorms(net).graph.nodes.map((n) => n.id)).to.deep.equal(['input', 'conv', 'act', 'norm_2']);
    expect(foldNorms(net).graph.outputs).to.deep.equal(net.graph.outputs);
  });

  it('gives back the same net when there is nothing to fold', () => {
    const without = [
      small((x) => x.conv(3)),
      small((x) => x.norm().conv(3)),
      small((x) => {
        const y = x.conv(4); // read twice
        return y.norm().add(y);
      }),
      small((x) => {
        const y = x.conv(4); // lends its weights
        return y.norm().add(x.conv(4, { weightsOf: y }));
      }),
      small((x) => {
        const y = x.norm();
        return y.add(x.conv(4).norm({ weightsOf: y }));
      }),
    ];
    for (const net of without) expect(foldNorms(net)).to.equal(net);
  });

  it('keeps the outputs of any graph', async () => {
    const kept = fc.asyncProperty(arbitraryGraph({ steps: 12 }), fc.nat(), async (g, seed) => {
      const net = shaken(g, seed);
      await expectKept(net, foldNorms(net));
    });
    await fc.assert(kept, { numRuns: 20 });
  });
});

describe('foldBranches', () => {
  for (const words of ['mobileone-s0', 'mobileone-s1', 'repvgg-a0']) {
    it(`makes the deployed form of ${words}`, async () => {
      const [train, deploy] = ['train', 'deploy'].map((f) =>
        compose(`${words} form=${f} size=32 classes=10`),
      );
      const net = shaken(train as Graph);
      const folded = foldBranches(net);
      expect(folded.graph.nodes).to.deep.equal(deploy?.nodes);
      await expectKept(net, folded);
    });
  }

  it('makes the deployed form of fastvit, with the scales and changes of sign of its mixers', async () => {
    const words = 'fastvit layerScale=1 size=32 classes=10';
    const net = shaken(compose(words));
    const folded = foldBranches(net);
    // the form for deployment keeps the norms of mlps, as timm's does
    const deploy = foldNorms(shaken(compose(`${words} form=deploy`)));
    expect(folded.graph.nodes).to.deep.equal(deploy.graph.nodes);
    await expectKept(net, folded);
  });

  it('puts scales and changes of sign of branches into the conv', async () => {
    const net = small((x) =>
      x
        .conv(4, { kernel: 3 })
        .act('negate')
        .scale({ initial: 0.5 })
        .add(x.scale({ initial: 3 }), x.norm().act('negate'), x),
    );
    const folded = foldBranches(net);
    expect(folded.graph.nodes.map((n) => n.op.kind)).to.deep.equal(['input', 'conv']);
    await expectKept(net, folded);
  });

  it('puts small kernels into large ones, the identity and norms too', async () => {
    const net = small((x) =>
      x.conv(4, { kernel: 5 }).add(x.conv(4, { kernel: [3, 1] }), x.conv(4, { bias: true }), x, x.norm()),
    );
    const folded = foldBranches(net);
    expect(folded.graph.nodes.map((n) => n.op.kind)).to.deep.equal(['input', 'conv']);
    await expectKept(net, folded);
  });

  it('minds groups, strides, and paddings that are not symmetric', async () => {
    const stride = 2;
    const net = small((x) =>
      x
        .conv(8, { kernel: 3, groups: 2, stride })
        .add(x.conv(8, { groups: 2, stride, padding: 'valid' }).norm())
        .pipe('next', (y) => y.conv(8, { kernel: 3, groups: 4 }).add(y)),
    );
    const folded = foldBranches(net);
    expect(count(folded.graph, 'conv')).to.equal(2);
    await expectKept(net, folded);
  });

  it('leaves sums that are no one conv', async () => {
    const nets = [
      small((x) => x.conv(4, { groups: 2 }).add(x.conv(4))), // other groups
      small((x) => x.conv(4).relu().add(x)), // not linear
      small((x) => x.conv(4).conv(4).add(x)), // not parallel
      small((x) => x.norm().add(x)), // no conv
      small((x) => x.conv(4, { kernel: 3, padding: [2, 0, 0, 2] }).add(x.conv(4, { kernel: 3 }))), // other places
      small((x) => x.conv(4, { kernel: 3, dilation: 2 }).add(x.conv(4, { kernel: 3 }))),
      small((x) => {
        const y = x.conv(4); // read twice
        return y.add(x).concat(y);
      }),
    ];
    for (const net of nets) expect(foldBranches(net)).to.equal(net);
  });

  it('keeps the outputs of any graph', async () => {
    const kept = fc.asyncProperty(
      arbitraryGraph({ steps: 12, only: ['conv', 'norm', 'add', 'residual', 'act'] }),
      fc.nat(),
      async (g, seed) => {
        const net = shaken(g, seed);
        await expectKept(net, foldBranches(net));
      },
    );
    await fc.assert(kept, { numRuns: 20 });
  });
});
