/**
 * @file Exports of shipped students by the command line, read as a stranger reads them: model.onnx under onnxruntime must give
 * the card's accuracy on the whole test split, model.json under plain tf.layers the same logits as model.onnx within 1e-4 of
 * the largest. `npm run references -- export [students...]`; all of them unless told.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import '@tensorflow/tfjs-backend-cpu';
import { bytesOfImages, loadDataset } from '../../src/data/index.ts';
import { readText } from '../../src/files/index.ts';
import { type Card, readCard, studentNames } from '../../zoo/index.ts';

const names = process.argv.length > 2 ? process.argv.slice(2) : studentNames();
const root = mkdtempSync(join(tmpdir(), 'moonlet-export-'));
const cli = join('src', 'cli', 'main.ts');

function exported(name: string, format: string): string {
  const out = join(root, format, name);
  const words = ['--import', 'tsx', cli, 'export', name, '--format', format, '--out', out];
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`export ${name}: exit ${status}\n${stderr}`);
  return out;
}

/** Pixels as the card of a student says that it takes them. */
function values(raw: Uint8Array, { mean, std }: Card['preprocessing']): Float32Array {
  return Float32Array.from(raw, (v) => (v / 255 - Number(mean)) / Number(std));
}

/** How often the file is right, and its first logits. */
async function underOnnxruntime(
  file: string,
  name: string,
): Promise<{ accuracy: number; some: Float32Array }> {
  const { preprocessing: p, data } = readCard(name);
  const { test } = await loadDataset(data);
  const session = await InferenceSession.create(file);
  const [input = '', output = ''] = [session.inputNames[0], session.outputNames[0]];
  const [pixels, batch] = [test.pixels.length / test.count, 100];
  let [right, some] = [0, new Float32Array()];
  for (let at = 0; at < test.count; at += batch) {
    const x = values(bytesOfImages(test, 'reference').subarray(at * pixels, (at + batch) * pixels), p);
    const said = (await session.run({ [input]: new Tensor('float32', x, [batch, 28, 28, 1]) }))[output];
    const logits = said?.data as Float32Array;
    if (at === 0) some = logits.slice();
    for (let i = 0; i < batch; i++) {
      const row = logits.subarray(i * 10, i * 10 + 10);
      if (row.indexOf(Math.max(...row)) === test.labels[at + i]) right++;
    }
  }
  await session.release();
  return { accuracy: right / test.count, some };
}

/** The largest difference of the same images' logits, as a share of the largest; nothing for nets that need layers of ours. */
async function underTfLayers(folder: string, name: string, onnx: Float32Array): Promise<number | undefined> {
  const { preprocessing: p, data } = readCard(name);
  const { test } = await loadDataset(data);
  const { modelTopology, weightsManifest } = JSON.parse(readText(join(folder, 'model.json')));
  const weightSpecs = weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights);
  const bytes = readFileSync(join(folder, 'weights.bin'));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const model = await loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData })).catch(
    (error: Error) => {
      if (error.message.startsWith('Unknown layer')) return undefined;
      throw error;
    },
  );
  if (!model) return undefined;
  const x = values(bytesOfImages(test, 'reference').subarray(0, 10 * 784), p);
  const said = (model.predict(tf.tensor4d(x, [10, 28, 28, 1])) as tf.Tensor).dataSync();
  const most = Math.max(...onnx.subarray(0, 100).map(Math.abs));
  return Math.max(...said.map((v, i) => Math.abs(v - (onnx[i] as number)))) / most;
}

let failed = 0;
try {
  await tf.setBackend('cpu');
  for (const name of names) {
    const { accuracy, some } = await underOnnxruntime(join(exported(name, 'onnx'), 'model.onnx'), name);
    const by = await underTfLayers(exported(name, 'tfjs'), name, some);
    const good = accuracy === readCard(name).accuracy && (by === undefined || by <= 1e-4);
    if (!good) failed++;
    const layers =
      by === undefined ? 'needs layers of moonlet/tfjs' : `plain tf.layers within ${by.toExponential(0)}`;
    console.log(
      `${good ? 'ok' : 'WRONG'}  ${name}: onnxruntime ${accuracy}, card ${readCard(name).accuracy}; ${layers}`,
    );
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
