/**
 * @file An ONNX file under onnxruntime's defaults, on this machine's processor or on one that qemu-user emulates. Each run is
 * a process of its own, since onnxruntime looks at the processor when it loads.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);

export interface Processor {
  readonly name: string;
  /** qemu's name of it; this machine's own without. */
  readonly cpu?: string;
}
export const processors: readonly Processor[] = [
  { name: 'this machine' },
  { name: 'AVX2', cpu: 'max' },
  { name: 'SSE4.2', cpu: 'Nehalem' },
];
export const hasQemu = (): boolean => spawnSync('qemu-x86_64', ['-version']).status === 0;

/** The file's first output for inputs [batches of `dims`], one array after another. */
export function runOn(
  { cpu }: Processor,
  model: Uint8Array,
  x: Float32Array,
  dims: readonly number[],
): Float32Array {
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-processor-'));
  try {
    const file = (name: string): string => join(folder, name);
    writeFileSync(file('model.onnx'), model);
    writeFileSync(file('x.bin'), new Uint8Array(x.buffer, x.byteOffset, x.byteLength));
    writeFileSync(file('run.cjs'), program);
    const words = [file('run.cjs'), folder, JSON.stringify(dims), require.resolve('onnxruntime-node')];
    const [command, args] = cpu
      ? (['qemu-x86_64', ['-cpu', cpu, process.execPath, ...words]] as const)
      : ([process.execPath, words] as const);
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ${cpu ?? ''}: exit ${status}\n${stderr}`);
    const bytes = readFileSync(file('y.bin'));
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Plain JavaScript: a stranger's program, without options that matter to numbers: quiet, and one thread, since emulated ones wait. */
const program = `
const { readFileSync, writeFileSync } = require('node:fs');
const [folder, dims, ort] = process.argv.slice(2);
const { InferenceSession, Tensor } = require(ort);
(async () => {
  const shape = JSON.parse(dims);
  const raw = readFileSync(folder + '/x.bin');
  const x = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
  const size = shape.reduce((n, d) => n * d, 1);
  const session = await InferenceSession.create(folder + '/model.onnx', { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const parts = [];
  for (let at = 0; at < x.length; at += size) {
    const batch = new Tensor('float32', x.subarray(at, at + size), shape);
    const y = (await session.run({ [session.inputNames[0]]: batch }))[session.outputNames[0]];
    parts.push(Buffer.from(y.data.buffer, y.data.byteOffset, y.data.byteLength));
  }
  writeFileSync(folder + '/y.bin', Buffer.concat(parts));
})();
`;
