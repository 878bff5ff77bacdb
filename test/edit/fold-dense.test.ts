/** @file A linear bottleneck and the layer that it becomes compute the same. */
import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import { foldBottlenecks } from '../../src/edit/index.ts';
import { cost } from '../../src/read/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { largestDifference, noise, shaken } from '../support/nets.ts';
import { runForward } from '../support/run.ts';

async function expectKept(before: Net, after: Net, size: number): Promise<void> {
  const x = noise(3 * size, 'bottleneck');
  expect(largestDifference(await runForward(after, x), await runForward(before, x))).to.be.below(1e-5);
}

describe('foldBottlenecks', () => {
  it('leaves the shallow net without its bottleneck: H D weights for k (H + D), and the same function', async () => {
    const net = shaken(compose('snn units=50 bottleneck=12 size=8'));
    const folded = foldBottlenecks(net);
    expect(folded.graph.nodes.map((n) => n.op.kind)).to.deep.equal([
      'input',
      'flatten',
      'dense',
      'act',
      'dense',
    ]);
    expect(cost(net.graph).params - cost(folded.graph).params).to.equal(12 * (50 + 64) - 50 * 64);
    await expectKept(net, folded, 64);
  });

  it('carries biases through, and folds a whole chain', async () => {
    const net = shaken(graph('chain', input(5).dense(7).dense(3, { bias: false }).dense(4)));
    const folded = foldBottlenecks(net);
    expect(folded.graph.nodes).to.have.length(2);
    await expectKept(net, folded, 5);
  });

  it('does not fold what something else reads, nor over an activation', () => {
    const net = shaken(compose('snn units=50 bottleneck=0 size=8'));
    expect(foldBottlenecks(net)).to.equal(net);
    const inner = input(5).dense(3);
    const two = shaken(graph('two', inner, inner.dense(4))); // the bottleneck is an output
    expect(foldBottlenecks(two)).to.equal(two);
  });
});
