/**
 * @file A run that dies and resumes, logged for TensorBoard and read back by its own reader (`npm run references -- tensorboard`).
 * MOONLET_PYTHON names an interpreter that has tensorboard.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fit } from '../../src/learn/index.ts';
import { scalarEvent, startEvent, tensorBoard, tfRecord, versionEvent } from '../../src/run/tensorboard.ts';
import { corners, cornersNet, cornersScale, memoryStore } from '../../test/support/corners.ts';

const python = process.env['MOONLET_PYTHON'] ?? 'python3';
const run = (...args: string[]) => spawnSync(python, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
if (run('-c', 'import tensorboard').status !== 0) {
  console.log('tensorboard: not compared; set MOONLET_PYTHON to a Python that has tensorboard');
  process.exit(0);
}
const script = 'scripts/reference/tensorboard_events.py';
const folder = mkdtempSync(join(tmpdir(), 'tensorboard-'));

interface Read {
  readonly by: string;
  readonly version: number;
  readonly scalars: Readonly<
    Record<string, readonly (readonly [step: number, value: number, time: number])[]>
  >;
}

try {
  const history = await stoppedAndResumed();
  const { status, stdout, stderr } = run(script, 'read', join(folder, 'runs'));
  if (status !== 0) throw new Error(`${script} failed:\n${stderr}`);
  const read: Read = JSON.parse(stdout);
  const steps = read.scalars['train/loss']?.map(([step]) => step);
  same(
    'steps',
    steps,
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
  same(
    'losses',
    read.scalars['train/loss']?.map(([, value]) => value),
    history.loss.map(Math.fround),
  );
  same(
    'held-out measures',
    read.scalars['held-out/measure']?.map(([step, value]) => [step, value]),
    history.validation.map(([step, value]) => [step, Math.fround(value)]),
  );
  same('tags', Object.keys(read.scalars).sort(), [
    'held-out/measure',
    'train/accuracy',
    'train/loss',
    'train/rate',
  ]);
  console.log(
    `${read.by}: reads 40 steps of a run that died after 25, resumed from 20, and was logged to two files`,
  );
  goldenBytes();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** 25 steps, the last five of which no checkpoint has; then the rest, from the checkpoint. */
async function stoppedAndResumed() {
  const checkpoints = memoryStore();
  const logged = async (diesAt: number, now: number) => {
    const board = tensorBoard(join(folder, 'runs'), { now: () => now });
    const hooks = board.hooks();
    try {
      const { history } = await fit(cornersNet(), corners(48, 1), cornersScale, {
        ...{
          steps: 40,
          batch: 16,
          seed: 1,
          validation: corners(24, 2),
          evaluateEvery: 10,
          checkpointEvery: 20,
        },
        ...{ ...hooks, checkpoints },
        onStep: (at) => {
          hooks.onStep(at);
          if (at.step === diesAt) throw new Error('killed');
        },
      });
      return history;
    } finally {
      board.close();
    }
  };
  await logged(25, 1_700_000_000).catch(() => undefined);
  return logged(Number.POSITIVE_INFINITY, 1_700_000_100);
}

/** The bytes of our encoder and of TensorBoard's own writer. */
function goldenBytes(): void {
  const path = join(folder, 'golden');
  const { status, stderr } = run(script, 'write', path);
  if (status !== 0) throw new Error(`${script} failed:\n${stderr}`);
  const ours = [
    versionEvent(1_700_000_000.5),
    startEvent(1_700_000_001.25, 301),
    scalarEvent(1_700_000_002, 1_000_000, { 'train/loss': 2.25, 'train/rate': 0.1 }),
  ];
  const bytes = Buffer.concat(ours.map(tfRecord));
  same('bytes', bytes.toString('base64'), readFileSync(path).toString('base64'));
  console.log(`the same ${bytes.length} bytes as its own writer: ${bytes.toString('base64')}`);
}

function same(what: string, found: unknown, wanted: unknown): void {
  if (JSON.stringify(found) === JSON.stringify(wanted)) return;
  throw new Error(`${what}: ${JSON.stringify(found)}, and not ${JSON.stringify(wanted)}`);
}
