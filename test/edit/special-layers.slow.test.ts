/** @file The special layers in any architecture: shapes stay, costs are what the papers say, the rest is refused. */
import { expect } from 'chai';
import {
  withCollaborative,
  withConcatRelu,
  withExpander,
  withShift,
  withStochasticDepth,
} from '../../src/edit/special-layers.ts';
import { Refusal, UsageError } from '../../src/errors.ts';
import { type Graph, nodeAt, shapes } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { compose } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';
import { noise, shaken, smallZoo } from '../support/nets.ts';
import { runForward } from '../support/run.ts';

const edits: Readonly<Record<string, (graph: Graph) => Graph>> = {
  'stochastic depth': (g) => withStochasticDepth(g, 0.5),
  'collaborative layers': withCollaborative,
  shifts: withShift,
  CReLU: withConcatRelu,
  'expander connections': (g) => withExpander(g, 0.25),
};
const parts = (g: Graph): string[] => [...new Set(g.nodes.map((n) => n.id.split('/')[0] as string))];
const conv = (g: Graph, kind = 'conv'): number =>
  cost(g).layers.reduce((n, l) => n + (l.kind === kind && l.id.startsWith('stage') ? l.params : 0), 0);
/** Three stages of one block, 16, 32 and 64 wide. */
const resnet = compose('resnet-cifar depth=8');

describe('a special layer in any architecture', () => {
  const zoo = smallZoo();
  for (const [what, edit] of Object.entries(edits)) {
    it(`${what}: the stages keep their shapes, or the reason is said`, () => {
      let taken = 0;
      for (const graph of zoo) {
        let edited: Graph;
        try {
          edited = edit(graph);
        } catch (e) {
          expect(e, graph.name).to.be.instanceOf(Refusal);
          expect((e as Error).message).to.match(/^.*: no (conv|relu|residual sum) can /);
          continue;
        }
        taken++;
        const [before, after] = [shapes(graph), shapes(edited)];
        for (const part of parts(graph)) {
          expect(after.get(nodeAt(edited, part).id), `${graph.name} ${part}`).to.deep.equal(
            before.get(nodeAt(graph, part).id),
          );
        }
        expect(edited.outputs).to.deep.equal(graph.outputs);
      }
      expect(taken).to.be.at.least(15);
    });

    it(`${what}: the net runs`, async () => {
      const y = await runForward(shaken(edit(resnet)), noise(2 * 32 * 32 * 3, what));
      expect([...y].every(Number.isFinite)).to.equal(true);
    });
  }
});

describe('withStochasticDepth', () => {
  it('grows linearly, on bodies and not on shortcuts, and keeps the inference', async () => {
    const deep = withStochasticDepth(compose('resnet-cifar depth=14'), 0.6);
    const drops = deep.nodes.flatMap(({ op, inputs }) =>
      op.kind === 'dropPath' ? [[inputs[0], op.rate]] : [],
    );
    expect(drops.map(([body]) => (body as string).replace(/\d/g, ''))).to.deep.equal(
      Array.from({ length: 6 }, () => 'stage//second/norm'),
    );
    expect(drops.map(([, rate]) => Math.round(10 * (rate as number)))).to.deep.equal([1, 2, 3, 4, 5, 6]);
    const x = noise(2 * 32 * 32 * 3, 'depth');
    const before = shaken(compose('resnet-cifar depth=14'));
    expect(await runForward({ ...before, graph: deep }, x)).to.deep.equal(await runForward(before, x));
  });

  it('is refused where nothing is residual', () => {
    expect(messageOf(() => withStochasticDepth(compose('nin'), 0.5), Refusal)).to.equal(
      'nin: no residual sum can get stochastic depth',
    );
  });
});

describe('withCollaborative', () => {
  it('adds a 1x1 conv with norm to each 3x3 conv', () => {
    const pointwise = 16 * 16 * 2 + 16 * 32 + 32 * 32 + 32 * 64 + 64 * 64;
    expect(conv(withCollaborative(resnet)) - conv(resnet)).to.equal(pointwise);
  });
});

describe('withShift', () => {
  it('leaves 1x1 convs in place of 3x3', () => {
    const windows = 9 * (16 * 16 * 2 + 16 * 32 + 32 * 32 + 32 * 64 + 64 * 64);
    expect(conv(resnet) - conv(withShift(resnet))).to.equal((windows * 8) / 9);
  });

  it('leaves convs that have too few channels to shift', () => {
    const thin = compose('wrn depth=10 channels=1');
    const kernels = withShift(thin).nodes.flatMap(({ id, op }) =>
      op.kind === 'conv' ? [[id, op.kernel[0]]] : [],
    );
    expect(kernels[0]).to.deep.equal(['stem/conv', 3]);
  });
});

describe('withConcatRelu', () => {
  it('halves the filters before each relu that follows a conv alone', () => {
    const halved = withConcatRelu(resnet);
    const first = (g: Graph): unknown => nodeAt(g, 'stage1/0/first/conv').op;
    expect([first(resnet), first(halved)]).to.deep.include({ ...(first(resnet) as object), out: 8 });
    expect(conv(resnet) - conv(halved)).to.equal((9 * (16 * 16 + 16 * 32 + 32 * 64)) / 2);
  });
});

describe('withExpander', () => {
  it('leaves the share of weights', () => {
    const full = conv(resnet);
    expect(conv(withExpander(resnet, 0.25)) / full).to.be.closeTo(0.25, 0.02);
    expect(conv(withExpander(resnet, 0.5)) / full).to.be.closeTo(0.5, 0.02);
    expect(withExpander(resnet, 0.25)).to.deep.equal(withExpander(resnet, 0.25));
    expect(withExpander(resnet, 0.25, 2)).to.not.deep.equal(withExpander(resnet, 0.25));
  });

  it('refuses a share that is none', () => {
    expect(messageOf(() => withExpander(resnet, 1), UsageError)).to.equal(
      'withExpander: the share of inputs must be a share above 0 and below 1, got 1',
    );
  });
});
