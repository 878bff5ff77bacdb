/**
 * @file The peak memory of training on a folder of photographs: makes 10,000 JPEG files of 500x375 and trains MobileNetV2 for one epoch
 * of random parts of them, in a process of its own whose peak is read at its end. `npm run experiment -- picture-memory`;
 * `--count N` other numbers of photographs, `--size S` of the input (128), `--batch B` (16), `--cache BYTES` as in `moonlet fit`, `--augment PRESET`
 * (standard), `--folder PATH` keeps the photographs for another run, `--limit MIB` fails above it (1024).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { wholeFlag } from '../../src/cli/numbers.ts';
import { print } from '../../src/cli/say.ts';
import { random } from '../../src/random.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    size: { type: 'string', default: '128' },
    batch: { type: 'string', default: '16' },
    cache: { type: 'string', default: '128MB' },
    augment: { type: 'string', default: 'standard' },
    folder: { type: 'string' },
    limit: { type: 'string', default: '1024' },
  },
});
const count = wholeFlag('count', values.count, { min: 100 });
const limit = wholeFlag('limit', values.limit, { min: 1 });
const batch = wholeFlag('batch', values.batch, { min: 1, max: 4096 });
const [width, height, classes] = [500, 375, 10];

/** A photograph-like picture: waves of a class's direction, a bright disc, and noise; about 45 kB as JPEG. */
async function photograph(file: string, label: number, i: number): Promise<void> {
  const source = random('photograph', label, i);
  const [angle, period] = [(Math.PI * label) / classes, 20 + 60 * source.uniform()];
  const [x0, y0, r] = [width * source.uniform(), height * source.uniform(), 40 + 80 * source.uniform()];
  const tint = [0, 1, 2].map(() => 60 + 120 * source.uniform());
  const [cos, sin] = [(2 * Math.PI * Math.cos(angle)) / period, (2 * Math.PI * Math.sin(angle)) / period];
  const data = new Uint8ClampedArray(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const wave = 50 * Math.sin(x * cos + y * sin) + (Math.hypot(x - x0, y - y0) < r ? 60 : 0);
      const noise = 40 * (source.uniform() - 0.5);
      for (let c = 0; c < 3; c++) data[(y * width + x) * 3 + c] = tint[c]! + wave + noise;
    }
  await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 85 })
    .toFile(file);
}

/** Class folders below `train` and `val`, `count` and a twentieth of it; those that exist are kept. */
async function writePhotographs(folder: string): Promise<void> {
  for (const [part, n] of Object.entries({ train: count, val: Math.ceil(count / 20) }))
    for (let label = 0; label < classes; label++) {
      const path = join(folder, part, `class-${label}`);
      mkdirSync(path, { recursive: true });
      for (let i = label; i < n; i += classes) {
        const file = join(path, `${i}.jpg`);
        if (!existsSync(file)) await photograph(file, label, part === 'train' ? i : count + i);
      }
    }
}

/** Runs in the child: its peak memory in kB to file descriptor 3 when it ends. On Linux maxRSS counts the process that started it too. */
const meter = `process.on('exit', () => {
  const { readFileSync, writeSync } = require('node:fs');
  let peak = process.resourceUsage().maxRSS;
  try {
    peak = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  } catch {}
  writeSync(3, String(peak));
});
`;

const scratch = mkdtempSync(join(tmpdir(), 'picture-memory-'));
try {
  const folder = values.folder ?? join(scratch, 'photographs');
  await writePhotographs(folder);
  const meterFile = join(scratch, 'meter.cjs');
  writeFileSync(meterFile, meter);
  const steps = Math.floor(count / batch);
  const words = [
    ...['fit', 'mobilenet-v2', 'width=0.35', `size=${values.size}`, `classes=${classes}`, '--data', folder],
    ...['--steps', `${steps}`, '--batch', `${batch}`, '--augment', values.augment, '--cache', values.cache],
    ...['--out', join(scratch, 'net'), '--checkpoint-every', `${steps}`],
  ];
  const start = performance.now();
  const { status, output, stderr } = spawnSync(
    process.execPath,
    ['--require', meterFile, '--import', 'tsx', 'src/cli/main.ts', ...words],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe', 'pipe'], maxBuffer: 2 ** 26 },
  );
  if (status !== 0) throw new Error(`moonlet ${words.join(' ')}: exit ${status}\n${stderr}`);
  const peak = Number(output[3]) / 1024;
  const seconds = (performance.now() - start) / 1000;
  print(
    `${count} photographs of ${width}x${height}, input ${values.size}, --augment ${values.augment} --cache ${values.cache}: ${steps} steps of ${batch}`,
  );
  print(`peak ${peak.toFixed(0)} MiB of ${limit}; ${seconds.toFixed(0)} s with decoding and measuring`);
  if (peak > limit) process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
