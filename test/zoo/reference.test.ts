/** @file Logits of the reference implementations, which scripts/reference/logits.py made: ours are the same. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compile } from '../../src/engine/index.ts';
import { inputShape, onlyOutput } from '../../src/graph/index.ts';
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
    describe(`${words}, by ${by}`, () => {
      const graph = compose(words);
      type Made = ReturnType<typeof referenceNet>;
      let made: Made | undefined;
      before(() => {
        made = referenceNet(graph);
      });
      after(() => {
        made = undefined; // 100 MB of a large net, which mocha would keep to the end
      });
      const x = (): Float32Array => referenceImages(logits.length * sizeOf(inputShape(graph)));
      const expected = Float32Array.from(logits.flat());

      it('of the same numbers', () => {
        const { net: _, ...ours } = made as Made;
        expect(ours).to.deep.equal(filled);
      });
      it('by forward', async () => {
        expect(largestDifference(await runForward((made as Made).net, x()), expected)).to.be.below(1e-4);
      });
      it('compiled', async () => {
        const compiled = await compile((made as Made).net);
        const out = (await compiled.run(x())).get(onlyOutput(graph)) as Float32Array;
        await compiled.release();
        expect(largestDifference(out, expected)).to.be.below(1e-4);
      });
    });
  }
});
