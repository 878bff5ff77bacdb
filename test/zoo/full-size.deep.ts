/** @file Laws 1 and 2 at full size: the architectures as their papers have them. */
import { compose } from '../../zoo/index.ts';
import { expectForwardIsPredict, expectLaw1, expectLaw2, numbered } from '../support/laws.ts';
import { useCpu } from '../support/tensors.ts';

const nets = [
  'wrn depth=40 width=2',
  'wrn depth=28 width=10 classes=100',
  'resnet-cifar depth=110 classes=100',
  'resnet-18',
  'resnet-34',
  'resnet-50',
  'mobilenet-v1',
  'mobilenet-v2',
];

for (const name of nets) {
  describe(`${name} at full size`, () => {
    before(useCpu);

    it('law 1: has the parameters and the shapes of the graph', () => expectLaw1(compose(name)));

    it('law 2: goes back to the graph, with the same bytes', () => expectLaw2(numbered(compose(name))));

    it('computes what forward computes', () => expectForwardIsPredict(numbered(compose(name)), 1));
  });
}
