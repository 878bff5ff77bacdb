/** @file What `moonlet import` reports and refuses, and what it writes besides weights. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { importWeights, type Source, usualPreprocessing } from '../../src/import/index.ts';
import { init, type StoredTensor, writeSafetensors } from '../../src/weights/index.ts';
import { compose, loadStudent, saveNet } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';
import { largestDifference } from '../support/nets.ts';
import { fileOf } from '../support/packed.ts';
import { type ReferenceFile, referenceFile } from '../support/reference-files.ts';
import { referenceImages } from '../support/reference-fill.ts';
import { runForward } from '../support/run.ts';
import { read } from '../support/weight-files.ts';

const v1 = 'mobilenet-v1 width=0.05 size=32 classes=3';
const v2 = 'mobilenet-v2 width=0.05 size=32 classes=3';
const folder = scratch();
const put = (name: string, bytes: Uint8Array | string): string => {
  mkdirSync(folder(), { recursive: true });
  writeFileSync(folder(name), bytes);
  return folder(name);
};
const tensors = (): Map<string, StoredTensor> => {
  const raw = read(fileOf('mobilenet-v1.safetensors')).tensors;
  return new Map(
    [...raw]
      .filter(([name]) => !name.endsWith('num_batches_tracked'))
      .map(([name, t]) => [name, { dtype: 'F32', shape: t.shape, data: t.read() }]),
  );
};
const written = (name: string, change: (all: Map<string, StoredTensor>) => unknown): string => {
  const all = tensors();
  change(all);
  return put(name, writeSafetensors({ tensors: all, metadata: {} }));
};

describe('import refuses, and saves nothing', () => {
  const refused = async (path: string, arch: string, line: string, ...more: string[]): Promise<void> => {
    const { code, stdout, stderr } = await moonlet(
      'import',
      path,
      '--as',
      arch,
      '--out',
      folder('no'),
      ...more,
    );
    expect([code, stderr]).to.deep.equal([1, `moonlet: ${path}: ${line}; nothing is saved\n`]);
    expect(stdout).to.match(/^names as \w+ writes them\nmatched/);
    expect(readdirSync(folder())).not.to.include('no');
  };

  it('a file with a weight too few', () =>
    refused(
      written('few.safetensors', (all) => all.delete('bn1.bias')),
      v1,
      '1 are missing ("bn1.bias"): is it an architecture other than mobilenet-v1?',
    ));
  it('a file with a weight too many, whose name would command a terminal', () =>
    refused(
      written('many.safetensors', (all) => all.set('\u001b[2Jx\ny', all.get('bn1.bias') as StoredTensor)),
      v1,
      '1 are not expected ("?[2Jx?y"): is it an architecture other than mobilenet-v1?',
    ));
  it('a file of another width', () =>
    refused(
      put('width.pth', fileOf('mobilenet-v1.pth')),
      'mobilenet-v1 width=0.5 size=32 classes=3',
      '136 tensors have another shape ("conv_stem.weight" is [8, 3, 3, 3] and should be [16, 3, 3, 3]): does the net have another width, or other options?',
    ));
  it('a file of other classes, and says the option', () =>
    refused(
      put('classes.pth', fileOf('mobilenet-v1.pth')),
      'mobilenet-v1 width=0.05 size=32 classes=5',
      '2 tensors have another shape ("classifier.weight" is [3, 48] and should be [5, 48]): the file has 3 classes and the net 5: add classes=3',
    ));
  it('a shape that only looks right: a transposed square matrix has the name of another', () =>
    refused(
      written('renamed.safetensors', (all) => {
        const weight = all.get('blocks.4.1.conv_pw.weight') as StoredTensor;
        all.delete('blocks.4.1.conv_pw.weight');
        all.set('blocks.4.1.conv_pwl.weight', weight);
      }),
      v1,
      '1 are missing ("blocks.4.1.conv_pw.weight"), 1 are not expected ("blocks.4.1.conv_pwl.weight"): is it an architecture other than mobilenet-v1?',
    ));

  it('a file of another architecture, whatever few names they share', () =>
    refused(
      put('other.pth', fileOf('mobilenet-v1.pth')),
      'resnet-18 classes=3',
      '4 tensors have another shape ("bn1.weight" is [8] and should be [64]), 98 are missing ("conv1.weight"), 133 are not expected ("conv_stem.weight"): is it an architecture other than resnet-18?',
    ));
  it('a file of which no name is known', async () => {
    const path = put('unknown.h5', fileOf('alone.h5'));
    await expectRefusal(
      ['import', path, '--as', 'resnet-18 classes=3', '--out', folder('no')],
      1,
      /^moonlet: .*: no tensor name matches resnet-18 as named by torchvision, timm, moonlet; the first of 3 names is "d\w+\/\w+"\. Is it another architecture\?\n$/,
    );
  });
  it('a net that two libraries call by one name', () => {
    const graph = compose('regnet-x-400mf classes=10 size=64');
    const { cases } = JSON.parse(readFileSync(new URL('reference.json', import.meta.url), 'utf8')) as {
      cases: ReferenceFile[];
    };
    const y = cases.find(
      (c) => c.source === 'torchvision' && c.net.startsWith('regnet-y-400mf'),
    ) as ReferenceFile;
    const { hint, net } = importWeights(graph, referenceFile(y), 'file');
    expect([net, hint]).to.deep.equal([
      undefined,
      "torchvision's last stage has 400 channels, Moonlet's 384 as in pycls and timm; import timm's weights",
    ]);
  });

  for (const [what, words, code, line] of [
    ['no file', ['nowhere.pth', '--as', v1], 1, 'nowhere.pth: cannot be read (ENOENT)'],
    ['a folder', ['test', '--as', v1], 2, 'test: not a file'],
    [
      'an unknown architecture',
      ['x.pth', '--as', 'mobilnet-v1'],
      2,
      /no architecture "mobilnet-v1". Did you mean "mobilenet-v1"\?/,
    ],
    ['no architecture', ['x.pth'], 2, /required option '--as <arch>' not specified/],
  ] as const) {
    it(what, () => expectRefusal(['import', ...words, '--out', folder('no')], code, line));
  }
  it('a library whose names of the architecture are not known', async () => {
    const path = put('source.pth', fileOf('mobilenet-v1.pth'));
    await expectRefusal(
      ['import', path, '--as', v1, '--out', folder('no'), '--source', 'torchvison'],
      2,
      'mobilenet-v1: names are known of timm, keras, moonlet, not of "torchvison".',
    );
  });
});

describe('import reads', () => {
  const image = referenceImages(32 * 32 * 3);
  const logits: Readonly<Record<string, number[]>> = JSON.parse(
    readFileSync(new URL('files/logits.json', import.meta.url), 'utf8'),
  );
  const imported = async (path: string, arch: string, ...more: string[]): Promise<string> => {
    const out = `${path}-net`;
    const { code, stderr } = await moonlet('import', path, '--as', arch, '--out', out, ...more);
    expect([code, stderr]).to.deep.equal([0, '']);
    return out;
  };
  const expectLogits = async (out: string, wanted: readonly number[]): Promise<void> =>
    void expect(
      largestDifference(await runForward(loadStudent(out), image), Float32Array.from(wanted)),
    ).to.be.below(1e-5);

  it('a classifier with a class "background" before ours, when told to leave it out', async () => {
    const path = written('background.safetensors', (all) => {
      const prepend = (name: string, n: number): void => {
        const { shape, data } = all.get(name) as StoredTensor;
        const more = Float32Array.from({ length: data.length + n }, (_, i) =>
          i < n ? 9 : (data[i - n] as number),
        );
        all.set(name, { dtype: 'F32', shape: [4, ...shape.slice(1)], data: more });
      };
      prepend('classifier.weight', 48);
      prepend('classifier.bias', 1);
    });
    await expectLogits(await imported(path, v1, '--drop-background'), logits[`timm ${v1}`] as number[]);
    const { stderr } = await moonlet('import', path, '--as', v1, '--out', folder('no'));
    expect(stderr).to.contain(
      'the file has 4 classes and the net 3: add classes=4, or remove its class "background" with --drop-background; nothing is saved',
    );
  });

  it('our own files: weights.safetensors, and the tf.layers model that export writes', async () => {
    const net = init(compose(v2), { seed: 5 });
    saveNet(folder('own'), net);
    const wanted = [...(await runForward(net, image))];
    await expectLogits(await imported(folder('own', 'weights.safetensors'), v2), wanted);
    const exported = await moonlet('export', folder('own'), '--format', 'tfjs', '--out', folder('tfjs'));
    expect(exported.code).to.equal(0);
    await expectLogits(await imported(folder('tfjs', 'model.json'), v2), wanted);
  });

  it('a tf.layers model with the names of keras.applications', async () => {
    const weights = [...read(fileOf('keras-mobilenet-v2.h5')).tensors];
    const entries = weights.map(([key, { shape }]) => ({
      name: key.replace(/depthwise\/kernel$/, 'depthwise/depthwise_kernel'), // as Keras 2 has it, and the converter
      shape,
      dtype: 'float32',
    }));
    put('keras.bin', Buffer.concat(weights.map(([, t]) => Buffer.from(t.read().buffer))));
    const manifest = [{ paths: ['keras.bin'], weights: entries }];
    const path = put(
      'keras.json',
      JSON.stringify({ format: 'layers-model', modelTopology: {}, weightsManifest: manifest }),
    );
    await expectLogits(await imported(path, v2), logits[`keras ${v2}`] as number[]);
  });

  it("timm's tf_ weights when config.json beside the file says so, with its preprocessing on the card", async () => {
    mkdirSync(folder('hub'), { recursive: true });
    const { cases } = JSON.parse(readFileSync(new URL('reference.json', import.meta.url), 'utf8')) as {
      cases: ReferenceFile[];
    };
    const row = cases.find(
      (c) => c.source === 'timm-tf' && c.net.startsWith('efficientnet-lite0'),
    ) as ReferenceFile;
    const all = new Map(
      [...referenceFile(row).tensors].map(([name, t]) => [
        name,
        { dtype: 'F32' as const, shape: t.shape, data: t.read() },
      ]),
    );
    const path = put('hub/model.safetensors', writeSafetensors({ tensors: all, metadata: { format: 'pt' } }));
    put(
      'hub/config.json',
      JSON.stringify({
        architecture: 'tf_efficientnet_lite0',
        num_classes: 10,
        pretrained_cfg: {
          input_size: [3, 256, 256],
          mean: [0.1, 0.2, 0.3],
          std: [1, 2, 3],
          interpolation: 'bilinear',
          crop_pct: 0.9,
          crop_mode: 'squash',
          license: 'apache-2.0',
        },
      }),
    );
    const out = await imported(path, row.net);
    const card = JSON.parse(readFileSync(`${out}/card.json`, 'utf8'));
    expect(card.name).to.equal(`efficientnet-lite0 classes=10 size=65 as timm-tf`);
    expect(card.differences).to.deep.equal([
      'strided convs padded at the bottom and right, not all around (5)',
      'norms of eps 0.001, not 0.00001 (49)',
    ]);
    expect(card.preprocessing).to.deep.equal({
      range: [0, 1],
      channels: 'rgb',
      mean: [0.1, 0.2, 0.3],
      std: [1, 2, 3],
      interpolation: 'bilinear',
      crop: 0.9,
      cropMode: 'squash',
      inputSize: [3, 256, 256],
      more: { license: 'apache-2.0' },
      size: 65,
      from: 'config.json in the folder of the file',
    });
  });

  it('the report as a person reads it', async () => {
    const path = put('report.h5', fileOf('keras-mobilenet-v2.h5'));
    const out = folder('report');
    const { stdout } = await moonlet('import', path, '--as', v2, '--out', out);
    expect(stdout).to.equal(
      `names as keras writes them
matched     262
transposed    0
skipped       0
missing       0
unexpected    0
misshapen     0
keras computes otherwise than our architecture; the net follows it:
  strided convs padded at the bottom and right, not all around (5)
  norms of eps 0.001, not 0.00001 (52)
  norms of momentum 0.999, not 0.9 (52)
saved in ${out}
`,
    );
  });
});

describe('preprocessing', () => {
  const { cases } = JSON.parse(readFileSync(new URL('reference.json', import.meta.url), 'utf8')) as {
    cases: ReferenceFile[];
  };
  for (const { net, source, preprocessing } of cases) {
    if (preprocessing.mean === undefined) continue;
    it(`of ${source}, ${net}, is its default`, () => {
      const usual = usualPreprocessing(compose(net), source as Source, 64);
      expect(usual).to.deep.include(preprocessing);
    });
  }
});
