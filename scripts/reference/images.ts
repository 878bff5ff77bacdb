/**
 * @file Photographs of scikit-image, prepared in 24 ways each and compared to the last bit with what Pillow, torchvision and timm make
 * of them; decoded by sharp and compared with what Pillow decodes; changed by the operations of augmentations, 121 each
 * (`npm run references -- images`). MOONLET_PYTHON names an interpreter that has timm, torchvision and scikit-image.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Preparation, prepared } from '../../src/data/images/index.ts';
import { readPicture } from '../../src/data/index.ts';
import { operationNamed, type Words } from '../../test/support/picture-operations.ts';

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const run = (...args: string[]) => spawnSync(python, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });

interface Photo {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly ways: readonly Preparation[];
}

const names = [
  'astronaut.png',
  'camera.png',
  'chelsea.png',
  'coffee.png',
  'color.png',
  'hubble_deep_field.jpg',
];
const more = ['retina.jpg', 'rocket.jpg', 'horse.png', 'page.png', 'motorcycle_left.png', 'ihc.png'];
const found = run('-c', 'import timm, torchvision, skimage, os; print(os.path.dirname(skimage.__file__))');
if (found.status !== 0) {
  console.log('images: not compared; set MOONLET_PYTHON to a Python that has timm, torchvision and skimage');
  process.exit(0);
}
const scratch = mkdtempSync(join(tmpdir(), 'images-'));
try {
  const files = [...names, ...more].map((name) => join(found.stdout.trim(), 'data', name));
  const { status, stderr } = run('scripts/reference/images.py', 'photos', scratch, ...files);
  if (status !== 0) throw new Error(`scripts/reference/images.py failed:\n${stderr}`);
  const index: { by: string; photos: readonly Photo[] } = JSON.parse(
    readFileSync(join(scratch, 'index.json'), 'utf8'),
  );
  console.log(`against ${index.by}`);
  for (const [n, photo] of index.photos.entries()) await compare(photo, n);
  for (const file of files.slice(0, 4)) await compareOperations(file);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** The operations of scripts/reference/augment.py on a photograph. */
async function compareOperations(file: string): Promise<void> {
  const { status, stdout, stderr } = run('scripts/reference/augment.py', '--photo', file);
  if (status !== 0) throw new Error(`scripts/reference/augment.py failed:\n${stderr}`);
  const picture = await readPicture(file, { channels: 3 });
  const lines = stdout.trim().split('\n');
  const wrong = lines.filter((line) => {
    const at = line.lastIndexOf(' ');
    const words: Words = JSON.parse(line.slice(0, at));
    const { data } = operationNamed(words)(picture);
    return createHash('sha256').update(data).digest('hex').slice(0, 16) !== line.slice(at + 1);
  });
  console.log(`${basename(file)}: ${lines.length - wrong.length} of ${lines.length} operations equal`);
  for (const line of wrong) console.log(`  differs: ${line}`);
  if (wrong.length) process.exitCode = 1;
}

/** The largest difference of two arrays of bytes. */
function apart(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((most, v, i) => Math.max(most, Math.abs(v - (b[i] ?? 0))), 0);
}

async function compare({ file, width, height, ways }: Photo, n: number): Promise<void> {
  const data = readFileSync(join(scratch, `${n}.raw`));
  const decoded = apart((await readPicture(file, { channels: 3 })).data, data);
  const picture = { width, height, channels: 3, data };
  const each = ways.map((how, k) =>
    apart(prepared(picture, how), readFileSync(join(scratch, `${n}-${k}.raw`))),
  );
  const worst = Math.max(...each);
  console.log(
    `${basename(file)} ${width}x${height}: decoded within ${decoded}, ${ways.length} preparations within ${worst} of 255`,
  );
  if (decoded || worst) process.exitCode = 1;
}
