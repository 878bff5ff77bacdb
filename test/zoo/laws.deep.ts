/** @file Laws 1 and 2, and the engines, for architectures that are others with more blocks or channels of the same kinds. */
import { expectForwardIsPredict, expectLaw1, expectLaw2, numbered } from '../support/laws.ts';
import { enlarged, lighter, small } from '../support/nets.ts';
import { useCpu } from '../support/tensors.ts';

for (const name of enlarged) {
  describe(`${name} as a tf model`, () => {
    before(useCpu);

    it('law 1: has the parameters and the shapes of the graph', () => expectLaw1(small(name)));

    it('law 2: goes back to the graph, with the same bytes', () => expectLaw2(numbered(small(name))));

    it('computes what forward computes', () => expectForwardIsPredict(numbered(lighter(small(name))), 1));
  });
}
