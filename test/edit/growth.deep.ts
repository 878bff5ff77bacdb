/** @file Law 3 at length: 10,000 random graphs grown at random, several steps each, and the whole zoo. */
import { expect } from 'chai';
import { type Growth, grow, verifyCertificate } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import { channels } from '../../src/graph/index.ts';
import { architectures } from '../../zoo/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { calibrated } from '../support/calibrated.ts';
import {
  compiledOutputs,
  expectPreserved,
  randomGrowth,
  ulpEffect,
  undefinedIfRefused,
} from '../support/growing.ts';
import { largestDifference, shaken, small } from '../support/nets.ts';
import { fc } from '../support/property.ts';

describe('growth at length', () => {
  before(() => useBackend('cpu'));

  it('10,000 random graphs, grown at random one to three times', () => {
    let done = 0;
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1_000_000), fc.integer({ min: 1, max: 3 }), (g, seed, steps) => {
        let net = shaken(g, seed);
        for (let i = 0; i < steps; i++) {
          const grown = randomGrowth(net, seed + i);
          if (!grown) return;
          done++;
          expectPreserved(net, grown);
          net = grown.net;
        }
      }),
      { numRuns: 10_000 },
    );
    expect(done).to.be.above(12_000);
  });

  for (const name of architectures.keys()) {
    it(`${name}: every variable by itself, every stage wider, deeper, both`, async () => {
      const net = await calibrated(small(name, 64));
      const before = await compiledOutputs(net);
      const stages = [...new Set(net.graph.nodes.flatMap((n) => /^stage\d+/.exec(n.id) ?? []))];
      const wide = { widen: Object.fromEntries(stages.map((s) => [s, 'x1.5' as const])) };
      const deep = stages.map((s) => ({ deepen: s, by: 1 }));
      const free = channels(net.graph).variables.filter((v) => !v.frozen);
      const some = free.filter((_, i) => i % Math.ceil(free.length / 8) === 0);
      const tries = [
        [wide],
        deep,
        [...deep, wide],
        ...some.map((v) => [{ widen: { [v.name]: 'x2' as const } }]),
      ];
      for (const [i, steps] of tries.entries()) {
        const grown = undefinedIfRefused((): Growth => grow(net, steps, { seed: i }));
        if (!grown) continue;
        expect(verifyCertificate(net, grown.net, grown.maps)).to.deep.equal([]);
        const far = largestDifference(await compiledOutputs(grown.net), before);
        const bound = far < 1e-5 ? 1e-5 : 2 * (await ulpEffect(net));
        expect(far, JSON.stringify(steps)).to.be.below(bound);
      }
    });
  }
});
