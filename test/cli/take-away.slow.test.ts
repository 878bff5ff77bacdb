/** @file `moonlet export` with the card: under timm's names, for transformers.js, labels by --labels; `import --labels`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeModel } from '../../src/onnx/index.ts';
import { safetensorsIn } from '../../src/weights/index.ts';
import { compose, saveNet } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';
import { shaken } from '../support/nets.ts';

const student = 'mnist/wrn-16-1';
const json = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

describe('moonlet export --names timm', () => {
  const at = scratch();
  const card = { labels: ['a', 'b', 'c'], license: 'mit', preprocessing: { mean: 0.5, std: 0.5, crop: 0.9 } };
  const net = shaken(compose('lcnet width=0.5 classes=3 size=32'));

  it('writes what import reads back, card included, and replaces it by --force', async () => {
    saveNet(at('net'), net, card);
    const words = ['export', at('net'), '--format', 'safetensors', '--names', 'timm', '--out', at('timm')];
    const { code, stdout } = await moonlet(...words, '--json');
    expect(code).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.include({ names: 'timm', model: 'lcnet_050', maxAbsDiff: 0 });
    expect(readdirSync(at('timm')).sort()).to.deep.equal(['config.json', 'model.safetensors']);
    const { metadata } = safetensorsIn(readFileSync(join(at('timm'), 'model.safetensors')), 'file');
    expect(metadata).to.include({ format: 'pt', license: 'mit', labels: '["a","b","c"]' });
    expect(json(join(at('timm'), 'config.json'))['label_names']).to.deep.equal(card.labels);
    expect((await moonlet(...words)).code).to.equal(1);
    expect((await moonlet(...words, '--force')).code).to.equal(0);

    const file = join(at('timm'), 'model.safetensors');
    writeFileSync(at('names.txt'), 'one\ntwo\nthree\n');
    const as = ['--as', 'lcnet width=0.5 classes=3', '--labels', at('names.txt'), '--out', at('back')];
    expect((await moonlet('import', file, ...as)).code).to.equal(0);
    const back = json(join(at('back'), 'card.json'));
    expect(back['labels']).to.deep.equal(['one', 'two', 'three']);
    expect(back['preprocessing']).to.deep.include({ mean: [0.5, 0.5, 0.5], crop: 0.9 });
  });

  it('refuses what timm does not have', async () => {
    const words = (name: string, ...more: readonly string[]) => ['export', name, '--out', at('no'), ...more];
    await expectRefusal(
      words(student, '--format', 'safetensors', '--names', 'timm'),
      1,
      "wrn size=28 channels=1: timm's names of this architecture are not known; leave out the option names",
    );
    await expectRefusal(
      words(student, '--format', 'onnx', '--names', 'timm'),
      2,
      '--names is for safetensors, not for onnx',
    );
    await expectRefusal(
      words(student, '--format', 'safetensors', '--names', 'keras'),
      2,
      'no names "keras"; choose moonlet or timm',
    );
    await expectRefusal(
      words(student, '--format', 'safetensors', '--names', 'timm', '--int8'),
      2,
      'timm has no nets of integers; leave --int8 out, or --names timm',
    );
    expect(existsSync(at('no'))).to.equal(false);
  });
});

describe('moonlet export with labels', () => {
  const at = scratch();
  const digits = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

  it('transformers --int8: floats, integers, labels; --force replaces them', async () => {
    mkdirSync(at(''), { recursive: true });
    writeFileSync(at('digits.json'), JSON.stringify(digits));
    const words = [
      'export',
      student,
      '--format',
      'transformers',
      '--out',
      at('tf'),
      '--labels',
      at('digits.json'),
    ];
    const { code, stdout } = await moonlet(...words, '--int8', '--json');
    expect(code).to.equal(0);
    const said = JSON.parse(stdout) as { readonly files: readonly { readonly file: string }[] };
    const files = ['config.json', 'preprocessor_config.json', 'onnx/model.onnx', 'onnx/model_quantized.onnx'];
    expect(said.files.map(({ file }) => file)).to.deep.equal(files);
    expect(json(join(at('tf'), 'config.json'))['id2label']).to.deep.include({ 3: 'three' });
    const [float, integer] = files.slice(2).map((file) => readFileSync(join(at('tf'), file)));
    expect(integer?.length).to.be.below(0.3 * (float?.length ?? 0));
    expect(decodeModel(float ?? new Uint8Array()).metadata).to.include({
      license: 'Apache-2.0',
      source: student,
    });
    const again = await moonlet(...words, '--force');
    expect([again.code, readdirSync(join(at('tf'), 'onnx'))]).to.deep.equal([0, ['model.onnx']]);
  });

  it('safetensors: card.json beside, without the sums of the files before', async () => {
    writeFileSync(at('digits.txt'), digits.join('\n'));
    const words = ['--format', 'safetensors', '--labels', at('digits.txt'), '--out', at('st')];
    expect((await moonlet('export', student, ...words)).code).to.equal(0);
    const card = json(join(at('st'), 'card.json'));
    expect(card).to.deep.include({ labels: digits, accuracy: 0.9956 });
    expect(card).not.to.have.property('sha256');
  });

  it('refuses labels that do not fit', async () => {
    writeFileSync(at('bad.json'), '[1, 2]');
    const words = ['export', student, '--format', 'onnx', '--out', at('no'), '--labels'];
    const cases = [
      ['imagenet', 1, '--labels imagenet: 1000 labels, and the net has 10 classes; give one label a class'],
      [at('gone'), 2, `--labels ${at('gone')}: no such file; give a file, or imagenet`],
      [
        at('bad.json'),
        1,
        `--labels ${at('bad.json')}: no JSON list of texts; give ["cat", "dog", ...], or one name a line`,
      ],
    ] as const;
    for (const [labels, code, text] of cases) await expectRefusal([...words, labels], code, text);
  });
});
