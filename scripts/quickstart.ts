/**
 * @file The main job: compose a teacher and its cheap student, distill the student on MNIST, train it alone for
 * comparison, evaluate all three, write a report and the student, and load the student back.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { trainingBar } from '../src/cli/bars.ts';
import { count, note, percent } from '../src/cli/say.ts';
import { type Dataset, hold, loadDataset, type Split } from '../src/data/index.ts';
import { cheapen, cost, init, MoonletError, type Net } from '../src/index.ts';
import { attention, softTargets } from '../src/learn/distill/index.ts';
import { crossEntropy, type LossMaker, oneCycle } from '../src/learn/loss/index.ts';
import { type Evaluation, evaluate } from '../src/learn/task/index.ts';
import { type FitOptions, fit } from '../src/learn/train/index.ts';
import { columns } from '../src/read/index.ts';
import { loadStudent, saveNet, wrn } from '../zoo/index.ts';
import { quickstartReport } from './lib/quickstart-report.ts';

const out = 'out';
const block = 'BG(2,2)';
const teacherName = 'mnist/wrn-16-1';
const plan = { steps: 1000, batch: 64, seed: 7, peak: 0.2, heldOut: 2000, shift: 1 } as const;

interface Run {
  readonly name: string;
  readonly net: Net;
  /** Cross-entropy at each step. */
  readonly losses: readonly number[];
  readonly validation: readonly (readonly [number, number])[];
  readonly seconds: number;
}

async function train(
  name: string,
  student: Net,
  parts: Parts,
  data: Dataset,
  losses: readonly LossMaker[],
  teacher?: Net,
) {
  const bar = trainingBar(name, plan.steps, plan.batch);
  const curve: number[] = [];
  const start = performance.now();
  const options: FitOptions = {
    steps: plan.steps,
    batch: plan.batch,
    seed: plan.seed,
    losses,
    rate: oneCycle({ steps: plan.steps, peak: plan.peak }),
    augment: { shift: plan.shift },
    validation: parts.validation,
    evaluateEvery: plan.steps / 10,
    onStep: (at) => {
      curve.push(at.losses['cross-entropy'] ?? at.loss);
      bar.step(at);
    },
    ...(teacher ? { teacher } : {}),
  };
  const { net, history } = await fit(student, parts.train, data, options);
  bar.end();
  const run: Run = {
    name,
    net,
    losses: curve,
    validation: history.validation,
    seconds: (performance.now() - start) / 1000,
  };
  const [, accuracy = 0] = run.validation.at(-1) ?? [];
  note(
    `${name}: ${percent(accuracy)} of the held-out images after ${count(plan.steps)} steps, ${run.seconds.toFixed(0)} s\n`,
  );
  return run;
}
interface Parts {
  readonly train: Split;
  readonly validation: Split;
}

const began = performance.now();
note(`Moonlet's main job: a student at most a sixth of its teacher's size, trained on handwritten digits.\n`);

const teacherGraph = wrn({ depth: 16, width: 1, classes: 10, size: 28, channels: 1 });
const studentGraph = cheapen(teacherGraph, block);
const costs = [cost(teacherGraph), cost(studentGraph)] as const;
const costTable = [
  ['', 'parameters', 'multiply-adds', 'peak bytes'],
  ...costs.map((c, i) => [i ? 'student' : 'teacher', count(c.params), count(c.macs), count(c.peakBytes)]),
  ['ratio', ...(['params', 'macs', 'peakBytes'] as const).map((k) => (costs[0][k] / costs[1][k]).toFixed(2))],
];
console.log(`${costs[0].name}  ->  ${costs[1].name}\n${columns(costTable, [1, 2, 3])}\n`);

const data = await loadDataset('mnist');
const teacher = loadStudent(teacherName);
const parts = hold(data.train, plan.heldOut, plan.seed);
const fresh = init(studentGraph, { seed: plan.seed });

const distilled = await train(
  'distilled',
  fresh,
  parts,
  data,
  [crossEntropy({ weight: 0.1 }), softTargets({ weight: 0.9, temperature: 4 }), attention({ weight: 1000 })],
  teacher,
);
const alone = await train('alone', fresh, parts, data, [crossEntropy()]);

note('evaluating on the 10,000 test digits');
const nets = { teacher, distilled: distilled.net, alone: alone.net } as const;
const results: Record<keyof typeof nets, Evaluation> = {
  teacher: await evaluate(nets.teacher, data.test, data),
  distilled: await evaluate(nets.distilled, data.test, data),
  alone: await evaluate(nets.alone, data.test, data),
};
const resultTable = [
  ['', 'params', 'accuracy', 'errors', 'training'],
  ...(['teacher', 'distilled', 'alone'] as const).map((name) => {
    const { accuracy, n } = results[name];
    const run = [distilled, alone].find((r) => r.name === name);
    return [
      name,
      count(cost(nets[name].graph).params),
      percent(accuracy),
      count(Math.round((1 - accuracy) * n)),
      run ? `${run.seconds.toFixed(0)} s` : 'shipped',
    ];
  }),
];
console.log(`\n${columns(resultTable, [1, 2, 3, 4])}\n`);

// the folder is ours: it holds this run and nothing else
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'student'), { recursive: true });
saveNet(join(out, 'student'), distilled.net);
const again = await evaluate(loadStudent(join(out, 'student')), data.test, data);
const { accuracy } = results.distilled;
if (again.accuracy !== accuracy)
  throw new MoonletError(`the student read back scores ${again.accuracy}, not ${accuracy}`);

const { guesses } = results.distilled;
const { guesses: better } = results.teacher;
const [height, width] = data.shape;
const mistakes = [...data.test.labels.keys()]
  .filter((i) => guesses[i] !== data.test.labels[i])
  .slice(0, 24)
  .map((i) => ({
    pixels: data.test.pixels.subarray(i * height * width, (i + 1) * height * width),
    caption: `is ${data.test.labels[i]}, student ${guesses[i]}, teacher ${better[i]}`,
  }));
const report = await quickstartReport({
  lead: `${costs[1].name} learns MNIST from ${costs[0].name}: ${count(plan.steps)} steps of ${plan.batch} images, seed ${plan.seed}.`,
  costs: costTable,
  results: resultTable,
  aboutResults: `Accuracy and errors on MNIST's ${count(data.test.count)} test images. "Distilled" and "alone" are the same network with the same first weights, trained on the same images in the same order; only the losses differ. The saved student was read back and scores ${percent(again.accuracy)}.`,
  curves: [distilled, alone],
  heldOut: plan.heldOut,
  mistakes,
  shape: data.shape,
  plan: [
    ['training steps', count(plan.steps)],
    ['images in a step', String(plan.batch)],
    ['peak learning rate', `${plan.peak}, one cycle`],
    ['augmentation', `shifts of up to ${plan.shift} pixel`],
    ['held-out images', count(plan.heldOut)],
    ['seed', String(plan.seed)],
    ['losses, distilled', '0.1 cross-entropy, 0.9 soft targets at temperature 4, 1000 attention transfer'],
    ['losses, alone', 'cross-entropy'],
    ['machine', `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}`],
  ],
});
writeFileSync(join(out, 'report.html'), report);
console.log(`The student is in ${join(out, 'student')}, the report in ${join(out, 'report.html')}.`);
note(`all of it in ${((performance.now() - began) / 1000).toFixed(0)} s`);
