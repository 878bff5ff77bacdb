/**
 * @file Laws 1 and 2 for every architecture at a small size: a new one is tested by standing in the zoo. Those that are
 * others with more of the same follow in laws.deep.ts.
 */
import { cheapen } from '../../src/edit/cheapen.ts';
import type { Graph } from '../../src/graph/index.ts';
import { expectForwardIsPredict, expectLaw1, expectLaw2, numbered } from '../support/laws.ts';
import { distinct, lighter, small } from '../support/nets.ts';
import { useCpu } from '../support/tensors.ts';

const nets: ReadonlyMap<string, () => Graph> = new Map([
  ...distinct.map((name): [string, () => Graph] => [name, () => small(name)]),
  ...['G(4)', 'G(N)', 'BG(2,M/2)'].map((block): [string, () => Graph] => [
    `wrn ${block}`,
    () => cheapen(small('wrn'), block),
  ]),
]);

for (const [name, graph] of nets) {
  describe(`${name} as a tf model`, () => {
    before(useCpu);

    it('law 1: has the parameters and the shapes of the graph', () => expectLaw1(graph()));

    it('law 2: goes back to the graph, with the same bytes', () => expectLaw2(numbered(graph())));

    it('computes what forward computes', () => expectForwardIsPredict(numbered(lighter(graph())), 1));
  });
}
