/** @file Any input shape: images that are not square, odd sizes, and 1, 4 or 6 channels, for every architecture that admits them. */
import { expect } from 'chai';
import { compile } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors.ts';
import { inputShape, onlyOutput } from '../../src/graph/index.ts';
import { cost } from '../../src/read/index.ts';
import { init } from '../../src/weights/index.ts';
import { architectures, compose } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';
import { largestDifference, sizeOf } from '../support/nets.ts';
import { referenceImages } from '../support/reference-fill.ts';
import { runForward } from '../support/run.ts';

const window =
  /: the input of size [\dx]+ does not fit: .*the \dx\d window does not fit; use a larger input, a smaller kernel or 'same' padding$/;
const least = /: size must be at least \d\d(, which the patches halve to 1)?, got [\dx]+$/;
/** Nets whose last windows, without padding, do not fit into the ten columns of 49 x 10. */
const refused: ReadonlyMap<string, RegExp> = new Map([
  ...['condensenet', 'convnext', 'convnext-v2', 'densenet', 'densenet-121', 'edgenext', 'inception-next'].map(
    (name) => [name, window] as const,
  ),
  ['fasternet-t0', least],
  ['lenet-5', least],
]);
/** Nets whose dense layers read the pixels themselves. */
const flat = ['lenet-5', 'snn', 'autoencoder'];
/** Nets that learn a bias for each distance in their maps. */
const biased = ['levit', 'efficientformer', 'efficientformer-v2'];

describe('any input shape:', () => {
  for (const name of architectures.keys()) {
    it(name, () => {
      const narrow = refused.get(name);
      if (narrow) expect(messageOf(() => compose(`${name} size=49x10`), UsageError)).to.match(narrow);
      const [height, width] = narrow ? [33, 47] : [49, 10];
      const counts = (words: string) => cost(compose(`${name} ${words}`));
      const graph = compose(`${name} size=${height}x${width} channels=4`);
      expect(inputShape(graph)).to.deep.equal([height, width, 4]);
      const [four, turned] = [cost(graph), counts(`size=${width}x${height} channels=4`)];
      expect([turned.params, turned.macs], 'rows and columns are treated alike').to.deep.equal([
        four.params,
        four.macs,
      ]);
      const [one, six] = [1, 6].map((c) => counts(`size=${height}x${width} channels=${c}`).params);
      expect((six ?? 0) - four.params, 'each channel has as many weights').to.equal(
        (2 / 3) * (four.params - (one ?? 0)),
      );
      if (![...flat, ...biased].includes(name))
        expect(counts('size=98x64 channels=4').params, 'of any size').to.equal(four.params);
    });
  }
});

describe('an image that is not square', () => {
  for (const words of [
    'mobilenet-v3-small width=0.25 size=33x47 channels=4',
    'test-byobnet size=33x17 channels=4',
    'squeezenet size=10x49 channels=6',
    'lraspp-mobilenet-v3-large width=0.25 size=33x47 channels=4',
    'ddrnet-23-slim width=0.25 size=33x47 channels=4',
  ]) {
    it(`${words}: compiled as eager`, async () => {
      const net = init(compose(words), { seed: 1 });
      const x = referenceImages(2 * sizeOf(inputShape(net.graph)));
      const compiled = await compile(net);
      const out = (await compiled.run(x)).get(onlyOutput(net.graph)) ?? new Float32Array();
      await compiled.release();
      expect(largestDifference(out, await runForward(net, x))).to.be.below(1e-4);
    });
  }
  it('is refused where a task has square scenes, and sides out of range are', () => {
    expect(messageOf(() => compose('detector size=64x32'), UsageError)).to.equal(
      'detector: size must be one number, since scenes are square, got 64x32',
    );
    expect(messageOf(() => compose('wrn size=5000x10'), UsageError)).to.equal(
      'wrn: size must be a whole number from 1 to 4096, or two such as 49x10, got 5000x10',
    );
    expect(compose('wrn size=48x48').name).to.equal('wrn size=48');
  });
});
