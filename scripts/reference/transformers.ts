/**
 * @file Exports run by transformers.js itself, as a stranger runs them (`npm run references -- transformers [folders...]`): the
 * published package is installed in a temporary folder, and `pipeline('image-classification', folder)` must give the
 * logits that we give for the same pixels, in floats and in integers; its own pixels are compared by their top 5. Without folders a shipped student on digits, where no image is resized and scores must
 * be equal; with folders of ImageNet nets, photographs of scikit-image. MOONLET_PYTHON names an interpreter that has
 * torchvision, scikit-image and onnxruntime: its image transforms are the reference, and it reads the metadata of each file.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { quantizeByData } from '../../src/compress/index.ts';
import { bytesOfImages, loadDataset } from '../../src/data/index.ts';
import { compile } from '../../src/engine/index.ts';
import { type ExportCard, readExportCard, toTransformers } from '../../src/export/index.ts';
import { readText } from '../../src/files/index.ts';
import { classesOf, inputShape } from '../../src/graph/index.ts';
import { imagenetLabels } from '../../src/import/imagenet-labels.ts';
import { passes } from '../../src/learn/task/index.ts';
import type { Net } from '../../src/weights/index.ts';
import { loadStudent, studentFolder } from '../../zoo/index.ts';
import { png } from '../lib/png.ts';

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const pinned = '@huggingface/transformers@4.3.2';
const photographs = ['chelsea.png', 'coffee.png', 'rocket.jpg'];
const digits = 'mnist/wrn-16-1';
const names = process.argv.length > 2 ? process.argv.slice(2) : [digits];
const root = mkdtempSync(join(tmpdir(), 'transformers-'));

interface Picture {
  readonly name: string;
  readonly path: string;
  /** The input of the net, by the reference's transforms. */
  readonly x: Float32Array;
}
/** What transformers.js says of a picture: by its pipeline, and of the reference's pixels. */
interface Answer {
  readonly scores: readonly Score[];
  readonly logits: readonly number[];
}
interface Score {
  readonly label: string;
  readonly score: number;
}

function run(command: string, args: readonly string[], cwd?: string): string {
  const options = { encoding: 'utf8', maxBuffer: 2 ** 28, ...(cwd === undefined ? {} : { cwd }) } as const;
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args[0]}: ${error?.message ?? stderr}`);
  return stdout;
}

function install(): void {
  writeFileSync(join(root, 'package.json'), '{"private":true,"type":"module"}\n');
  writeFileSync(
    join(root, '.npmrc'),
    'onnxruntime-node-install=skip\nloglevel=error\nfund=false\naudit=false\n',
  );
  run('npm', ['install', '--silent', '--save-exact', pinned], root);
  const script = `
    import { readFileSync } from 'node:fs';
    import { env, pipeline, Tensor } from '@huggingface/transformers';
    const [folder, dtype, shape, ...images] = process.argv.slice(2);
    env.allowRemoteModels = false;
    env.localModelPath = '/';
    const classify = await pipeline('image-classification', folder, { dtype });
    const all = [];
    for (const image of images) {
      const values = new Float32Array(new Uint8Array(readFileSync(image + '.bin')).buffer);
      const { logits } = await classify.model({ pixel_values: new Tensor('float32', values, shape.split(',').map(Number)) });
      all.push({ scores: await classify(image, { top_k: 5 }), logits: [...logits.data] });
    }
    process.stdout.write(JSON.stringify(all));
  `;
  writeFileSync(join(root, 'classify.js'), script);
}

/** Digits of the test split as PNG files. */
async function digitPictures(card: ExportCard): Promise<readonly Picture[]> {
  const { test } = await loadDataset('mnist');
  const [mean, std] = [Number(card.preprocessing?.mean), Number(card.preprocessing?.std)];
  const bytes = bytesOfImages(test, 'transformers');
  return Array.from({ length: 10 }, (_, i) => {
    const pixels = bytes.subarray(i * 784, (i + 1) * 784);
    const path = join(root, `digit${i}.png`);
    writeFileSync(
      path,
      png(
        28,
        28,
        Uint8Array.from({ length: 3 * 784 }, (_, k) => pixels[Math.floor(k / 3)] ?? 0),
      ),
    );
    return { name: `digit ${i}`, path, x: Float32Array.from(pixels, (v) => (v / 255 - mean) / std) };
  });
}

/** Photographs, prepared by torchvision as the card says. */
function photographPictures(card: ExportCard, size: number): readonly Picture[] {
  const folder = join(dirname(run(python, ['-c', 'import skimage; print(skimage.__file__)']).trim()), 'data');
  return photographs.map((name) => {
    const [path, out] = [join(root, name), join(root, 'input.bin')];
    copyFileSync(join(folder, name), path);
    run(python, [
      'scripts/reference/prepared.py',
      path,
      JSON.stringify({ ...card.preprocessing, size }),
      out,
    ]);
    const bytes = readFileSync(out);
    return { name, path, x: new Float32Array(new Uint8Array(bytes).buffer) };
  });
}

async function logitsOf(net: Net, x: Float32Array): Promise<Float32Array> {
  const compiled = await compile(net);
  const [logits = new Float32Array()] = [...(await compiled.run(x)).values()];
  await compiled.release();
  return logits;
}

function topFive(logits: Float32Array, labels: readonly string[]): readonly Score[] {
  const most = Math.max(...logits);
  const powers = [...logits].map((v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  const scores = powers.map((v, i) => ({ label: labels[i] ?? '', score: v / sum }));
  return scores.sort((a, b) => b.score - a.score).slice(0, 5);
}

/** The pixels beside each picture as transformers.js takes them: channels first, grey as three. */
function writePixels(pictures: readonly Picture[], [size, , channels = 0]: readonly number[]): void {
  const area = (size ?? 0) ** 2;
  for (const { path, x } of pictures) {
    const out = Float32Array.from({ length: 3 * area }, (_, i) => {
      const [channel, pixel] = [Math.floor(i / area), i % area];
      return x[pixel * channels + (channels === 3 ? channel : 0)] ?? 0;
    });
    writeFileSync(`${path}.bin`, new Uint8Array(out.buffer));
  }
}

/** Batches that calibrate: training images for digits, the photographs themselves for others. */
async function batches(name: string, pictures: readonly Picture[]): Promise<readonly Float32Array[]> {
  if (name !== digits) return pictures.map(({ x }) => x);
  const set = await loadDataset('mnist');
  for (const { x } of passes(set.train, set, 250)) return [x];
  return [];
}

/**
 * Says how an answer compares; whether it is right: the same logits of the same pixels within 1e-4 of the largest, and by the
 * pipeline, which resizes in its own way, the same scores where nothing is resized.
 */
function isRight(
  title: string,
  logits: Float32Array,
  answer: Answer | undefined,
  labels: readonly string[],
  exact: boolean,
): boolean {
  const [ours, theirs] = [topFive(logits, labels), answer?.scores ?? []];
  const scale = Math.max(...logits.map(Math.abs));
  const model = Math.max(...logits.map((v, i) => Math.abs(v - (answer?.logits[i] ?? Number.NaN)))) / scale;
  const scoreOf = (label: string): number | undefined => theirs.find((s) => s.label === label)?.score;
  const common = ours.filter(({ label }) => scoreOf(label) !== undefined).length;
  const far = Math.max(...ours.map((s) => Math.abs(s.score - (scoreOf(s.label) ?? s.score))));
  const good = model <= 1e-4 && (!exact || (common === 5 && far < 1e-5));
  const top = ([first]: readonly Score[]) => `${first?.label} ${first?.score.toFixed(3)}`;
  console.log(
    `${good ? 'ok' : 'WRONG'}  ${title}: same pixels ${model.toExponential(1)}; ours ${top(ours)}, pipeline ${top(theirs)}, ${common} of the top 5 the same, their scores within ${far.toExponential(1)}`,
  );
  return good;
}

async function check(name: string): Promise<boolean> {
  const net = loadStudent(name);
  const path = join(studentFolder(name), 'card.json');
  const [classes, shape] = [classesOf(net.graph), inputShape(net.graph)];
  const labels = classes === 1000 ? imagenetLabels : Array.from({ length: classes }, (_, i) => `class ${i}`);
  const card = { ...readExportCard(readText(path), path), labels };
  const pictures = name === digits ? await digitPictures(card) : photographPictures(card, shape[0]);
  const quantized = await quantizeByData(net, await batches(name, pictures));
  const folder = join(root, 'model');
  for (const [file, content] of Object.entries(toTransformers(net, { card, quantized }).files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), content);
  }
  const said = run(python, ['scripts/reference/metadata.py', join(folder, 'onnx', 'model.onnx')]);
  let good = JSON.parse(said).labels === JSON.stringify(labels);
  if (!good) console.error(`WRONG  ${name}: onnxruntime reads other metadata: ${said.slice(0, 200)}`);
  writePixels(pictures, shape);
  for (const dtype of ['fp32', 'q8']) {
    const words = [dtype, [1, 3, shape[0], shape[1]].join(), ...pictures.map((p) => p.path)];
    const answers: readonly Answer[] = JSON.parse(
      run(process.execPath, ['classify.js', resolve(folder), ...words], root),
    );
    for (const [i, picture] of pictures.entries()) {
      const logits = await logitsOf(dtype === 'q8' ? quantized : net, picture.x);
      if (!isRight(`${name} ${dtype}, ${picture.name}`, logits, answers[i], labels, name === digits))
        good = false;
    }
  }
  return good;
}

try {
  install();
  let failed = 0;
  for (const name of names) if (!(await check(name))) failed++;
  process.exitCode = failed ? 1 : 0;
} finally {
  rmSync(root, { recursive: true, force: true });
}
