/**
 * @file Names by rule, held to timm, torchvision and Keras: their state dicts, whole, filled by a formula on both sides,
 * give the logits that the libraries gave (scripts/reference/imports.py).
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compile } from '../../src/engine/index.ts';
import { inputShape, onlyOutput } from '../../src/graph/index.ts';
import { importWeights } from '../../src/import/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { largestDifference, sizeOf } from '../support/nets.ts';
import { type ReferenceFile, referenceFile, tensorsOf } from '../support/reference-files.ts';
import { referenceImages } from '../support/reference-fill.ts';

const { cases } = JSON.parse(readFileSync(new URL('reference.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly ReferenceFile[];
};

describe('a state dict of', () => {
  for (const row of cases) {
    it(`${row.source}, ${row.net}: every name, and the logits of ${row.by}`, async () => {
      const graph = compose(row.net);
      const { report, net } = importWeights(graph, referenceFile(row), 'file', { source: row.source });
      const { missing, unexpected, misshapen } = report;
      expect({ missing, unexpected, misshapen }).to.deep.equal({
        missing: [],
        unexpected: [],
        misshapen: [],
      });
      expect(report.matched.length + report.skipped.length).to.equal(tensorsOf(row).length);
      const compiled = await compile(net as Net);
      const x = referenceImages(sizeOf(inputShape(graph)));
      const out = (await compiled.run(x)).get(onlyOutput(graph)) as Float32Array;
      await compiled.release();
      expect(largestDifference(out, Float32Array.from(row.logits))).to.be.below(
        Math.max(1e-4, 4 * (row.rounding ?? 0)),
      );
    });
  }
});
