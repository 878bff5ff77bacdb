/** @file Every architecture, small: as integers, in factors, shared, and through the compact file. */
import { expect } from 'chai';
import { quantizeByData } from '../../src/compress/index.ts';
import { circulate, factorize, Refusal, shareWeights } from '../../src/index.ts';
import { type Net, packCompact, unpackCompact } from '../../src/weights/index.ts';
import { calibrated } from '../support/calibrated.ts';
import { examples, largestDifference, lightZoo } from '../support/nets.ts';
import { runCompiled, runForward } from '../support/run.ts';

/** What an edit makes, or nothing where it has a reason not to. */
function tried(run: () => Net): Net | undefined {
  try {
    return run();
  } catch (e) {
    if (e instanceof Refusal) return undefined;
    throw e;
  }
}

describe('compression of the zoo', () => {
  for (const graph of lightZoo()) {
    it(graph.name, async () => {
      const net = await calibrated(graph);
      const x = examples(graph, 4);
      const y = await runCompiled(net, x);
      const integers = await quantizeByData(net, [examples(graph, 16)]);
      const whole = await runCompiled(integers, x);
      expect(whole.every(Number.isFinite)).to.equal(true);
      // flips between steps spread in nets of random weights; a wrong scale or place would be of the size of the output
      expect(largestDifference(whole, await runForward(integers, x)), 'simulation').to.be.below(0.25);
      for (const method of ['svd', 'tucker'] as const) {
        const cut = tried(() => factorize(net, { method, ranks: { rank: 100_000 } }).net);
        if (cut) expect(largestDifference(await runCompiled(cut, x), y), method).to.be.below(1e-3);
      }
      const shared = shareWeights(net, { clusters: 16 });
      expect(unpackCompact(graph, packCompact(shared)).weights.size).to.equal(net.weights.size);
      for (const other of [shared, tried(() => circulate(net, { block: 2 }))])
        if (other) expect((await runCompiled(other, x)).every(Number.isFinite)).to.equal(true);
    });
  }
});
