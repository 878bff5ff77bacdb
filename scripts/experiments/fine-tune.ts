/**
 * @file EfficientNet-Lite0 of ImageNet with a new head, fine-tuned on a folder of pictures in five classes, by Moonlet and by PyTorch
 * (timm) with one recipe. `npm run experiment -- fine-tune` runs them in turn, seed by seed, each in a process of its own, and
 * compares accuracy, time and memory; `--check` compares the first five steps instead. The pictures are scenes of Fashion-MNIST's
 * garments (scripts/lib/scene-folder.ts); the weights are fetched by pip. MOONLET_PYTHON names an interpreter that has timm and
 * torchvision.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { python } from '../../src/bench/children.ts';
import { wholeFlag } from '../../src/cli/numbers.ts';
import { note, print, printJson } from '../../src/cli/say.ts';
import { MoonletError, messageOf } from '../../src/errors.ts';
import { cosine } from '../../src/learn/index.ts';
import { comparedSteps, type StepRow, stepTable } from '../lib/fine-tune-check.ts';
import type { Job, Outcome } from '../lib/fine-tune-job.ts';
import { fastest, type Run, resultTables, type Way, writeSection } from '../lib/fine-tune-page.ts';
import { pretrained, startFolder } from '../lib/fine-tune-start.ts';
import { garments, sceneFolder } from '../lib/scene-folder.ts';

const sides = ['moonlet', 'pytorch'] as const;
type Side = (typeof sides)[number];
function parseSide(text: string): Side {
  const side = sides.find((name) => name === text);
  if (side) return side;
  throw new InvalidArgumentError(`it must be ${sides.join(' or ')}`);
}
const program = new Command('fine-tune')
  .option('--seeds <n>', 'runs of each side, with seeds 1 to n', '3')
  .option('--epochs <n>', 'of a run', '15')
  .option('--cache <folder>', 'keeps the pictures and the weights', join(tmpdir(), 'moonlet-fine-tune'))
  .option('--side <name>', 'only moonlet or pytorch', parseSide)
  .option('--check', 'only compare the first five steps of both, in float32, with float64')
  .option('--json', 'print the runs as JSON')
  .option('--write', 'write the section of docs/guides/pictures.md')
  .parse();
const o = program.opts<{
  seeds: string;
  epochs: string;
  side?: Side;
  cache: string;
  check?: boolean;
  json?: boolean;
  write?: boolean;
}>();

/** 100 pictures of each class to train on, and 100 to measure on, of 96 x 96, which is also the input: nothing is resized. */
const pictures = { seed: 1, size: 96, train: 100, val: 100 };
const [batch, peak, dropout] = [32, 0.02, 0.2];
/** timm's; the norms of the weights' own implementation keep 0.99, which takes longer to forget ImageNet than the run has steps. */
const normMomentum = 0.9;
const classes = Object.keys(garments).length;

function recipeFor(epochs: number) {
  const stepsPerEpoch = Math.floor((classes * pictures.train) / batch);
  const steps = epochs * stepsPerEpoch;
  const rate = cosine({ steps, peak, warmup: stepsPerEpoch });
  return {
    ...{ classes, size: pictures.size, batch, epochs, stepsPerEpoch, dropout, normMomentum, threads: 2 },
    ...{
      rates: Array.from({ length: steps }, (_, i) => rate(i)),
      momentum: 0.9,
      weightDecay: 1e-4,
      shift: 8,
    },
  };
}

/** The last line that a process prints, as JSON, and its seconds from start to end. */
function answerOf<T>(
  command: string,
  args: readonly string[],
): { readonly answer: T; readonly seconds: number } {
  const begin = performance.now();
  const { status, stdout, error } = spawnSync(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '2' },
  });
  if (status !== 0)
    throw new MoonletError(
      `${command} ${args.slice(0, 3).join(' ')} failed: ${error?.message ?? `exit ${status}`}`,
    );
  return {
    answer: JSON.parse(stdout.trim().split('\n').at(-1) ?? ''),
    seconds: (performance.now() - begin) / 1000,
  };
}
const peer = 'scripts/reference/fine_tune.py';

/** Seconds of an epoch of PyTorch in each way that it is tried. */
function triedWays(path: string): readonly Way[] {
  note('PyTorch: an epoch with each memory format and number of workers');
  return answerOf<readonly Way[]>(python(), [peer, 'probe', path]).answer;
}

async function main(scratch: string): Promise<void> {
  const [seeds, epochs] = [
    wholeFlag('seeds', o.seeds, { min: 1, max: 10 }),
    wholeFlag('epochs', o.epochs, { min: 1, max: 1000 }),
  ];
  if (spawnSync(python(), ['-c', 'import timm, torchvision, safetensors']).status !== 0)
    throw new MoonletError(
      `${python()} has not timm and torchvision; set MOONLET_PYTHON to one that has them`,
    );
  mkdirSync(o.cache, { recursive: true });
  note(`pictures and weights in ${o.cache}`);
  const folder = await sceneFolder(o.cache, pictures);
  const recipe = recipeFor(epochs);
  const job = (seed: number, more: Partial<Job> = {}): { readonly job: Job; readonly path: string } => {
    const { net, ...known } = pretrained(o.cache, python(), {
      size: pictures.size,
      dropout: more.dropout ?? dropout,
    });
    const start = startFolder(join(scratch, `start-${seed}`), net, recipe, seed);
    const whole: Job = { pictures: folder, start, scratch, seed, ...known, ...recipe, ...more };
    const path = join(scratch, `job-${seed}.json`);
    writeFileSync(path, JSON.stringify(whole));
    return { job: whole, path };
  };
  if (o.check) {
    const first = job(1, { dropout: 0, rates: recipe.rates.slice(0, 5) });
    const steps = await comparedSteps(
      first.job,
      (files) => answerOf<readonly StepRow[]>(python(), [peer, 'check', files]).answer,
    );
    if (o.json) printJson(steps);
    else print(stepTable(steps));
    if (steps.some((step) => !step.agrees)) process.exitCode = 1;
    return;
  }
  const chosen = o.side ? [o.side] : sides;
  const ways = chosen.includes('pytorch') ? triedWays(job(1).path) : [];
  const way = fastest(ways);
  const runs: Run[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const { path } = job(seed, way && { channelsLast: way.channelsLast, workers: way.workers });
    for (const side of chosen) {
      note(`${side}, seed ${seed} of ${seeds}`);
      const { answer, seconds } =
        side === 'moonlet'
          ? answerOf<Outcome>(process.execPath, ['--import', 'tsx', 'scripts/lib/fine-tune-moonlet.ts', path])
          : answerOf<Outcome>(python(), [peer, 'run', path]);
      runs.push({ side, seed, processSeconds: seconds, ...answer });
      note(`  ${seconds.toFixed(1)} s, accuracy ${answer.accuracies.at(-1)?.toFixed(3)}`);
    }
  }
  const result = { recipe: job(1).job, pictures, ways, runs };
  if (o.json) printJson(result);
  else print(resultTables(result));
  if (o.write && chosen.length === sides.length) note(`wrote ${writeSection(result)}`);
}

const scratch = mkdtempSync(join(tmpdir(), 'fine-tune-'));
try {
  await main(scratch);
} catch (e) {
  note(`fine-tune: ${messageOf(e)}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
