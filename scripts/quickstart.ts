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
import { type FitOptions, fit, type StepReport } from '../src/learn/train/index.ts';
import { columns } from '../src/read/index.ts';
import { saveNet } from '../src/run/index.ts';
import { loadStudent, wrn } from '../zoo/index.ts';
import { lineChart } from './lib/plots.ts';
import { code, gallery, htmlTable, page, paragraph } from './lib/report.ts';

const out = 'out';
const block = 'BG(2,2)';
const teacherName = 'mnist/wrn-16-1';
const plan = { steps: 1000, batch: 64, seed: 7, peak: 0.2, heldOut: 2000, shift: 1 } as const;

interface Run {
  readonly name: string;
  readonly net: Net;
  readonly reports: readonly StepReport[];
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
  const reports: StepReport[] = [];
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
      reports.push(at);
      bar.step(at);
    },
    ...(teacher ? { teacher } : {}),
  };
  const { net, history } = await fit(student, parts.train, data, options);
  bar.end();
  const run: Run = {
    name,
    net,
    reports,
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

/** Means of a value over windows of steps: what a chart can show of a noisy curve. */
function smooth(run: Run, value: (at: StepReport) => number, window = 20): [number, number][] {
  const points: [number, number][] = [];
  for (let i = 0; i < run.reports.length; i += window) {
    const part = run.reports.slice(i, i + window);
    points.push([i + part.length / 2, part.reduce((sum, at) => sum + value(at), 0) / part.length]);
  }
  return points;
}

const began = performance.now();
note(`Moonlet's main job: a student of at most a sixth of its teacher's size, on real digits.\n`);

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
const results = new Map<string, Evaluation>();
for (const [name, net] of Object.entries(nets)) results.set(name, await evaluate(net, data.test, data));
const resultTable = [
  ['', 'parameters', 'test accuracy', 'wrong of 10,000', 'training'],
  ...Object.entries(nets).map(([name, net]) => {
    const { accuracy, n } = results.get(name) as Evaluation;
    const run = [distilled, alone].find((r) => r.name === name);
    const training = run ? `${run.seconds.toFixed(0)} s` : 'shipped';
    return [
      name,
      count(cost(net.graph).params),
      percent(accuracy),
      count(Math.round((1 - accuracy) * n)),
      training,
    ];
  }),
];
console.log(`\n${columns(resultTable, [1, 2, 3, 4])}\n`);

// the folder is ours: it holds this run and nothing else
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'student'), { recursive: true });
saveNet(join(out, 'student'), distilled.net);
const again = await evaluate(loadStudent(join(out, 'student')), data.test, data);
const { accuracy } = results.get('distilled') as Evaluation;
if (again.accuracy !== accuracy)
  throw new MoonletError(`the student read back scores ${again.accuracy}, not ${accuracy}`);

const runs = [distilled, alone];
const [lossChart, errorChart] = await Promise.all([
  lineChart({
    title: 'Cross-entropy on the training batches',
    xLabel: 'step',
    yLabel: 'mean of 20 steps',
    yScale: 'log',
    series: runs.map((run) => ({
      name: run.name,
      points: smooth(run, (at) => at.losses['cross-entropy'] ?? at.loss),
    })),
  }),
  lineChart({
    title: `Errors on ${count(plan.heldOut)} held-out digits`,
    xLabel: 'step',
    yLabel: 'fraction wrong',
    yScale: 'log',
    series: runs.map((run) => ({
      name: run.name,
      // half an error where there is none, since a log scale has no zero
      points: run.validation.map(([step, right]) => [step, Math.max(1 - right, 0.5 / plan.heldOut)] as const),
    })),
  }),
]);
const [guesses, better] = ['distilled', 'teacher'].map((name) => (results.get(name) as Evaluation).guesses);
const [height, width] = data.shape;
const mistakes = [...data.test.labels.keys()]
  .filter((i) => guesses?.[i] !== data.test.labels[i])
  .slice(0, 24)
  .map((i) => ({
    pixels: data.test.pixels.subarray(i * height * width, (i + 1) * height * width),
    caption: `is ${data.test.labels[i]}, student ${guesses?.[i]}, teacher ${better?.[i]}`,
  }));
const report = page(
  'A student and its teacher',
  `${costs[1].name} learns MNIST from ${costs[0].name}: ${count(plan.steps)} steps of ${plan.batch} images, seed ${plan.seed}.`,
  [
    { title: 'Cost', html: htmlTable(costTable) },
    {
      title: 'Results',
      html:
        htmlTable(resultTable) +
        paragraph(
          `Accuracy on MNIST's ${count(data.test.count)} test digits. "Distilled" and "alone" are the same net from the same first weights, with the same images in the same order; only the losses differ. The student as saved was read back and scores ${percent(again.accuracy)}.`,
        ),
    },
    { title: 'Training', html: lossChart + errorChart },
    { title: 'What the student gets wrong', html: gallery(mistakes, data.shape) },
    {
      title: 'How',
      html: code(
        `plan ${JSON.stringify(plan)}\nlosses of the distilled run: 0.1 cross-entropy, 0.9 soft targets at temperature 4, 1000 attention transfer\nnode ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}`,
      ),
    },
  ],
);
writeFileSync(join(out, 'report.html'), report);
console.log(`The student is in ${join(out, 'student')}, the report in ${join(out, 'report.html')}.`);
note(`all of it in ${((performance.now() - began) / 1000).toFixed(0)} s`);
