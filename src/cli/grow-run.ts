/**
 * @file The implementation of `moonlet grow`: growth, its verification by outputs and by certificate, and the plan of
 * a dry run.
 */
import { loadStudent, studentFolder } from '../../zoo/index.ts';
import { filesOf } from '../../zoo/net-files.ts';
import {
  type GrowPlan,
  type Growth,
  growSteps,
  type Preserves,
  plan,
  verifyCertificate,
} from '../edit/index.ts';
import { inferenceEngine, prepare } from '../engine/index.ts';
import { MoonletError } from '../errors.ts';
import { type Out, withOut } from '../files/index.ts';
import { type Graph, inputShape } from '../graph/index.ts';
import { random } from '../random.ts';
import { cost } from '../read/index.ts';
import { forward } from '../read/tfjs/index.ts';
import { dataOf } from '../run/files.ts';
import { cardAfter } from '../run/pictures.ts';
import { materialize, type Net } from '../weights/index.ts';
import type { Flags } from './grow.ts';
import { count, magnitude, note, print, printJson } from './say.ts';
import { tableOf } from './tables.ts';

/** Grows a student and saves it. @throws MoonletError when the grown net computes something else; nothing is saved then. */
export function growStudent(
  name: string,
  steps: GrowPlan,
  seed: number,
  flags: Flags & { readonly out: string },
): Promise<void> {
  const net = loadStudent(name);
  const options = {
    force: flags.force ?? false,
    writes: ['graph.json', 'weights.safetensors', 'card.json'],
    inputs: [studentFolder(name), ...(flags.plan === undefined ? [] : [flags.plan])],
  };
  return withOut(flags.out, options, (out) =>
    grown(name, net, growSteps(net, steps, { seed }), out, flags.json ?? false),
  );
}

/** Proves the growth, saves the net and says what it costs. */
async function grown(
  name: string,
  net: Net,
  done: readonly Growth[],
  out: Out,
  json: boolean,
): Promise<void> {
  const last = done.at(-1);
  if (!last) throw new Error('a plan without a step');
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
  out.publish(filesOf(last.net, cardAfter(name, dataOf(name))));
  const [before, after] = [cost(net.graph), cost(last.net.graph)];
  if (json) {
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
  print(tableOf([['', 'before', 'after'], ...rows], [1, 2]));
  print(
    `largest difference in inference ${inference.maxAbsDiff.toExponential(1)} of outputs up to ${magnitude(inference.scale)}`,
  );
  if (training) print(`largest difference in training mode ${training.maxAbsDiff.toExponential(1)}`);
  else if (preserves === 'neither') note('a step changes the function, as requested');
  else note('a step preserves the function in inference only: in training, batch statistics differ');
  print(`saved in ${out.folder}`);
}

const weakest = (done: readonly Growth[]): Preserves =>
  (['neither', 'inference'] as const).find((p) => done.some((g) => g.preserves === p)) ?? 'both';

/** What each step would cost and preserve; nothing is written. */
export function showPlan(name: string, steps: GrowPlan, seed: number, json: boolean): void {
  const { graph } = loadStudent(name);
  const planned = plan(graph, steps, { seed });
  if (json) {
    return printJson(planned.map(({ step, params, macs, preserves }) => ({ step, params, macs, preserves })));
  }
  const start = cost(graph);
  const rows = planned.map((p) => [JSON.stringify(p.step), count(p.params), count(p.macs), p.preserves]);
  print(
    tableOf(
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
    maxAbsDiff = Math.max(maxAbsDiff, Math.abs(v - (after[i] ?? Number.NaN)));
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
      if (!input) throw new Error('internal: the input x is missing');
      const { values } = forward(still, tensors, input, { training });
      return { state: tensors, outputs: Object.fromEntries(values) };
    },
    { state, inputs: { x: { shape: [batch, ...inputShape(graph)] } } },
    { engine: await inferenceEngine({}) },
  );
  const done = await ready.run(Object.fromEntries([...weights].map(([key, w]) => [key, materialize(w)])), {
    x,
  });
  await ready.release();
  return Float32Array.from(Object.values(done.outputs).flatMap((v) => [...v]));
}
