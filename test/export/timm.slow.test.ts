/** @file timm's names outwards: what import reads, export writes, to the bit; keys and shapes as timm has them. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { toSafetensors } from '../../src/export/index.ts';
import { importWeights, readWeightFile } from '../../src/import/index.ts';
import { timm } from '../../src/import/names/timm.ts';
import { init, withHead } from '../../src/index.ts';
import { materialize, safetensorsIn, type Weight } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { type ReferenceFile, tensorsOf } from '../support/reference-files.ts';
import { referenceNet } from '../support/reference-fill.ts';

const { cases } = JSON.parse(readFileSync(new URL('../import/reference.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly ReferenceFile[];
};

describe("safetensors under timm's names", () => {
  for (const arch of Object.keys(timm))
    it(`${arch}: import takes it back, every tensor to the bit`, () => {
      const { net } = referenceNet(compose(`${arch} size=64 classes=7`));
      const { weights } = toSafetensors(net, { names: 'timm' });
      const { net: back, report } = importWeights(net.graph, readWeightFile(weights, 'x.safetensors'), 'x', {
        source: 'timm',
      });
      expect(
        report.skipped.every((key) => /\.(num_batches_tracked|attention_bias_idxs)$/.test(key)),
      ).to.equal(true);
      expect(back?.graph).to.deep.equal(net.graph);
      for (const [key, weight] of net.weights) {
        const got = Buffer.from(materialize(back?.weights.get(key) as Weight).buffer);
        expect(got.equals(Buffer.from(materialize(weight).buffer)), key).to.equal(true);
      }
    });

  for (const row of cases.filter(({ source }) => source.startsWith('timm')))
    it(`${row.source}, ${row.net}: the keys and shapes of ${row.by}`, () => {
      const plain = compose(row.net);
      const file = {
        format: 'pytorch' as const,
        tensors: new Map(
          tensorsOf(row).map(([name, shape]) => [
            name,
            { shape, dtype: 'f32', read: () => new Float32Array(shape.reduce((n, d) => n * d, 1)) },
          ]),
        ),
        skipped: [],
        told: {},
      };
      const { net } = importWeights(plain, file, 'file', { source: row.source });
      if (!net) throw new Error('not imported');
      const { weights } = toSafetensors(net, { names: 'timm' });
      const { tensors, metadata } = safetensorsIn(weights, 'file');
      const said = [...tensors].map(([name, { shape }]) => [name, shape.join()]).sort();
      expect(said).to.deep.equal(
        tensorsOf(row)
          .map(([name, shape]) => [name, shape.join()])
          .sort(),
      );
      expect(metadata['format']).to.equal('pt');
      const counters = [...tensors].filter(([name]) => name.endsWith('num_batches_tracked'));
      expect(counters.every(([, t]) => t.dtype === 'I64' && t.shape.length === 0)).to.equal(true);
    });
});

describe('config.json for timm', () => {
  const ofNet = (text: string, classes = 1000) =>
    toSafetensors(withHead(init(compose(text)), classes), {
      names: 'timm',
      card: {
        license: 'apache-2.0',
        preprocessing: { mean: 0.5, std: [0.2, 0.2, 0.2], interpolation: 'bicubic', crop: 0.95 },
      },
    });
  it('names the model, its classes, its preprocessing and its classifier', () => {
    const { model, configJson = '' } = ofNet('mobilenet-v3-small width=0.5', 5);
    expect(model).to.equal('mobilenetv3_small_050');
    expect(JSON.parse(configJson)).to.deep.equal({
      architecture: 'mobilenetv3_small_050',
      num_classes: 5,
      pretrained_cfg: {
        input_size: [3, 224, 224],
        num_classes: 5,
        mean: [0.5, 0.5, 0.5],
        std: [0.2, 0.2, 0.2],
        interpolation: 'bicubic',
        crop_pct: 0.95,
        first_conv: 'conv_stem',
        classifier: 'classifier',
        license: 'apache-2.0',
      },
    });
  });
  it('is left out where timm has no model of these options', () => {
    for (const text of ['mobilenet-v2 width=0.3', 'repvgg-a0 form=deploy'])
      expect(Object.keys(ofNet(text))).to.deep.equal(['weights']);
  });
});

describe('nets that timm does not have', () => {
  const refused = (graph: ReturnType<typeof compose>, text: string) =>
    expect(() => toSafetensors(init(graph), { names: 'timm' })).to.throw(text);
  it('are refused with the first layer that differs', () => {
    const graph = compose('lcnet width=0.5');
    const nodes = graph.nodes.map((node) =>
      node.id === 'stage2/0/filter/conv' && node.op.kind === 'conv'
        ? { ...node, op: { ...node.op, kernel: [5, 5] as const, padding: 'same' as const } }
        : node,
    );
    refused({ ...graph, nodes }, 'lcnet width=0.5: timm\'s net is another: "stage2/0/filter/conv" is ');
  });
  it('are refused by their architecture', () => {
    refused(
      { ...compose('lcnet width=0.5'), name: 'my own' },
      "my own: timm's names of this architecture are not known",
    );
    refused(
      compose('squeezenet'),
      "squeezenet: timm's names of this architecture are not known; leave out the option names",
    );
  });
});
