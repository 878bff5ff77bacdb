/** @file The card of an import: how images become inputs, by the file, by config.json, by the library's table. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { numericsOf } from '../../src/import/adapt.ts';
import { expected } from '../../src/import/expect.ts';
import {
  preprocessingOf,
  readTimmConfig,
  readWeightFile,
  type Source,
  sourcesOf,
  usualPreprocessing,
} from '../../src/import/index.ts';
import { timmDefaults } from '../../src/import/timm-defaults.ts';
import { timmDefaultOf } from '../../src/import/timm-names.ts';
import { writeSafetensors } from '../../src/weights/index.ts';
import { timmNames } from '../../zoo/architectures/library-names.ts';
import { architectures, compose } from '../../zoo/index.ts';
import { moonlet, scratch } from '../support/cli.ts';
import { messageOf } from '../support/errors.ts';
import { kerasBytes } from '../support/keras-files.ts';
import { sizeOf } from '../support/nets.ts';

const folder = scratch();
const put = (name: string, bytes: Uint8Array | string): string => {
  mkdirSync(dirname(folder(name)), { recursive: true });
  writeFileSync(folder(name), bytes);
  return folder(name);
};
/** Zeros under a library's names, variances of ones. */
const zeros = (arch: string, source: Source) =>
  expected(compose(arch), source, 'safetensors').map(({ name, foreignShape: shape, slot }) => ({
    name,
    shape,
    data: new Float32Array(sizeOf(shape)).fill(slot === 'variance' ? 1 : 0),
  }));
const torchFile = (name: string, arch: string): string => {
  const all = zeros(arch, 'timm').map(
    ({ name, shape, data }) => [name, { dtype: 'F32' as const, shape, data }] as const,
  );
  return put(name, writeSafetensors({ tensors: new Map(all), metadata: {} }));
};
const cardOf = async (path: string, arch: string, ...more: string[]) => {
  const out = `${path}-net`;
  const { code, stderr, stdout } = await moonlet(
    'import',
    path,
    '--as',
    arch,
    '--out',
    out,
    '--json',
    ...more,
  );
  expect([code, stderr]).to.deep.equal([0, '']);
  return { ...JSON.parse(readFileSync(`${out}/card.json`, 'utf8')), report: JSON.parse(stdout) };
};

describe('the card of an import', () => {
  const narrow = 'lcnet width=0.35 classes=2 size=32';
  it('has what --preprocessing says, over the defaults of the library', async () => {
    const path = torchFile('given/model.safetensors', narrow);
    const usual = (await cardOf(path, narrow)).preprocessing;
    const given = { mean: [0, 0.5, 1], std: [1, 2, 3], crop: 1, cropMode: 'squash' };
    const told = await cardOf(path, narrow, '--force', '--preprocessing', JSON.stringify(given));
    const from = 'the option --preprocessing of the import';
    expect(told.preprocessing).to.deep.equal({ ...usual, ...given, from });
    const file = put('given/how.json', '{ "crop": 0.5 }');
    const { preprocessing } = await cardOf(path, narrow, '--force', '--preprocessing', file);
    expect(preprocessing).to.deep.equal({ ...usual, crop: 0.5, from });
    for (const [text, reason] of [
      ['how.jso', 'neither JSON nor a file; give something such as {"mean":[0,0,0],"std":[1,1,1]}'],
      ['{"means":[1]}', /^top level: Unrecognized key: "means"/],
      ['{"mean":[1]}', 'mean has 1 numbers, and the net has 3 channels; give one for each'],
      ['{"std":[1,1,0]}', /std must be above 0, got 1, 1, 0$/],
      ['{"interpolation":"area"}', /interpolation must be bilinear or bicubic, got "area"$/],
    ] as const) {
      const words = ['import', path, '--as', narrow, '--out', folder('none'), '--preprocessing', text];
      const { code, stderr } = await moonlet(...words);
      expect([code, stderr.trimEnd().split('\n').length]).to.deep.equal([2, 1]);
      const said = stderr.trimEnd().replace(/^moonlet: (--)?preprocessing: /, '');
      if (typeof reason === 'string') expect(said).to.equal(reason);
      else expect(said).to.match(reason);
    }
  });

  it('has what config.json says, its unknown fields, and its size where --as says none', async () => {
    const path = torchFile('hub/model.safetensors', narrow);
    const own = {
      input_size: [3, 48, 48],
      crop_mode: 'squash',
      crop_pct: 1,
      mean: [0.5],
      std: [0.5, 0.5, 0.5],
      tag: 'x',
    };
    put('hub/config.json', JSON.stringify({ architecture: 'lcnet_035', pretrained_cfg: own }));
    const { preprocessing, report, architecture } = await cardOf(path, 'lcnet width=0.35');
    expect(preprocessing).to.deep.equal({
      range: [0, 1],
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      interpolation: 'bilinear',
      crop: 1,
      size: 48,
      channels: 'rgb',
      cropMode: 'squash',
      inputSize: [3, 48, 48],
      more: { tag: 'x' },
      from: 'config.json in the folder of the file',
    });
    expect([architecture, report.taken]).to.deep.equal([
      'lcnet width=0.35 classes=2 size=48',
      ['size=48', 'classes=2'],
    ]);
    expect((await cardOf(path, narrow, '--force')).preprocessing).to.deep.include({
      size: 32,
      inputSize: [3, 48, 48],
    });
  });

  it('has no means of three channels for a net of one, and says why', async () => {
    const card = await cardOf(torchFile('gray.safetensors', `${narrow} channels=1`), `${narrow} channels=1`);
    const note =
      "the card has no preprocessing: timm's configuration of lcnet_035 has 3 means, but the net has 1 channel";
    expect([card.preprocessing, card.notes, card.report.notes]).to.deep.equal([null, [note], [note]]);
  });
  it('has means that are one for all channels for any number of them', async () => {
    const arch = 'mobilenet-v1 width=0.05 classes=2 size=32 channels=4';
    const { preprocessing } = await cardOf(torchFile('four.safetensors', arch), arch);
    expect(preprocessing).to.deep.include({
      mean: [0.5, 0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5, 0.5],
      channels: 'any',
    });
  });

  it('has what the layers of a Keras model do to pixels', async () => {
    const path = put('sequential.keras', kerasBytes('keras2-sequential.keras'));
    const { preprocessing } = await cardOf(path, 'mobilenet-v1 width=0.25');
    expect(preprocessing).to.deep.include({
      range: [0, 1],
      mean: [-0.25, -0.25, -0.25],
      std: [1, 1, 1],
      size: 32,
    });
    expect(preprocessing.from).to.match(/^the file: /);
  });
  it("has Keras's own mean and variance, where weights alone are in the file", () => {
    const settled = (arch: string, mean: readonly number[], variance: readonly number[]) => {
      const all = Object.entries({ mean, variance });
      const weights = all.map(([slot]) => ({ name: `normalization/${slot}`, shape: [3], dtype: 'float32' }));
      const json = { modelTopology: {}, weightsManifest: [{ paths: ['w.bin'], weights }] };
      const bytes = Buffer.concat(all.map(([, values]) => Buffer.from(Float32Array.from(values).buffer)));
      const { told } = readWeightFile(
        new TextEncoder().encode(JSON.stringify(json)),
        'model.json',
        () => bytes,
      );
      const graph = compose(arch);
      return preprocessingOf(graph, usualPreprocessing(graph, 'keras', 32), told);
    };
    const of = (mean: readonly number[], variance: readonly number[]) =>
      settled('efficientnet-b0 size=32', mean, variance).preprocessing;
    expect(of([0, 0, 0], [1, 1, 1])).to.deep.include({ range: [0, 1], mean: [0, 0, 0], std: [1, 1, 1] });
    expect(of([0.25, 0.5, 0.75], [0.0625, 0.25, 1])).to.deep.include({
      mean: [0.25, 0.5, 0.75],
      std: [0.25, 0.5, 1],
    });
    // Keras's ImageNet weights have deviations for variances, and its model divides by their root a second time
    const [mean, std] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ];
    expect(of(mean, std)).to.deep.include({ mean, std });
    expect(settled('mobilenet-v2 size=32', mean, std)).to.deep.equal({
      notes: [
        "the card has no preprocessing: the file's normalization, whose position is not in a file with weights only, is not supported",
      ],
    });
  });
});

describe("timm's config.json", () => {
  it('of before 0.6 has its fields beside the architecture; that of another tool says nothing', () => {
    const old = {
      architecture: 'resnet18',
      input_size: [3, 224, 224],
      mean: [0, 0, 0],
      crop_pct: 0.8,
      labels: 1,
    };
    expect(readTimmConfig(JSON.stringify(old), 'c')).to.deep.equal({
      architecture: 'resnet18',
      fields: { input_size: [3, 224, 224], mean: [0, 0, 0], crop_pct: 0.8, labels: 1 },
    });
    expect(readTimmConfig('{"architectures":["BertModel"],"mean":3}', 'c')).to.deep.equal({
      architecture: undefined,
    });
  });
  it('with a damaged field is refused by its name', () => {
    const text = '{"architecture":"x","pretrained_cfg":{"mean":"0.5"}}';
    expect(messageOf(() => readTimmConfig(text, 'config.json'), MoonletError)).to.match(
      /^config\.json: .*pretrained_cfg.*mean.*; correct it, or move it away to import without it$/,
    );
  });
});

describe("timm's table of defaults", () => {
  const ofArch = (arch: string, ported = false, path = '') => timmDefaultOf(compose(arch), ported, path);
  it('has every architecture whose names in timm are known', () => {
    for (const arch of architectures.keys()) {
      const graph = compose(arch);
      for (const source of sourcesOf(graph))
        if (source.startsWith('timm'))
          expect(usualPreprocessing(graph, source, 224)?.mean, `${source} ${arch}`).to.have.length(3);
    }
  });
  it('has the crops of EfficientNet-Lite by size, and bicubic but for the ports of Lite3 and Lite4', () => {
    const rows = [0, 1, 2, 3, 4].map((i) => {
      const [own, port] = [ofArch(`efficientnet-lite${i}`), ofArch(`efficientnet-lite${i}`, true)];
      return [
        own.values[0],
        own.values[1],
        port.name,
        port.values[0],
        port.values[1],
        port.values[2][0]?.[0],
      ];
    });
    expect(rows).to.deep.equal([
      [0.875, 'bicubic', 'tf_efficientnet_lite0', 0.875, 'bicubic', 0.5],
      [0.882, 'bicubic', 'tf_efficientnet_lite1', 0.882, 'bicubic', 0.5],
      [0.89, 'bicubic', 'tf_efficientnet_lite2', 0.89, 'bicubic', 0.5],
      [0.904, 'bicubic', 'tf_efficientnet_lite3', 0.904, 'bilinear', 0.5],
      [0.922, 'bicubic', 'tf_efficientnet_lite4', 0.92, 'bilinear', 0.5],
    ]);
  });
  it('is asked by width, and by the tag of weights that a path names', () => {
    expect(ofArch('mobilenet-v1 width=1.25').name).to.equal('mobilenetv1_125');
    expect(ofArch('mobilenet-v2 width=0.9').name).to.equal('mobilenetv2_100');
    expect(ofArch('mobilenet-v4-conv-small width=0.5').name).to.equal('mobilenetv4_conv_small_050');
    const tagged = (path: string): string => ofArch('mobilenet-v3-large', false, path).name;
    expect(tagged('hub/mobilenetv3_large_100.miil_in21k_ft_in1k/model.safetensors')).to.equal(
      'mobilenetv3_large_100.miil_in21k_ft_in1k',
    );
    expect(tagged('mobilenetv3_large_100.miil_in21k.pth')).to.equal('mobilenetv3_large_100.miil_in21k');
    expect(tagged('mobilenetv3_large_100.ra_in1k.pth')).to.equal('mobilenetv3_large_100');
    expect(timmDefaults['mobilenetv3_large_100.miil_in21k']?.[2]).to.deep.equal([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
  });
});

describe('norms and strided convs of an import from timm', () => {
  interface Row {
    readonly eps: number;
    readonly momentum?: number;
    readonly same: boolean;
  }
  const rows: Readonly<Record<string, Row>> = JSON.parse(
    readFileSync(new URL('timm-numerics.json', import.meta.url), 'utf8'),
  );
  it('compute, and learn on, as timm says of each model', () => {
    expect(Object.keys(rows)).to.have.members(Object.keys(timmNames));
    for (const [model, row] of Object.entries(rows)) {
      const graph = compose(`timm/${model} size=64`);
      const norm = graph.nodes.flatMap(({ op }) => (op.kind === 'norm' ? [op] : []))[0];
      const overChannels = graph.nodes.flatMap(({ op }) => (op.kind === 'layerNorm' ? [op.eps] : []))[0];
      const numerics = numericsOf(graph, model.startsWith('tf_') ? 'timm-tf' : 'timm');
      const { eps = norm?.eps ?? overChannels, momentum = norm?.momentum, padding } = numerics;
      const same = padding === 'same';
      expect(norm ? { eps, momentum, same } : { eps, same }, model).to.deep.equal(row);
      expect(timmDefaultOf(graph, model.startsWith('tf_'), '').name).to.equal(model);
    }
  });
});
