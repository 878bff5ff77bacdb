/**
 * @file What a step of fine-tuning costs: EfficientNet-Lite0 at 96 x 96 with all of it trained, with frozen stages, the head alone, rates
 * by part, and a moving average of the weights (`npm run experiment -- fine-tune-cost`). Kinds of steps are taken in turn, ROUNDS
 * times; the median of each is printed with the nodes of its graph.
 *
 *   npm run experiment -- fine-tune-cost [--rounds 15] [--batch 16] [--size 96] [--student 'efficientnet-lite0 classes=5']
 */
import { parseArgs } from 'node:util';
import { median } from '../../src/bench/numbers.ts';
import { note, print } from '../../src/cli/say.ts';
import { prepare } from '../../src/engine/index.ts';
import { classesOf, sizeOf } from '../../src/graph/index.ts';
import { type Arrays, trace } from '../../src/jit/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { firstState, sgd, step, type TuningOptions, tuningOf } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { columns } from '../../src/read/index.ts';
import { init } from '../../src/weights/index.ts';
import { compose } from '../../zoo/architectures/index.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    batch: { type: 'string', default: '16' },
    size: { type: 'string', default: '96' },
    student: { type: 'string', default: 'efficientnet-lite0 classes=5' },
  },
});
const [rounds, batch] = [Number(values.rounds), Number(values.batch)];
const graph = compose(`${values.student} size=${values.size}`);
const stagesBelow = graph.nodes.some((n) => n.id.startsWith('stage4/')) ? 'stem..stage3' : 'stem';

interface Kind extends TuningOptions {
  readonly averaged?: boolean;
}
const kinds: Readonly<Record<string, Kind>> = {
  'all trained': {},
  'all trained, ema': { averaged: true },
  'all trained, layer decay 0.75': { layerDecay: 0.75 },
  [`${stagesBelow} frozen`]: { freeze: [stagesBelow] },
  'the head alone': { train: ['head'] },
};

const net = init(graph, { seed: 0 });
const source = random('fine-tune-cost');
const runs = await Promise.all(Object.entries(kinds).map(([name, kind]) => prepared(name, kind)));
for (let round = -1; round < rounds; round++) {
  for (const run of runs) {
    const before = performance.now();
    run.state = (await run.runner.run(run.state, run.inputs)).state;
    if (round >= 0) run.times.push(performance.now() - before); // the first warms up
  }
  note(`round ${round + 1} of ${rounds}`);
}
const whole = median(runs[0]?.times ?? []);
const rows = runs.map(({ name, times, nodes }) => {
  const ms = median(times);
  return [name, ms.toFixed(1), `${((100 * ms) / whole).toFixed(0)} %`, `${nodes}`];
});
print(`${graph.name}, batch ${batch}, ${process.arch}\n`);
print(columns([['step', 'ms (median)', 'of the first', 'nodes'], ...rows], [1, 2, 3]));
for (const { runner } of runs) await runner.release();

async function prepared(name: string, { averaged = false, ...options }: Kind) {
  const losses = [crossEntropy()].map((make) => make({ student: graph }));
  const tuning = tuningOf(graph, options);
  const optimizer = sgd({ nesterov: true, weightDecay: 5e-4 });
  const plan = step({ graph, losses, optimizer, batch, averaged, ...(tuning ?? {}) });
  const inputs: Record<string, Float32Array | Int32Array> = {};
  for (const [input, { shape }] of Object.entries(plan.specs.inputs))
    inputs[input] = Float32Array.from({ length: sizeOf([...shape, 1] as never) }, source.uniform);
  inputs['labels'] = Int32Array.from({ length: batch }, (_, i) => i % classesOf(graph));
  inputs['rate'] = Float32Array.of(0.001);
  const { nodes } = trace(plan.fn, plan.specs);
  const state: Arrays = firstState(net, plan.specs.state);
  const runner = await prepare(plan.fn, plan.specs);
  return { name, nodes, runner, inputs, state, times: [] as number[] };
}
