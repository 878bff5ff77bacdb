/** @file `moonlet import model.onnx`, and an .onnx file wherever a trained net is taken. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import sharp from 'sharp';
import { encodeModel, ints } from '../../src/onnx/index.ts';
import { loadNet } from '../../zoo/index.ts';
import { moonlet } from '../support/cli.ts';
import { modelOf, op, real } from '../support/onnx-build.ts';

const pads = { pads: ints([1, 1, 1, 1]) };
const model = modelOf(
  ['n', 3, 8, 8],
  [
    { ...op('Conv', ['x', 'layer1.conv.weight'], 'a', pads), name: '/layer1/conv/Conv' },
    { ...op('Relu', ['a'], 'b'), name: '/layer1/relu/Relu' },
    { ...op('Conv', ['b', 'layer2.conv.weight'], 'c', pads), name: '/layer2/conv/Conv' },
    { ...op('Relu', ['c'], 'd'), name: '/layer2/relu/Relu' },
    { ...op('GlobalAveragePool', ['d'], 'e'), name: '/pool/GlobalAveragePool' },
    { ...op('Flatten', ['e'], 'f'), name: '/Flatten' },
    { ...op('Gemm', ['f', 'fc.weight'], 'y'), name: '/fc/Gemm' },
  ],
  [
    real('layer1.conv.weight', [4, 3, 3, 3]),
    real('layer2.conv.weight', [6, 4, 3, 3]),
    real('fc.weight', [6, 5]),
  ],
);

describe('an .onnx file on the command line', () => {
  let folder = '';
  const at = (name: string): string => join(folder, name);
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'onnx-cli-'));
    writeFileSync(at('net.onnx'), encodeModel(model));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is imported with its stages, and says what it has', async () => {
    const { code, stdout } = await moonlet(
      'import',
      at('net.onnx'),
      '--stages',
      'layer*',
      '--out',
      at('net'),
      '--json',
    );
    expect(code).to.equal(0);
    const { inputs, outputs, params, tensors } = JSON.parse(stdout);
    expect({ inputs, outputs, params }).to.deep.equal({
      inputs: [{ name: 'x', node: 'x', shape: [8, 8, 3] }],
      outputs: [{ name: 'y', node: 'fc', shape: [5] }],
      params: 108 + 216 + 30,
    });
    expect(tensors['stage2/conv:kernel']).to.equal('layer2.conv.weight');
    expect(loadNet(at('net')).graph.nodes.map(({ id }) => id)).to.include('stage1/conv');
    const card = JSON.parse(readFileSync(at('net/card.json'), 'utf8'));
    expect(card.imported).to.include({ file: 'net.onnx', format: 'onnx', opset: 18 });
  });

  it('is counted, shown, grown and exported', async () => {
    const counted = await moonlet('cost', at('net.onnx'), '--json');
    expect(JSON.parse(counted.stdout).params).to.equal(354);
    expect((await moonlet('show', at('net.onnx'), '--text')).stdout).to.include(
      'layer2/conv: conv 3x3 6 -> [8, 8, 6]',
    );
    const grown = await moonlet(
      'grow',
      at('net.onnx'),
      '--widen',
      'layer1/conv=x2',
      '--out',
      at('wide'),
      '--json',
    );
    expect([grown.code, JSON.parse(grown.stdout).after.params]).to.deep.equal([0, 216 + 432 + 30]);
    const exported = await moonlet('export', at('net.onnx'), '--format', 'onnx', '--out', at('back'));
    expect([exported.code, existsSync(at('back/model.onnx'))]).to.deep.equal([0, true]);
  });

  it('is the student of a distillation', async () => {
    const student = modelOf(
      ['n', 1, 28, 28],
      [
        op('Conv', ['x', 'conv.weight'], 'a', { strides: ints([4, 4]) }),
        op('Relu', ['a'], 'b'),
        op('GlobalAveragePool', ['b'], 'c'),
        op('Flatten', ['c'], 'd'),
        op('Gemm', ['d', 'fc.weight'], 'y'),
      ],
      [real('conv.weight', [4, 1, 3, 3]), real('fc.weight', [4, 10])],
    );
    writeFileSync(at('student.onnx'), encodeModel(student));
    const words = ['--teacher', 'mnist/wrn-16-1-bg4m', '--steps', '2', '--batch', '4', '--out', at('taught')];
    const { code, stderr } = await moonlet('distill', '--student', at('student.onnx'), ...words);
    expect(code, stderr).to.equal(0);
    expect(loadNet(at('taught')).graph.nodes.map(({ op: { kind } }) => kind)).to.deep.equal([
      ...['input', 'conv', 'act', 'globalPool', 'dense'],
    ]);
  });

  it('has on its card what --preprocessing says, by which it classifies pictures', async () => {
    const picture = at('red.png');
    await sharp({ create: { width: 16, height: 16, channels: 3, background: 'red' } }).toFile(picture);
    const said = async (...options: readonly string[]) => {
      const imported = await moonlet('import', at('net.onnx'), ...options, '--out', at('told'), '--force');
      expect(imported.code).to.equal(0);
      const { code, stderr } = await moonlet('classify', at('told'), picture);
      return [code, /no card says how pictures become its input/.test(stderr)];
    };
    expect(await said()).to.deep.equal([0, true]);
    expect(await said('--preprocessing', '{"mean":[0,0,0],"std":[1,1,1]}')).to.deep.equal([0, false]);
    const exported = await moonlet('export', at('told'), '--format', 'safetensors', '--out', at('again'));
    expect(exported.code, exported.stderr).to.equal(0);
    const { preprocessing } = JSON.parse(readFileSync(at('told/card.json'), 'utf8'));
    expect(preprocessing)
      .to.include({ size: 8, channels: 'rgb' })
      .and.deep.include({ mean: [0, 0, 0], std: [1, 1, 1] });
  });

  it('is cut, and refused where options do not fit', async () => {
    const cut = await moonlet(
      'import',
      at('net.onnx'),
      '--until',
      '/pool/GlobalAveragePool',
      '--out',
      at('cut'),
    );
    expect(cut.stdout).to.match(/output +layer2\/relu +8 x 8 x 6/);
    const refused = async (...words: readonly string[]) => {
      const { code, stderr } = await moonlet('import', ...words, '--out', at('none'));
      return [code, stderr.trim().replaceAll(`${folder}/`, '')];
    };
    expect(await refused(at('net.onnx'), '--until', 'pool')).to.deep.equal([
      2,
      'moonlet: net.onnx: until: the model has no node or value "pool".',
    ]);
    expect(await refused(at('net.onnx'), '--as', 'wrn')).to.deep.equal([
      2,
      'moonlet: --as is for files of weights; an .onnx file has its own architecture',
    ]);
    expect(await refused(at('net.onnx'), '--size', '8x8x8')).to.deep.equal([
      2,
      'moonlet: --size takes a number or two, such as 224 or 224x160, got "8x8x8"',
    ]);
    expect(await refused(at('net/weights.safetensors'), '--as', 'wrn', '--stages', 'x*')).to.deep.equal([
      2,
      'moonlet: --stages is for .onnx files',
    ]);
    expect(await refused(at('net/weights.safetensors'))).to.deep.equal([
      2,
      "moonlet: required option '--as <arch>' not specified; only .onnx files have an architecture of their own",
    ]);
    expect((await moonlet('cost', at('none.onnx'))).stderr).to.include('none.onnx"');
    expect(existsSync(at('none'))).to.equal(false);
  });
});
