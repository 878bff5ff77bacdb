/** @file Logits of the reference implementations, which scripts/reference/logits.py made: ours are the same. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compile } from '../../src/engine/index.ts';
import { inputShape, onlyOutput } from '../../src/read/ends.ts';
import { compose } from '../../zoo/index.ts';
import { largestDifference, sizeOf } from '../support/nets.ts';
import { referenceImages, referenceNet } from '../support/reference-fill.ts';
import { runForward } from '../support/run.ts';

interface Case {
  readonly net: string;
  readonly by: string;
  readonly tensors: number;
  readonly check: number;
  readonly logits: readonly (readonly number[])[];
}
const { cases } = JSON.parse(readFileSync(new URL('reference/logits.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Case[];
};

describe('logits of', () => {
  for (const { net: words, by, logits, ...filled } of cases) {
    it(`${words}, by ${by}`, async () => {
      const graph = compose(words);
      const { net, ...ours } = referenceNet(graph);
      expect(ours).to.deep.equal(filled);
      const x = referenceImages(logits.length * sizeOf(inputShape(graph)));
      const expected = Float32Array.from(logits.flat());
      expect(largestDifference(await runForward(net, x), expected), 'forward').to.be.below(1e-4);
      const compiled = await compile(net);
      const out = (await compiled.run(x)).get(onlyOutput(graph)) as Float32Array;
      await compiled.release();
      expect(largestDifference(out, expected), 'compiled').to.be.below(1e-4);
    });
  }
});
