/** @file `moonlet export` and `show --svg`: files that other runtimes load, compared before they are saved. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { agrees, farness } from '../../src/cli/export-compare.ts';
import { quantizeByData } from '../../src/compress/index.ts';
import { loadDataset, type Split } from '../../src/data/index.ts';
import { compile, runModel } from '../../src/engine/index.ts';
import { graph, init, input } from '../../src/index.ts';
import { evaluate, passes } from '../../src/learn/task/index.ts';
import { decodeModel } from '../../src/onnx/index.ts';
import { fromLayers, unpackLayers } from '../../src/read/tfjs/index.ts';
import { materialize, type Net } from '../../src/weights/index.ts';
import { loadStudent, saveNet } from '../../zoo/index.ts';
import { expectRefusal, moonlet, scratch } from '../support/cli.ts';
import { expectSame } from '../support/laws.ts';
import { largestDifference, noise, shaken, small } from '../support/nets.ts';

const student = 'mnist/wrn-16-1';
const images = noise(2 * 28 * 28, 'export');
async function logits(net: Net, x = images): Promise<Float32Array> {
  const compiled = await compile(net);
  const [values] = [...(await compiled.run(x)).values()];
  await compiled.release();
  return values as Float32Array;
}

describe('moonlet export', () => {
  const at = scratch();
  const exported = async (...words: readonly string[]): Promise<Record<string, unknown>> => {
    const { code, stdout } = await moonlet('export', ...words, '--json');
    expect(code).to.equal(0);
    return JSON.parse(stdout) as Record<string, unknown>;
  };

  it('onnx --batch: a file that takes so many images at once', async () => {
    const out = at('batch');
    await exported(student, '--format', 'onnx', '--layout', 'NCHW', '--batch', '2', '--out', out);
    expect(decodeModel(readFileSync(join(out, 'model.onnx'))).inputs[0]?.shape).to.deep.equal([2, 1, 28, 28]);
    await expectRefusal(
      ['export', student, '--format', 'tfjs', '--batch', '2', '--out', at('no')],
      2,
      '--batch is for onnx, not for tfjs',
    );
  });

  it('onnx --webgpu: convs that WebGPU computes wrongly are written in other forms, of the same values', async () => {
    const lenet = ['mnist/lenet-5', '--format', 'onnx', '--out'];
    const notes = async (out: string, ...flags: readonly string[]): Promise<string> =>
      (await moonlet('export', ...lenet, at(out), ...flags)).stderr;
    expect(await notes('plain')).to.contain(
      '1 conv that onnxruntime-web 1.30 computes wrongly on WebGPU: --webgpu writes other forms',
    );
    expect(await notes('webgpu', '--webgpu')).to.contain('on WebGPU: written in other forms');
    const pads = (out: string): number =>
      decodeModel(readFileSync(join(at(out), 'model.onnx'))).nodes.filter((n) => n.opType === 'Pad').length;
    expect([pads('plain'), pads('webgpu')]).to.deep.equal([0, 2]);
    await expectRefusal(
      ['export', student, '--format', 'tfjs', '--webgpu', '--out', at('no')],
      2,
      '--webgpu is for onnx, not for tfjs',
    );
  });

  it('onnx --no-int4: kernels of 4 bits without int4, of the same values', async () => {
    const net = await quantizeByData(
      shaken(graph('few', input(6, 6, 3).conv(8, { kernel: 3 }).relu().globalPool().dense(4))),
      [noise(4 * 108, 'few')],
      { weights: 4 },
    );
    saveNet(at('few'), net);
    const written = async (out: string, ...flags: readonly string[]): Promise<unknown> => {
      await exported(at('few'), '--format', 'onnx', '--out', at(out), ...flags);
      const { opset, initializers } = decodeModel(readFileSync(join(at(out), 'model.onnx')));
      return [opset, initializers.filter((t) => t.dtype === 'int4').length];
    };
    expect(await written('int4')).to.deep.equal([21, 2]);
    expect(await written('bytes', '--no-int4')).to.deep.equal([18, 0]);
    await expectRefusal(
      ['export', student, '--format', 'tfjs', '--no-int4', '--out', at('no')],
      2,
      '--no-int4 is for onnx, not for tfjs',
    );
  });

  it('onnx: onnxruntime guesses what the student does', async () => {
    const out = at('onnx');
    const said = await exported(student, '--format', 'onnx', '--out', out);
    const bytes = readFileSync(join(out, 'model.onnx'));
    expect(said).to.deep.include({
      opset: 18,
      layout: 'NHWC',
      precision: 'float',
      files: [{ file: 'model.onnx', bytes: bytes.length }],
    });
    const model = decodeModel(bytes);
    expect(model.inputs[0]?.shape).to.deep.equal(['batch', 28, 28, 1]);
    const data = await loadDataset('mnist');
    const some: Split = {
      count: 300,
      pixels: data.test.pixels.slice(0, 300 * 784),
      labels: data.test.labels.slice(0, 300),
    };
    const { guesses } = await evaluate(loadStudent(student), some, data);
    const all: number[] = [];
    for (const { x } of passes(some, data, 100)) {
      const [y] = await runModel(bytes, x, 100);
      for (let i = 0; i < 100; i++) {
        const row = [...(y as Float32Array).subarray(i * 10, i * 10 + 10)];
        all.push(row.indexOf(Math.max(...row)));
      }
    }
    expect(all).to.deep.equal([...guesses]);
  });

  it('onnx --half: half of the bytes; the weights are rounded and nothing else', async () => {
    const out = at('half');
    const said = await exported(student, '--format', 'onnx', '--half', '--layout', 'nchw', '--out', out);
    const bytes = readFileSync(join(out, 'model.onnx'));
    expect(bytes.length).to.be.below(0.52 * 704_123);
    expect(said['roundingDiff'])
      .to.be.above(0)
      .and.below(0.01 * (said['scale'] as number));
    expect(decodeModel(bytes).inputs[0]?.shape).to.deep.equal(['batch', 1, 28, 28]);
    const [y] = await runModel(bytes, images, 2);
    expect(largestDifference(y as Float32Array, await logits(loadStudent(student)))).to.be.below(0.01);
  });

  it('onnx --int8: a quarter of the bytes, integers inside', async () => {
    const out = at('int8');
    await exported(student, '--format', 'onnx', '--int8', '--out', out);
    const bytes = readFileSync(join(out, 'model.onnx'));
    expect(bytes.length).to.be.below(0.3 * 704_123);
    expect(decodeModel(bytes).nodes.filter((n) => n.opType === 'QuantizeLinear').length).to.be.above(10);
  });

  it('of integers, in every format: held to steps, not to a share of the largest output', async () => {
    const x = noise(64 * 784, 'seen');
    const rounded = await quantizeByData(loadStudent(student), [x]);
    saveNet(at('rounded'), rounded);
    for (const words of [['tfjs'], ['onnx', '--half'], ['onnx']]) {
      const said = await exported(
        at('rounded'),
        '--out',
        at(`rounded${words.join('')}`),
        '--format',
        ...words,
      );
      const { size, within } = said['steps'] as { size: number; within: number };
      expect(size).to.be.above(0);
      expect(within, words.join(' ')).to.be.at.least(0.95);
    }
    // half precision is for weights, not for scales of codes
    const { nodes, initializers } = decodeModel(readFileSync(join(at('roundedonnx--half'), 'model.onnx')));
    const scales = new Set(nodes.flatMap((n) => (n.opType === 'DequantizeLinear' ? [n.inputs[1]] : [])));
    expect(initializers.filter((t) => scales.has(t.name)).length).to.equal(scales.size);
    await expectRefusal(
      ['export', at('rounded'), '--format', 'onnx', '--int8', '--out', at('twice')],
      1,
      `${at('rounded')}: the net is already quantized; remove --int8`,
    );
  });

  it('is refused where outputs are further than a step, by their share', () => {
    const far = (within: number) => ({ maxAbsDiff: 0.5, scale: 2, steps: { size: 0.1, within } });
    expect([agrees(far(0.95)), agrees(far(0.5))]).to.deep.equal([true, false]);
    expect(agrees({ maxAbsDiff: Number.NaN, scale: 2 })).to.equal(false);
    expect(farness(far(0.5))).to.equal(
      '50.0 % of the outputs are within a step (0.10) of the net, the farthest 5.0 steps',
    );
  });

  it('onnx --int8 of a folder calibrates on the data that its card or recipe names', async () => {
    saveNet(at('mine'), loadStudent(student), { from: student, data: 'mnist' });
    const said = await exported(at('mine'), '--format', 'onnx', '--int8', '--out', at('mine8'));
    expect(said['integers']).to.deep.equal({ signed: 23, unsigned: 0 }); // 16 layers and 7 norms
  });

  it('tfjs: tf.layers alone loads it, in a process that has nothing of ours', async () => {
    const out = at('tfjs');
    const said = await exported(student, '--format', 'tfjs', '--out', out);
    expect(said['ours']).to.deep.equal([]);
    writeFileSync(join(out, 'x.json'), JSON.stringify([...images]));
    const script = `
      import { readFileSync } from 'node:fs';
      import '@tensorflow/tfjs-backend-cpu';
      import * as tf from '@tensorflow/tfjs-core';
      import { loadLayersModel } from '@tensorflow/tfjs-layers';
      const { modelTopology, weightsManifest } = JSON.parse(readFileSync('${out}/model.json', 'utf8'));
      const [{ paths, weights }] = weightsManifest;
      const bytes = readFileSync('${out}/' + paths[0]);
      const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
      const model = await loadLayersModel({ load: async () => ({ modelTopology, weightSpecs: weights, weightData }) });
      const x = tf.tensor(JSON.parse(readFileSync('${out}/x.json', 'utf8')), [2, 28, 28, 1]);
      process.stdout.write('logits:' + JSON.stringify([...model.predict(x).dataSync()]));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    const found = /logits:(.*)$/s.exec(stdout)?.[1];
    expect(found, stderr).not.to.equal(undefined);
    const y = Float32Array.from(JSON.parse(found as string) as number[]);
    expect(largestDifference(y, await logits(loadStudent(student)))).to.be.below(1e-4);
  }).timeout(60_000);

  it('tfjs: layers of ours are named, and the model goes back to the graph', async () => {
    const net = shaken(small('shufflenet-v2'));
    saveNet(at('shuffle'), net);
    const { code, stderr } = await moonlet(
      'export',
      at('shuffle'),
      '--format',
      'tfjs',
      '--out',
      at('shuffle-tfjs'),
    );
    expect(code).to.equal(0);
    expect(stderr).to.match(
      /^\d+ layers are Moonlet's own \(.*slice.*\), because tf\.layers lacks them: import 'moonlet\/tfjs' before loading\n$/,
    );
    const model = await unpackLayers(
      readFileSync(join(at('shuffle-tfjs'), 'model.json'), 'utf8'),
      readFileSync(join(at('shuffle-tfjs'), 'weights.bin')),
    );
    expectSame(fromLayers(model), net);
    model.dispose();
  });

  it('safetensors: the same net to the bit', async () => {
    await exported(student, '--format', 'safetensors', '--out', at('st'));
    const [a, b] = [loadStudent(student), loadStudent(at('st'))];
    expect(b.graph).to.deep.equal(a.graph);
    for (const [key, w] of a.weights)
      expect(materialize(b.weights.get(key) as typeof w)).to.deep.equal(materialize(w));
  });

  it('source: the code and the weights', async () => {
    const said = await exported(student, '--format', 'source', '--out', at('source'));
    expect(said).to.deep.include({ format: 'source', maxAbsDiff: 0 });
    expect(readFileSync(join(at('source'), 'net.ts'), 'utf8')).to.include(
      "import { type Graph, graph, input } from 'moonlet';",
    );
    expect(existsSync(join(at('source'), 'weights.safetensors'))).to.equal(true);
  });

  it('refuses in one line what it cannot do, and saves nothing', async () => {
    const out = at('nothing');
    const refused = (words: readonly string[], text: string) =>
      expectRefusal(['export', student, '--out', out, ...words], 2, text);
    await refused(
      ['--format', 'onx'],
      'no format "onx". Did you mean "onnx"? There are tfjs, onnx, safetensors, source, transformers',
    );
    await refused(
      ['--format', 'tfjs', '--int8'],
      'tfjs cannot store integers; --int8 is for onnx, safetensors and transformers',
    );
    await refused(['--format', 'source', '--half'], 'source cannot store half precision; --half is for onnx');
    await refused(
      ['--format', 'onnx', '--half', '--int8'],
      '--int8 and --half exclude each other; choose one',
    );
    await refused(['--format', 'onnx', '--layout', 'HWC'], 'no layout "HWC"; choose NHWC or NCHW');
    saveNet(at('plain'), init(small('lenet-5', 28)));
    await expectRefusal(
      ['export', at('plain'), '--format', 'onnx', '--int8', '--out', out],
      1,
      `${at('plain')}: --int8 needs images of 28 x 28 x 1 for calibration, and its card names no dataset; ` +
        'give one with --data (mnist, fashion-mnist, or a folder of pictures), or calibrate in code with your own arrays (docs/integers.md)',
    );
    expect(existsSync(out)).to.equal(false);
  });
});

describe('moonlet show --svg', () => {
  const at = scratch();
  it('writes a picture with every layer in it', async () => {
    const file = at('net.svg');
    const { code, stdout } = await moonlet('show', 'shufflenet-v2', 'width=0.5', '--svg', file);
    expect([code, stdout]).to.deep.equal([0, `${file}\n`]);
    const text = readFileSync(file, 'utf8');
    expect(text).to.match(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+"/);
    for (const word of ['shufflenet-v2 width=0.5', 'shuffle 2', 'stage3', '1,366,792 parameters'])
      expect(text).to.include(word);
  });
});
