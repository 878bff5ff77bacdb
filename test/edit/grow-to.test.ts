/** @file Growth to a given graph: the function stays, the certificate holds, and what cannot be grown is refused. */
import { expect } from 'chai';
import { Refusal } from '../../src/errors.ts';
import { growTo, init, verifyCertificate } from '../../src/index.ts';
import type { Architecture } from '../../src/compose/index.ts';
import { architectures } from '../../zoo/architectures/index.ts';
import { messageOf } from '../support/errors.ts';
import { largestDifference, shaken } from '../support/nets.ts';
import { runCompiled } from '../support/run.ts';

const small = { size: 16, channels: 1, classes: 4 };
const named = (name: string): Architecture => architectures.get(name) as Architecture;
/** From one set of options to another. */
const pairs: readonly (readonly [string, object, object])[] = [
  ['wrn', { depth: 10, width: 2 }, { depth: 10, width: 4 }],
  ['wrn', { depth: 10, width: 1 }, { depth: 16, width: 1 }],
  ['wrn', { depth: 10, width: 2 }, { depth: 16, width: 3 }],
  ['mobilenet-v1', { width: 0.05 }, { width: 0.1 }],
  ['mobilenet-v2', { width: 0.1, stride: 4 }, { width: 0.2, stride: 4 }],
  ['snn', { bottleneck: 0, units: 8 }, { bottleneck: 0, units: 12 }],
  ['resnet-cifar', { depth: 8 }, { depth: 14 }],
];

describe('growTo', () => {
  for (const [name, from, to] of pairs)
    it(`takes ${name} from ${JSON.stringify(from)} to ${JSON.stringify(to)}`, async () => {
      const net = shaken(named(name)({ ...small, ...from }));
      const target = named(name)({ ...small, ...to });
      const { net: grown, maps, preserves } = growTo(net, target);
      expect(grown.graph).to.equal(target);
      expect(verifyCertificate(net, grown, maps)).to.deep.equal([]);
      expect(preserves).to.equal('both');
      const x = Float32Array.from({ length: 2 * 256 }, (_, i) => Math.sin(i));
      const [before, after] = [await runCompiled(net, x), await runCompiled(grown, x)];
      const scale = before.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
      expect(largestDifference(before, after) / scale).to.be.below(1e-5);
    });

  it('leaves a net whose graph is the wanted one as it is', () => {
    const net = init(named('wrn')({ ...small, depth: 10 }), { seed: 1 });
    const { net: same } = growTo(net, named('wrn')({ ...small, depth: 10 }));
    expect([...same.weights.keys()]).to.deep.equal([...net.weights.keys()]);
  });

  it('refuses smaller nets, other inputs and other architectures, with the first node that differs', () => {
    const net = init(named('wrn')({ ...small, depth: 10, width: 2 }), { seed: 1 });
    const refused = (options: object): string =>
      messageOf(() => growTo(net, named('wrn')({ ...small, ...options })), Refusal);
    expect(refused({ depth: 10, width: 1 })).to.match(/^growTo: wrn .* does not grow to wrn .*: stage1\/0\//);
    expect(refused({ depth: 10, width: 2, size: 8 })).to.match(/: input: growth makes/);
    expect(messageOf(() => growTo(net, named('snn')({ size: 16 })), Refusal)).to.match(
      /does not grow to snn/,
    );
  });
});
