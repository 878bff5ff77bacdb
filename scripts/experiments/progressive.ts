/**
 * @file Progressive growth against training from scratch, in multiply-adds of training: a net of a tenth of the parameters is trained
 * for long, grows in width and depth, and goes on for few steps as the large net, for half of the multiply-adds. Two families, five seeds:
 * `npm run experiment -- progressive` takes about an hour and a half on 2 cores, and writes the table of docs/growth.md with `--write`.
 *
 * Units are added as copies of others (Net2Net, Chen et al. 2016, arXiv:1511.05641), or are chosen by gradient (after GradMax, Evci et
 * al. 2022, arXiv:2201.05125), or by splitting units along steepest descent (Liu et al. 2019, arXiv:1910.02366). The large net is also
 * trained from scratch for as few multiply-adds as growth took. Finished runs are kept in scripts/experiments/runs/progressive.json.
 * `--quick` tries everything with some steps, and writes nothing.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { trainingBar } from '../../src/cli/bars.ts';
import { count, print } from '../../src/cli/say.ts';
import { hold, loadDataset } from '../../src/data/index.ts';
import { type GrowPlan, grow, growTo, pruneChannels } from '../../src/edit/index.ts';
import { UsageError } from '../../src/errors.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { channels, type Graph } from '../../src/graph/index.ts';
import { cost, init, type Net } from '../../src/index.ts';
import { cosine, oneCycle, type Schedule } from '../../src/learn/loss/index.ts';
import { addUnitsByGradient } from '../../src/learn/structure/add-by-gradient.ts';
import { splitUnits } from '../../src/learn/structure/split-units.ts';
import { classification, evaluate } from '../../src/learn/task/index.ts';
import type { Task } from '../../src/learn/task/task.ts';
import { fit } from '../../src/learn/train/index.ts';
import { compose } from '../../zoo/index.ts';
import { finished } from '../lib/finished.ts';
import { marks, remarked, table } from '../lib/markdown.ts';
import { mean, paired, pairedText } from '../lib/paired.ts';

const flags = new Command()
  .option('--seeds <n>', 'how many seeds, from 1', '5')
  .option('--steps <n>', 'training steps from scratch', '1500')
  .option('--only <families>', 'names with commas between')
  .option('--write', 'write the table into docs/growth.md')
  .option('--quick', 'some steps each, to see that all runs; writes nothing')
  .parse()
  .opts<{ seeds: string; steps: string; only?: string; write?: boolean; quick?: boolean }>();
const wholeNumber = (name: 'seeds' | 'steps', least: number, most: number): number => {
  const n = Number(flags[name]);
  if (Number.isInteger(n) && n >= least && n <= most) return n;
  throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, got ${flags[name]}`);
};
const seeds = wholeNumber('seeds', 1, 10);
const steps = flags.quick ? 20 : wholeNumber('steps', 10, 1_000_000);

interface Family {
  readonly name: string;
  /** The net in the middle; the large one has more blocks in these stages. */
  readonly middle: string;
  readonly deeper: readonly string[];
  /** The share of the channels that the first net lacks. */
  readonly ratio: number;
}
const families: readonly Family[] = [
  {
    name: 'ResNet',
    middle: 'resnet-cifar depth=8 size=28 channels=1',
    deeper: ['stage1', 'stage2', 'stage3'],
    ratio: 0.6875,
  },
  {
    name: 'MobileNetV2',
    middle: 'mobilenet-v2 width=0.25 stride=8 dropout=0 classes=10 size=28 channels=1',
    deeper: ['stage2', 'stage3', 'stage4'],
    ratio: 0.7,
  },
];
const names = flags.only?.split(',') ?? families.map((f) => f.name);
const unknown = names.find((name) => !families.some((f) => f.name === name));
if (unknown !== undefined)
  throw new UsageError(`no family "${unknown}"; there are ${families.map((f) => f.name).join(', ')}`);
/** Of scratch's multiply-adds, those that a grown net may take; and the steps of the small net, as a multiple of scratch's. */
const [budget, smallSteps] = [0.49, 3];
const kinds = ['scratch', 'short', 'small', 'copies', 'gradient', 'splits'] as const;
type Kind = (typeof kinds)[number];
const words: Readonly<Record<Kind, string>> = {
  scratch: 'from scratch',
  short: 'from scratch, as few multiply-adds',
  small: 'the small net, before growth',
  copies: 'grown by copies',
  gradient: 'grown, units by gradient',
  splits: 'grown, split along steepest descent',
};
/** Grown nets go on with a tenth of the first rate, as in Net2Net. */
const recipe = {
  batch: 64,
  peak: 0.2,
  grownPeak: 0.02,
  augment: { shift: 2, flip: true },
  heldOut: 5000,
  evaluations: 12,
};

interface Result {
  /** Held-out accuracy by multiply-adds of training so far. */
  readonly curve: readonly (readonly [macs: number, accuracy: number])[];
  readonly test: number;
}

const data = await loadDataset('fashion-mnist');
const runs = finished<Result>(flags.quick ? undefined : 'progressive');

/** The three nets of a family: a tenth of the parameters, all channels, all blocks. */
function netsOf({ middle, deeper, ratio }: Family): readonly [small: Graph, middle: Graph, large: Graph] {
  const graph = compose(middle);
  const net = init(graph, { seed: 1 });
  const large = grow(net, deeperBy(deeper));
  return [pruneChannels(net, { ratio }, { roundTo: 1 }).net.graph, graph, large.net.graph];
}
const deeperBy = (stages: readonly string[]): GrowPlan => stages.map((deepen) => ({ deepen, by: 1 }));
/** Multiply-adds of a step: the backward pass takes twice those of the forward pass. */
const ofStep = (graph: Graph): number => 3 * recipe.batch * cost(graph).macs;

/** The widths of a graph by name, where they differ from those of a net. */
function widths(from: Graph, to: Graph): Record<string, number> {
  const old = new Map(channels(from).variables.map((v) => [v.name, v.classes.length]));
  return Object.fromEntries(
    channels(to).variables.flatMap((v) => {
      const size = v.classes.length;
      return old.get(v.name) === size ? [] : [[v.name, size]];
    }),
  );
}

/** Splits units until the net has some widths: at most doubles them, again and again. */
async function split(
  net: Net,
  task: Task,
  goals: Readonly<Record<string, number>>,
  seed: number,
): Promise<Net> {
  const sizes = new Map(channels(net.graph).variables.map((v) => [v.name, v.classes.length]));
  const open = Object.entries(goals).filter(([name, goal]) => (sizes.get(name) ?? goal) < goal);
  if (!open.length) return net;
  const next = open.map(([name, goal]) => [name, Math.min(goal, 2 * (sizes.get(name) ?? goal))] as const);
  const grown = await splitUnits(net, task, Object.fromEntries(next), { seed });
  return split(grown.apart(), task, goals, seed);
}

const run = (family: Family, kind: Kind, seed: number): Promise<Result> => {
  const growth = kind === 'scratch' ? {} : { budget, smallSteps };
  return runs.once(
    `${family.name}, seed ${seed}, ${words[kind]}`,
    { ...recipe, note: data.note, family, kind, seed, steps, ...growth },
    async () => {
      const { net, curve } = await trained(family, kind, seed);
      return { curve, test: (await evaluate(net, data.test, data)).accuracy };
    },
  );
};

interface Trained {
  readonly net: Net;
  readonly curve: readonly (readonly [macs: number, accuracy: number])[];
}
/** The small nets of this process: three kinds of growth begin with the same one. */
const smallNets = new Map<string, Promise<Trained>>();

async function trained(family: Family, kind: Kind, seed: number): Promise<Trained> {
  const [small, middle, large] = netsOf(family);
  const name = `${family.name}, seed ${seed}, ${kind}`;
  const fresh = (graph: Graph, length: number): Promise<Trained> => {
    const rate = oneCycle({ steps: length, peak: recipe.peak });
    return train(name, { net: init(graph, { seed }), curve: [] }, { length, seed, rate });
  };
  if (kind === 'scratch') return fresh(large, steps);
  if (kind === 'short') return fresh(large, Math.round(budget * steps));
  const key = `${family.name} ${seed}`;
  const from = await (smallNets.get(key) ?? fresh(small, smallSteps * steps));
  smallNets.set(key, Promise.resolve(from));
  if (kind === 'small') return from;
  const task = classification(hold(data.train, recipe.heldOut, seed).train, data, {
    augment: recipe.augment,
  });
  const wide =
    kind === 'copies'
      ? growTo(from.net, middle, { seed }).net
      : kind === 'splits'
        ? await split(from.net, task, widths(small, middle), seed)
        : (await addUnitsByGradient(from.net, task, widths(small, middle), { seed })).net;
  const { net } = grow(wide, deeperBy(family.deeper), { seed });
  const left = budget * steps * ofStep(large) - smallSteps * steps * ofStep(small);
  const length = Math.max(1, Math.floor(left / ofStep(large)));
  const rate = cosine({ steps: length, peak: recipe.grownPeak });
  return train(name, { net, curve: from.curve }, { length, seed, rate });
}

/** Trains a net further; its curve goes on by multiply-adds. */
async function train(
  name: string,
  { net, curve }: Trained,
  { length, seed, rate }: { readonly length: number; readonly seed: number; readonly rate: Schedule },
): Promise<Trained> {
  const parts = hold(data.train, recipe.heldOut, seed);
  const [before, each] = [curve.at(-1)?.[0] ?? 0, ofStep(net.graph)];
  const points = [...curve];
  const bar = trainingBar(name, length, recipe.batch);
  const done = await fit(net, parts.train, data, {
    steps: length,
    // another order of the images than in what it goes on from
    seed: curve.length ? seed * 10 + 1 : seed,
    batch: recipe.batch,
    rate,
    augment: recipe.augment,
    validation: parts.validation,
    evaluateEvery: Math.max(1, Math.round(length / recipe.evaluations)),
    onStep: bar.step,
    onValidation: (step, accuracy) => points.push([before + step * each, accuracy]),
  });
  bar.end();
  const last = (await evaluate(done.net, parts.validation, data)).accuracy;
  const end = before + length * each;
  if (points.at(-1)?.[0] !== end) points.push([end, last]);
  return { net: done.net, curve: points };
}

const lastOf = ({ curve }: Result): readonly [macs: number, accuracy: number] => curve.at(-1) ?? [0, 0];

const rows: string[][] = [];
for (const family of families.filter((f) => names.includes(f.name))) {
  const all = new Map<Kind, Result[]>(kinds.map((kind) => [kind, []]));
  for (let seed = 1; seed <= seeds; seed++)
    for (const kind of kinds) all.get(kind)?.push(await run(family, kind, seed));
  const scratch = all.get('scratch') ?? [];
  const [small, , large] = netsOf(family);
  for (const [kind, results] of all) {
    const whole = mean(scratch.map((r) => lastOf(r)[0]));
    const goals = scratch.map((r) => lastOf(r)[1]);
    /** The share of scratch's multiply-adds after which its last held-out accuracy was reached. */
    const reached = results.map((r, i) => r.curve.find(([, a]) => a >= (goals[i] ?? 1))?.[0]);
    const apart = (of: (r: Result) => number): string =>
      kind === 'scratch'
        ? ''
        : pairedText(paired(results.map((r, i) => 100 * (of(r) - of(scratch[i] as Result)))));
    rows.push([
      family.name,
      words[kind],
      {
        scratch: count(cost(large).params),
        short: count(cost(large).params),
        small: count(cost(small).params),
      }[kind as string] ?? `${count(cost(small).params)} to ${count(cost(large).params)}`,
      (mean(results.map((r) => lastOf(r)[0])) / whole).toFixed(2),
      (100 * mean(results.map((r) => lastOf(r)[1]))).toFixed(2),
      apart((r) => lastOf(r)[1]),
      (100 * mean(results.map((r) => r.test))).toFixed(2),
      apart((r) => r.test),
      reached.map((at) => (at === undefined ? 'no' : (at / whole).toFixed(2))).join(', '),
    ]);
  }
}
const head = [
  ...['family', 'net', 'parameters', 'multiply-adds', 'held-out %', 'difference'],
  ...['test %', 'difference', "scratch's held-out accuracy reached at, by seed"],
];
const absent = families.flatMap(({ name }) => (names.includes(name) ? [] : [name]));
const text = `${table([head, ...rows], [0, 1, 8])}

Fashion-MNIST (${data.note ?? 'published files'}), seeds 1 to ${seeds}, steps of ${recipe.batch} images: ${count(steps)} from scratch with one cycle of peak ${recipe.peak}, ${count(smallSteps * steps)} of
the small net with a cycle alike; then it grows in width and depth at once, and goes on with a cosine from ${recipe.grownPeak}. Multiply-adds of
training are those of the run from scratch times this number. Differences are to the run from scratch with the same seed, in points, with
the interval of 95 % (Student's t). ${count(recipe.heldOut)} training images are held out; the test images are looked at once, after the last step.${absent.length ? ` Not measured yet: ${absent.join(', ')}.` : ''}`;
print(text);
if (flags.write && !flags.quick) {
  if (!absent.length) runs.tidy();
  const page = join('docs', 'growth.md');
  const marksOf = marks('npm run experiment -- progressive --write', 'progressive growth');
  writeAtomically(page, remarked(readText(page), marksOf, text));
}
