/** @file `moonlet grow`: a wider and deeper net that computes the same, with the proof. */

import type { Command } from 'commander';
import { filesOf, loadStudent, studentFolder } from '../../zoo/index.ts';
import {
  type GrowPlan,
  type Growth,
  growSteps,
  type Preserves,
  parsePlan,
  parseWidth,
  plan,
  verifyCertificate,
  type Width,
} from '../edit/index.ts';
import { prepare } from '../engine/index.ts';
import { MoonletError, UsageError } from '../errors.ts';
import { type Out, withOut } from '../files/index.ts';
import type { Graph } from '../graph/index.ts';
import { inputShape } from '../graph/index.ts';
import { random } from '../random.ts';
import { columns, cost } from '../read/index.ts';
import { forward, type WeightTensors } from '../read/tfjs/index.ts';
import { dataOf, readValue } from '../run/index.ts';
import { materialize, type Net } from '../weights/index.ts';
import { forceHelp, numberFlag, wholeFlag } from './numbers.ts';
import { count, note, print, printJson } from './say.ts';

interface Flags {
  readonly widen: readonly string[];
  readonly deepen: readonly string[];
  readonly enlarge: readonly string[];
  readonly units: readonly string[];
  readonly connect: readonly string[];
  readonly plan?: string;
  readonly macs?: string;
  readonly seed: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}
const more = (value: string, all: readonly string[]): readonly string[] => [...all, value];

export const growCommand = (program: Command): void => {
  program
    .command('grow')
    .description('make a net wider and deeper without changing what it computes (Net2Net)')
    .argument('<student>', '<dataset>/<id>, or a folder with graph.json and weights.safetensors')
    .option(
      '--widen <where=width>',
      "such as 'stage1=x1.5' or 'stage2/0/first=48'; may be repeated",
      more,
      [],
    )
    .option('--deepen <where=n>', "such as 'stage2=1'; may be repeated", more, [])
    .option('--enlarge <where=size>', "kernels, such as 'stage2=5'; may be repeated", more, [])
    .option(
      '--units <where=width>',
      "new units beside the old ones, for a new task; 'stage3=x1.5'; may be repeated",
      more,
      [],
    )
    .option(
      '--connect <from=to>',
      "a skip of zeros to a later value, such as 'stage1=stage2'; may be repeated",
      more,
      [],
    )
    .option('--plan <file>', 'steps as JSON: [{"widen":{"stage1":"x1.5"}},{"deepen":"stage2","by":1}]')
    .option('--macs <ratio>', 'grow to so many times the multiply-adds, in width and depth')
    .option('--seed <n>', 'of copies, splits and new weights', '0')
    .option('--dry-run', 'show what each step would cost and preserve, and do nothing')
    .option('--out <folder>', 'where graph.json and weights.safetensors go')
    .option('--force', forceHelp)
    .option('--json', 'print one JSON document')
    .action(run);
};

async function run(name: string, flags: Flags): Promise<void> {
  const seed = wholeFlag('seed', flags.seed);
  const steps = stepsOf(flags);
  const net = loadStudent(name);
  if (flags.dryRun) return show(net.graph, steps, seed, flags);
  if (flags.out === undefined)
    throw new UsageError('grow needs a folder: --out <folder>, or --dry-run to see what it would do');
  return withOut(
    flags.out,
    {
      force: flags.force ?? false,
      writes: ['graph.json', 'weights.safetensors', 'card.json'],
      inputs: [studentFolder(name), ...(flags.plan === undefined ? [] : [flags.plan])],
    },
    (out) => grown(name, net, growSteps(net, steps, { seed }), out, flags),
  );
}

/** Proves the growth, saves the net and says what it costs. */
async function grown(name: string, net: Net, done: readonly Growth[], out: Out, flags: Flags): Promise<void> {
  const last = done.at(-1) as Growth;
  const preserves = weakest(done);
  const inference = await difference(net, last.net, false);
  const training = preserves === 'both' ? await difference(net, last.net, true) : undefined;
  if (preserves !== 'neither' && !(inference.maxAbsDiff <= 1e-5 * inference.scale)) {
    throw new MoonletError(`${name}: the grown net differs by ${inference.maxAbsDiff}; nothing is saved`);
  }
  const findings = done.flatMap((g, i) =>
    g.preserves === 'neither' ? [] : verifyCertificate(done[i - 1]?.net ?? net, g.net, g.maps),
  );
  if (findings.length)
    throw new MoonletError(`${name}: the certificate fails at ${findings[0]}; nothing is saved`);
  const data = dataOf(name);
  out.publish(filesOf(last.net, data === undefined ? undefined : { from: name, data }));
  const [before, after] = [cost(net.graph), cost(last.net.graph)];
  if (flags.json) {
    const { maxAbsDiff, scale } = inference;
    return printJson({
      maxAbsDiff,
      scale,
      training: training ?? null,
      preserves,
      before,
      after,
    });
  }
  const rows = (['params', 'macs', 'peakBytes'] as const).map((k) => [k, count(before[k]), count(after[k])]);
  print(columns([['', 'before', 'after'], ...rows], [1, 2]));
  print(
    `largest difference in inference ${inference.maxAbsDiff.toExponential(1)} of outputs up to ${inference.scale.toFixed(2)}`,
  );
  if (training) print(`largest difference in training mode ${training.maxAbsDiff.toExponential(1)}`);
  else if (preserves === 'neither') note('a step changes the function, as it was asked to');
  else note('a step preserves in inference only: training continues from other batch statistics');
  print(`saved in ${out.folder}`);
}

const weakest = (done: readonly Growth[]): Preserves =>
  (['neither', 'inference'] as const).find((p) => done.some((g) => g.preserves === p)) ?? 'both';

function stepsOf(flags: Flags): GrowPlan {
  const { widen, deepen, enlarge, units, connect } = flags;
  if (flags.macs !== undefined) {
    if (flags.plan !== undefined || [widen, deepen, enlarge, units, connect].some((f) => f.length))
      throw new UsageError('--macs chooses the steps itself; leave out all other steps and --plan');
    const ratio = { min: 1, above: true, what: 'a ratio' };
    numberFlag('macs', flags.macs, ratio);
    return { macs: numberFlag('macs', flags.macs, { ...ratio, max: 1000 }) };
  }
  const steps: unknown[] = [];
  if (flags.plan !== undefined) {
    steps.push(...parsePlan(readValue(flags.plan)));
  }
  // one step of all, since some widths can only change together
  const wider = widthsOf(widen, '--widen');
  if (wider) steps.push({ widen: wider });
  for (const text of deepen) {
    const [where, by] = pairOf(text, '--deepen');
    steps.push({ deepen: where, by: wholeOf(by, '--deepen', text) });
  }
  for (const text of enlarge) {
    const [where, to] = pairOf(text, '--enlarge');
    steps.push({ enlarge: where, to: wholeOf(to, '--enlarge', text) });
  }
  for (const text of connect) {
    const [from, to] = pairOf(text, '--connect');
    steps.push({ connect: from, to });
  }
  const more = widthsOf(units, '--units');
  if (more) steps.push({ units: more });
  if (!steps.length)
    throw new UsageError(
      'grow needs a step: --widen, --deepen, --enlarge, --connect, --units, --plan or --macs',
    );
  return parsePlan(steps);
}

function widthsOf(texts: readonly string[], flag: string): Readonly<Record<string, Width>> | undefined {
  const widths = new Map<string, Width>();
  for (const text of texts) {
    const [where, width] = pairOf(text, flag);
    if (widths.has(where)) throw new UsageError(`${flag} names "${where}" twice; once is enough`);
    widths.set(where, parseWidth(width));
  }
  return widths.size ? Object.fromEntries(widths) : undefined;
}

function pairOf(text: string, flag: string): readonly [string, string] {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new UsageError(`${flag} "${text}" is not of the form where=value, such as stage1=x1.5`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function wholeOf(text: string, flag: string, pair: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(
    `${flag} "${pair}": expected a whole number from 1 to 9999 after the "=", got "${text}"`,
  );
}

function show(graph: Graph, steps: GrowPlan, seed: number, { json }: Flags): void {
  const planned = plan(graph, steps, { seed });
  if (json) {
    return printJson(planned.map(({ step, params, macs, preserves }) => ({ step, params, macs, preserves })));
  }
  const start = cost(graph);
  const rows = planned.map((p) => [JSON.stringify(p.step), count(p.params), count(p.macs), p.preserves]);
  print(
    columns(
      [
        ['step', 'params', 'macs', 'preserves'],
        ['before', count(start.params), count(start.macs), ''],
        ...rows,
      ],
      [1, 2],
    ),
  );
}

/** The largest difference of two nets' outputs on seeded normal inputs, and the largest output. */
async function difference(a: Net, b: Net, training: boolean): Promise<{ maxAbsDiff: number; scale: number }> {
  const batch = 8;
  const source = random('grow', 1);
  const shape = inputShape(a.graph);
  const x = Float32Array.from({ length: batch * shape.reduce((n, d) => n * d, 1) }, source.normal);
  const [before, after] = [await outputs(a, x, batch, training), await outputs(b, x, batch, training)];
  let [maxAbsDiff, scale] = [0, 0];
  before.forEach((v, i) => {
    maxAbsDiff = Math.max(maxAbsDiff, Math.abs(v - (after[i] as number)));
    scale = Math.max(scale, Math.abs(v));
  });
  return { maxAbsDiff, scale };
}

/** All outputs, flat; nothing is dropped in training mode. */
async function outputs(
  { graph, weights }: Net,
  x: Float32Array,
  batch: number,
  training: boolean,
): Promise<Float32Array> {
  const nodes = graph.nodes.map((n) =>
    n.op.kind === 'dropout' || n.op.kind === 'dropPath' ? { ...n, op: { ...n.op, rate: 0 } } : n,
  );
  const still: Graph = { ...graph, nodes };
  const state = Object.fromEntries([...weights].map(([key, w]) => [key, { shape: w.shape }]));
  const ready = await prepare(
    (tensors, { x: input }) => {
      const { values } = forward(still, tensors as WeightTensors, input as never, { training });
      return { state: tensors, outputs: Object.fromEntries(values) };
    },
    { state, inputs: { x: { shape: [batch, ...inputShape(graph)] } } },
  );
  const done = await ready.run(Object.fromEntries([...weights].map(([key, w]) => [key, materialize(w)])), {
    x,
  });
  await ready.release();
  return Float32Array.from(Object.values(done.outputs).flatMap((v) => [...v]));
}
