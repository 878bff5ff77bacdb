/** @file What the runs of `npm run experiment -- fine-tune` say, as Markdown. */
import { cpus, totalmem } from 'node:os';
import { median } from '../../src/bench/numbers.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import type { Job, Outcome } from './fine-tune-job.ts';
import { marks, remarked, table } from './markdown.ts';
import type { SceneFolder } from './scene-folder.ts';

export interface Run extends Outcome {
  readonly side: 'moonlet' | 'pytorch';
  readonly seed: number;
  /** Of the whole process, the start of its libraries included. */
  readonly processSeconds: number;
}
/** How PyTorch was tried. */
export interface Way {
  readonly channelsLast: boolean;
  readonly workers: number;
  readonly epochSeconds: number;
}
export const fastest = (ways: readonly Way[]): Way | undefined =>
  ways.toSorted((a, b) => a.epochSeconds - b.epochSeconds)[0];
export interface Result {
  readonly recipe: Job;
  readonly pictures: SceneFolder;
  readonly ways: readonly Way[];
  readonly runs: readonly Run[];
}

const page = 'docs/guides/pictures.md';
export const place = marks('npm run experiment -- fine-tune --write', 'fine-tuning');
const percent = (share: number): string => (100 * share).toFixed(1);
const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length;

/** The two tables: accuracy by seed; time and memory. */
export function resultTables({ runs }: Result): string {
  const of = (side: Run['side']): readonly Run[] => runs.filter((run) => run.side === side);
  const [ours, theirs] = [of('moonlet'), of('pytorch')];
  const last = (run: Run): number => run.accuracies.at(-1) ?? Number.NaN;
  const accuracy = [
    ['accuracy on val, %', ...ours.map(({ seed }) => `seed ${seed}`), 'mean'],
    ...[['Moonlet', ours] as const, ['PyTorch', theirs] as const].map(([name, all]) => [
      name,
      ...all.map((run) => percent(last(run))),
      percent(mean(all.map(last))),
    ]),
  ];
  const line = (what: string, value: (run: Run) => number, digits: number): string[] => {
    const [a, b] = [median(ours.map(value)), median(theirs.map(value))];
    return [what, a.toFixed(digits), b.toFixed(digits), (a / b).toFixed(2)];
  };
  const costs = [
    ['median of a run', 'Moonlet', 'PyTorch', 'Moonlet / PyTorch'],
    line('whole run, s', (run) => run.seconds, 1),
    line('with the start of the process, s', (run) => run.processSeconds, 1),
    line('up to the end of the first step, s', (run) => run.readySeconds, 1),
    line('evaluations, s', (run) => run.evaluateSeconds, 1),
    line('a step with its batch, ms', (run) => run.stepMs, 0),
    line('peak memory of the process, MiB', (run) => run.peakMiB, 0),
  ];
  return `${table(accuracy)}\n\n${table(costs)}`;
}

function section(result: Result): string {
  const { recipe, pictures, ways, runs } = result;
  const { channelsLast, workers } = fastest(ways) ?? {};
  const versions = [...new Set(runs.map((run) => run.versions))].join(', ');
  const worker = Math.max(0, ...runs.map((run) => run.workerMiB ?? 0));
  const tried = ways
    .map(
      (w) =>
        `${w.channelsLast ? 'channels last' : 'contiguous'}, ${w.workers} workers ${w.epochSeconds.toFixed(1)} s`,
    )
    .join('; ');
  return [
    `EfficientNet-Lite0 with ImageNet's weights and a new head, fine-tuned on ${5 * pictures.train} pictures of five kinds of garments in coloured scenes (${5 * pictures.val} to measure on; ${pictures.size} x ${pictures.size}, which is also the input, so that nothing is resized; PNG and JPEG). ${recipe.epochs} epochs of ${recipe.stepsPerEpoch} steps, batch ${recipe.batch}, SGD with Nesterov momentum ${recipe.momentum}, one epoch of warm-up to ${Math.max(...recipe.rates)} and a cosine to 0, weight decay ${recipe.weightDecay} on kernels, dropout ${recipe.dropout}, shifts by up to ${recipe.shift} pixels and flips, all weights trained, norms with batch statistics (momentum ${recipe.normMomentum}); accuracy on \`val\` after each epoch, and the last one counts. PyTorch does the same with timm's \`tf_efficientnet_lite0\`, from the same weights and the same head; both have ${recipe.threads} threads, and take turns.`,
    resultTables(result),
    `A whole run reads the pictures, makes the net, trains and evaluates; Moonlet decodes each picture once, PyTorch's \`DataLoader\` in each epoch. PyTorch ran eagerly, in the fastest of the ways that were tried, ${channelsLast ? 'channels last' : 'contiguous'} with ${workers} workers (seconds of an epoch: ${tried}).${worker ? ` A worker has up to ${worker.toFixed(0)} MiB beside the process.` : ''} ${new Date().toISOString().slice(0, 10)}, ${versions}; ${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB.`,
  ].join('\n\n');
}

/** Writes the section between its marks. @returns the page. */
export function writeSection(result: Result): string {
  writeAtomically(page, remarked(readText(page), place, section(result)));
  return page;
}
