/** @file A whole run of distillation, from images in memory to a tested student, compared with PyTorch. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { first } from '../../../src/access.ts';
import { python } from '../../../src/bench/children.ts';
import { comparedMaps } from '../../../src/bench/job.ts';
import { hold, loadDataset, type Split } from '../../../src/data/index.ts';
import { oneCycle } from '../../../src/learn/loss/index.ts';
import { type Net, pack } from '../../../src/weights/index.ts';
import { answerOf, type Figure, type Plan, peerFile, program, type RowKind } from './figure.ts';
import { recipe, teacherAndStudent } from './whole-run-recipe.ts';

/** PyTorch's ways; the fastest of the first round runs in the others. */
const ways = ['eager', 'channels-last', 'compiled', 'compiled-channels-last'] as const;

interface Ours {
  readonly seconds: number;
  readonly againSeconds: number;
  readonly kept: number;
  readonly accuracy: number;
  readonly againAccuracy: number;
}
interface Theirs {
  readonly seconds: number;
  readonly accuracy: number;
  readonly version: string;
}

export const wholeRun: RowKind = {
  title: 'A whole run',
  about:
    "The distillation of `npm start` (WRN-16-1 with BG(2,2) from WRN-16-1, batch 64, MNIST, shifts by a pixel, a frozen teacher, evaluation of 2,000 held-out images and a checkpoint every 100 steps, 10,000 test images at the end), from images in memory to the test's accuracy, tracing and compiling included. PyTorch reads its batches through a DataLoader that takes a batch at once; its best way of the first round (eager, channels last, compiled, both) runs in all rounds. The second run of a process finds the teacher's values in a cache of a gibibyte, Moonlet's default.",
  measure,
};

async function measure({ rounds, quick, say }: Plan): Promise<readonly Figure[]> {
  const [steps, evaluations] = quick ? [10, 1] : [recipe.steps, recipe.evaluations];
  const folder = mkdtempSync(join(tmpdir(), 'moonlet-whole-run-'));
  try {
    await writeJob(folder, steps, evaluations);
    const [ours, theirs]: [Ours[], Theirs[]] = [[], []];
    let way: (typeof ways)[number] | undefined;
    const peer = async (name: string): Promise<Theirs> => {
      const told = await answerOf<Theirs>(python(), [peerFile('whole_run'), folder, name]);
      say(`whole run, PyTorch, ${name}: ${told.seconds.toFixed(1)} s, accuracy ${told.accuracy}`);
      return told;
    };
    for (let round = 0; round < rounds; round++) {
      const words = program('whole-run-job', String(steps), String(evaluations));
      // each run traces anew, as a first one does
      const mine = await answerOf<Ours>(process.execPath, words, { MOONLET_MODEL_CACHE: 'off' });
      say(
        `whole run, Moonlet: ${mine.seconds.toFixed(1)} s, again ${mine.againSeconds.toFixed(1)} s, accuracy ${mine.accuracy}`,
      );
      ours.push(mine);
      if (way !== undefined) {
        theirs.push(await peer(way));
        continue;
      }
      const tried: [(typeof ways)[number], Theirs][] = [];
      for (const name of quick ? ways.slice(0, 1) : ways) tried.push([name, await peer(name)]);
      const [best, told] = first(tried.sort(([, a], [, b]) => a.seconds - b.seconds));
      way = best;
      theirs.push(told);
    }
    return figures(ours, theirs, way ?? ways[0]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function figures(ours: readonly Ours[], theirs: readonly Theirs[], way: string): readonly Figure[] {
  const accuracies = (values: readonly number[]): string =>
    `${Math.min(...values)} to ${Math.max(...values)}`;
  const peer = { name: `PyTorch ${theirs[0]?.version}, ${way}`, values: theirs.map((t) => t.seconds) };
  const accuracy = `test accuracy ${accuracies(ours.map((o) => o.accuracy))}, PyTorch ${accuracies(theirs.map((t) => t.accuracy))}`;
  const [{ kept }] = ours as readonly [Ours];
  return [
    { what: 'first run', unit: 's', ours: ours.map((o) => o.seconds), peer, goal: 0.5, note: accuracy },
    {
      ...{ what: "second run, with the first one's cache", unit: 's', peer, goal: 0.35 },
      ours: ours.map((o) => o.againSeconds),
      note: `${(100 * kept).toFixed(0)} % of the teacher's values were cached`,
    },
  ];
}

/** All that the peer reads: nets, images as bytes, labels, rates, and which maps attention transfer compares. */
async function writeJob(folder: string, steps: number, evaluations: number): Promise<void> {
  const data = await loadDataset('mnist');
  const { teacher, student } = teacherAndStudent();
  const parts = hold(data.train, recipe.heldOut, recipe.seed);
  const rate = oneCycle({ steps, peak: recipe.peak });
  const write = (name: string, content: string | Uint8Array): void =>
    writeFileSync(join(folder, name), content);
  const writeNet = (name: string, net: Net): void => {
    const { graphJson, weights } = pack(net);
    write(`${name}.json`, graphJson);
    write(`${name}.safetensors`, weights);
  };
  const writeSplit = (name: string, { pixels, labels, count }: Split): void => {
    const images = new Uint8Array(count * 784);
    images.set(pixels.subarray(0, images.length));
    write(`${name}-images.bin`, images);
    write(`${name}-labels.bin`, Uint8Array.from(labels.subarray(0, count)));
  };
  writeNet('teacher', teacher);
  writeNet('student', student);
  writeSplit('train', parts.train);
  writeSplit('validation', parts.validation);
  writeSplit('test', data.test);
  const pairs = comparedMaps(student.graph, teacher.graph);
  const rates = Array.from({ length: steps }, (_, i) => rate(i));
  write(
    'job.json',
    JSON.stringify({ ...recipe, steps, evaluations, pairs, rates, mean: data.mean, std: data.std }),
  );
}
