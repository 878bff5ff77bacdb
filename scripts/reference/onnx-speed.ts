/**
 * @file Compares reading an ONNX file with onnx.load and shape inference in Python: time and memory, side by side
 * (`npm run references -- onnx-speed [--rounds N] [--write]`). The file is torchvision's MobileNetV2 by PyTorch's exporter.
 * MOONLET_PYTHON names an interpreter that has torch, torchvision and onnx.
 *
 * Both read the same file from disk, in turn, in processes that have loaded their libraries; medians of --rounds (41). The first
 * read of a process is reported by itself, from 5 processes. Memory is the largest resident set during the first read over that
 * before it (Linux). Moonlet runs as a bundle, as in the package, without tsx.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { median } from '../../src/bench/numbers.ts';
import { writeSection } from './onnx-nets-table.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '41' }, write: { type: 'boolean', default: false } },
});
const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const processes = 5;

interface Read {
  readonly ms: number;
  readonly peakBytes: number;
}
interface Reader {
  read(): Promise<Read>;
  end(): Promise<void>;
}

/** What the process of Moonlet runs: it reads the file once for each line of its input. */
const program = `
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { readOnnxFile } from './zoo/onnx-file.ts';

const memory = (name) => Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
for await (const _ of createInterface({ input: process.stdin })) {
  writeFileSync('/proc/self/clear_refs', '5');
  const before = memory('VmRSS');
  const start = performance.now();
  const net = readOnnxFile(process.argv[2]);
  const ms = performance.now() - start;
  console.log(JSON.stringify({ ms, peakBytes: memory('VmHWM') - before, nodes: net.graph.nodes.length }));
}
`;

function start(command: string, words: readonly string[]): Reader {
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async read() {
      child.stdin.write('read\n');
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} ended`);
      return JSON.parse(value);
    },
    async end() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

/** The same job by both, in turn. */
async function measured(readers: readonly (() => Reader)[], rounds: number) {
  const first = readers.map((): Read[] => []);
  for (let i = 0; i < processes; i++)
    for (const [k, make] of readers.entries()) {
      const reader = make();
      first[k]?.push(await reader.read());
      await reader.end();
    }
  const open = readers.map((make) => make());
  const warm = readers.map((): number[] => []);
  for (let i = -10; i < rounds; i++)
    for (const [k, reader] of open.entries()) {
      const { ms } = await reader.read();
      if (i >= 0) warm[k]?.push(ms);
    }
  await Promise.all(open.map((reader) => reader.end()));
  return readers.map((_, k) => ({
    first: median(first[k]?.map(({ ms }) => ms) ?? []),
    peak: median(first[k]?.map(({ peakBytes }) => peakBytes) ?? []),
    warm: median(warm[k] ?? []),
  }));
}

async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-speed-'));
  try {
    const [file, bundle] = [join(folder, 'mobilenet_v2.onnx'), join(folder, 'reader.mjs')];
    spawnSync(python, ['scripts/reference/onnx_speed.py', 'make', file], { stdio: 'ignore' });
    await build({
      stdin: { contents: program, resolveDir: process.cwd(), loader: 'ts' },
      ...{ bundle: true, platform: 'node', format: 'esm', outfile: bundle, logLevel: 'error' },
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
    });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const [ours, theirs] = await measured(
      [
        () => start(process.execPath, [bundle, file]),
        () => start(python, ['scripts/reference/onnx_speed.py', 'read', file]),
      ],
      Number(flags.rounds),
    );
    if (!ours || !theirs) throw new Error('nothing was measured');
    const size = statSync(file).size;
    const times = (n: number): string => `${(n / size).toFixed(1)} x`;
    const ms = (n: number): string => n.toFixed(1);
    const table = [
      `| MobileNetV2, ${(size / 1e6).toFixed(1)} MB | Moonlet, net built | Python, onnx.load and infer_shapes | ratio |`,
      '|---|--:|--:|--:|',
      `| a read, ms (median of ${flags.rounds}) | ${ms(ours.warm)} | ${ms(theirs.warm)} | ${(ours.warm / theirs.warm).toFixed(2)} |`,
      `| the first read of a process, ms (median of ${processes}) | ${ms(ours.first)} | ${ms(theirs.first)} | ${(ours.first / theirs.first).toFixed(2)} |`,
      `| most memory of the first read, in sizes of the file | ${times(ours.peak)} | ${times(theirs.peak)} | ${(ours.peak / theirs.peak).toFixed(2)} |`,
    ].join('\n');
    console.log(table);
    if (flags.write) writeSection('onnx-speed', table);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (spawnSync(python, ['-c', 'import torchvision, onnx']).status === 0) await run();
else
  console.log(
    `references: not measured, since ${python} lacks torchvision or onnx; set MOONLET_PYTHON to one that has them`,
  );
