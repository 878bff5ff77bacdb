/** @file What exported files say of the net in them: labels, preprocessing, licence, source, our version. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { runModel } from '../../src/engine/index.ts';
import {
  type ExportCard,
  readExportCard,
  toOnnx,
  toSafetensors,
  toTfjs,
  toTransformers,
} from '../../src/export/index.ts';
import { version } from '../../src/export/version.ts';
import { imagenetLabels } from '../../src/import/imagenet-labels.ts';
import { graph as finish, init, input, unpack } from '../../src/index.ts';
import { decodeModel } from '../../src/onnx/index.ts';
import { safetensorsIn } from '../../src/weights/index.ts';

const colours = init(
  finish('tiny', input(8, 8, 3).conv(4, { kernel: 3 }).act('relu').globalPool().dense(2).act('softmax')),
  { seed: 1 },
);
const grey = init(finish('grey', input(8, 8, 1).conv(4, { kernel: 3 }).globalPool().dense(2)), { seed: 1 });
const card: ExportCard = {
  labels: ['cat', 'dög'],
  preprocessing: { mean: [0.5, 0.4, 0.3], std: 0.25, crop: 0.875, interpolation: 'bicubic' },
  license: 'mit',
  source: 'a test',
};
const metadata = {
  producer: `moonlet ${version}`,
  license: 'mit',
  source: 'a test',
  preprocessing: JSON.stringify(card.preprocessing),
  labels: '["cat","dög"]',
};

describe('the card in', () => {
  it("ONNX's metadata_props, with our version as the producer's", () => {
    const model = decodeModel(toOnnx(colours, { card }));
    expect(model.metadata).to.deep.equal(metadata);
    expect([model.producer, model.producerVersion]).to.deep.equal(['moonlet', version]);
    expect(decodeModel(toOnnx(colours)).metadata).to.deep.equal({});
  });
  it("tf.layers' userDefinedMetadata", async () => {
    const { files } = await toTfjs(colours, { card });
    const { userDefinedMetadata } = JSON.parse(String(files['model.json'])) as {
      readonly userDefinedMetadata: Readonly<Record<string, unknown>>;
    };
    expect(userDefinedMetadata).to.include(metadata);
  });
  it("safetensors' __metadata__, beside what the file needs of its own", () => {
    const { weights, graphJson } = toSafetensors(colours, { card });
    expect(safetensorsIn(weights, 'file').metadata).to.deep.equal({ ...metadata, format: 'moonlet-weights' });
    expect(unpack({ graphJson, weights }).graph).to.deep.equal(colours.graph);
    expect(toSafetensors(colours).weights.length).to.be.below(weights.length);
  });
  it('no file where it has another number of labels than the net has classes', () => {
    const text = 'tiny: the card has 1 labels and the net 2 classes; give one label a class';
    const wrong = { card: { ...card, labels: ['cat'] } };
    expect(() => toOnnx(colours, wrong)).to.throw(text);
    expect(() => toSafetensors(colours, wrong)).to.throw(text);
    expect(() => toTransformers(colours, wrong)).to.throw(text);
  });
  it('the version of package.json', () => {
    expect(JSON.parse(readFileSync('package.json', 'utf8'))).to.include({ version });
  });
});

describe('readExportCard', () => {
  it('reads cards of shipped students', () => {
    const path = 'zoo/students/mnist/wrn-16-1/card.json';
    expect(readExportCard(readFileSync(path, 'utf8'), path)).to.deep.equal({
      preprocessing: { mean: 0.1306604762738429, std: 0.30810780385646, size: [28, 28, 1] },
      license: 'Apache-2.0',
      source: 'mnist/wrn-16-1',
    });
  });
  it('reads cards of imports, whose preprocessing may be unknown', () => {
    const imported = { file: 'a.pth', source: 'timm', sha256: 'ab', bytes: 3 };
    expect(readExportCard(JSON.stringify({ imported, preprocessing: null }), 'x')).to.deep.equal({
      source: 'a.pth of timm, sha256 ab',
    });
  });
  it('says what is wrong', () => {
    expect(() => readExportCard('{', 'c.json')).to.throw(
      'c.json: not JSON; mend it, or move it away to export without it',
    );
    expect(() => readExportCard('{"labels":"cat"}', 'c.json')).to.throw(
      /^c\.json: labels: .*; mend it, or move/,
    );
  });
});

describe('the folder for transformers.js', () => {
  it('has the config, the processor and the model that the pipeline asks for', () => {
    const { files, notes } = toTransformers(colours, { card, quantized: colours });
    expect(Object.keys(files)).to.deep.equal([
      ...['config.json', 'preprocessor_config.json'],
      ...['onnx/model.onnx', 'onnx/model_quantized.onnx'],
    ]);
    expect(JSON.parse(String(files['config.json']))).to.deep.include({
      architectures: ['ResNetForImageClassification'],
      model_type: 'resnet',
      num_labels: 2,
      id2label: { 0: 'cat', 1: 'dög' },
      label2id: { cat: 0, dög: 1 },
      license: 'mit',
    });
    expect(JSON.parse(String(files['preprocessor_config.json']))).to.deep.include({
      size: { shortest_edge: 9 },
      crop_size: { height: 8, width: 8 },
      do_center_crop: true,
      resample: 1,
      rescale_factor: 1 / 255,
      image_mean: [0.5, 0.4, 0.3],
      image_std: [0.25, 0.25, 0.25],
    });
    expect(notes.join()).to.include('not by bicubic');
  });
  it('gives logits of a net that ends in softmax, channels first', () => {
    const model = decodeModel(bytesOf(toTransformers(colours, { card }).files['onnx/model.onnx']));
    expect(model.inputs).to.deep.equal([
      { name: 'pixel_values', dtype: 'float32', shape: ['batch', 3, 8, 8] },
    ]);
    expect(model.outputs).to.deep.equal([{ name: 'logits', dtype: 'float32', shape: ['batch', 2] }]);
    expect(model.nodes.some((n) => n.opType === 'Softmax')).to.equal(false);
    expect(model.metadata).to.deep.equal(metadata);
  });
  it('makes grey of colours for a net of grey images, by the weights of Pillow', async () => {
    const { files } = toTransformers(grey, { card: { preprocessing: { mean: 0.5, std: 0.5 } } });
    const x = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
    const pixels = new Float32Array(192); // only green
    pixels.set(
      x.map((v) => v / 0.587),
      64,
    );
    const [got] = await runModel(bytesOf(files['onnx/model.onnx']), pixels, 1);
    const [wanted] = await runModel(toOnnx(grey), x, 1);
    expect(Math.max(...(got ?? []).map((v, i) => Math.abs(v - (wanted?.[i] ?? Number.NaN))))).to.be.below(
      1e-6,
    );
    expect(JSON.parse(String(files['config.json'])).id2label).to.deep.equal({ 0: '0', 1: '1' });
    expect(JSON.parse(String(files['preprocessor_config.json']))).to.deep.include({
      size: { height: 8, width: 8 },
      do_center_crop: false,
      image_mean: [0.5, 0.5, 0.5],
    });
  });
  it('turns blue first and ranges other than 0 to 1 into the words of the processor', () => {
    const preprocessing = { mean: [1, 2, 3], std: [4, 5, 6], range: [-1, 1], channels: 'bgr' } as const;
    const { files } = toTransformers(colours, { card: { preprocessing } });
    expect(JSON.parse(String(files['preprocessor_config.json']))).to.deep.include({
      rescale_factor: 2 / 255,
      image_mean: [4, 3, 2],
      image_std: [6, 5, 4],
      do_flip_channel_order: true,
    });
  });
  it('is refused without preprocessing, and of nets of no images', () => {
    expect(() => toTransformers(colours, { card: {} })).to.throw(
      'tiny: the card does not say how images become the input; add preprocessing { mean, std } to it',
    );
    const line = init(finish('line', input(3).dense(2)), { seed: 1 });
    expect(() => toTransformers(line, { card })).to.throw(
      "line: takes 3; transformers' image classifiers take images of 3 channels, or 1",
    );
  });
});

describe("ImageNet's labels", () => {
  it('are 1000, each in its place', () => {
    expect([imagenetLabels.length, new Set(imagenetLabels).size]).to.deep.equal([1000, 1000]);
    const some = [0, 31, 281, 657, 967, 999].map((i) => imagenetLabels[i]);
    expect(some).to.deep.equal(['tench', 'tree frog', 'tabby', 'missile', 'espresso', 'toilet tissue']);
  });
});

function bytesOf(content: string | Uint8Array | undefined): Uint8Array {
  if (content instanceof Uint8Array) return content;
  throw new Error('no bytes');
}
