/**
 * @file Integers against floats: how long one example takes on one thread of onnxruntime, and how near the integer net of a
 * student is to its simulation. Writes the table of docs/compression.md.
 *
 *   npm run experiment -- integers
 */
import { join } from 'node:path';
import { note } from '../../src/cli/say.ts';
import { quantizeByData } from '../../src/compress/index.ts';
import { loadDataset, take } from '../../src/data/index.ts';
import { foldNorms } from '../../src/edit/index.ts';
import { type Compiled, compile, prepare } from '../../src/engine/index.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { inputShape } from '../../src/graph/index.ts';
import { passes } from '../../src/learn/task/index.ts';
import { random } from '../../src/random.ts';
import { codeTensors, forward, weightTensors } from '../../src/read/tfjs/index.ts';
import { init, type Net } from '../../src/weights/index.ts';
import { compose, loadStudent, readCard } from '../../zoo/index.ts';
import { marks, remarked, table } from '../lib/markdown.ts';

const students = ['mnist/wrn-16-1', 'fashion-mnist/wrn-16-2'];
const graphs = ['wrn depth=16 width=4 size=32', 'resnet-18', 'mobilenet-v2'];

const normal = (length: number): Float32Array => {
  const source = random('integers');
  return Float32Array.from({ length }, source.normal);
};
const sizeOf = (net: Net): number => inputShape(net.graph).reduce((n, d) => n * d, 1);

/** Medians of interleaved runs, in milliseconds. */
async function times(nets: readonly Net[], runs = 25): Promise<readonly number[]> {
  const compiled: Compiled[] = [];
  for (const net of nets) compiled.push(await compile(net, { threads: 1 }));
  const x = normal(sizeOf(nets[0] as Net));
  const all = compiled.map((): number[] => []);
  for (let i = -5; i < runs; i++) {
    for (const [k, c] of compiled.entries()) {
      const start = performance.now();
      await c.run(x);
      if (i >= 0) all[k]?.push(performance.now() - start);
    }
  }
  for (const c of compiled) await c.release();
  return all.map((list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)] as number);
}

/** The share of logits of 1,000 test images within one step of the output, and the step. */
async function agreement(name: string, net: Net, integers: Net): Promise<number> {
  const data = await loadDataset(readCard(name).data);
  const last = integers.graph.nodes.find((n) => n.id === integers.graph.outputs[0])?.op;
  if (last?.kind !== 'quantize') throw new Error('internal: the output is not rounded');
  const runner = await compile(integers);
  const shape = [250, ...inputShape(net.graph)];
  const simulation = await prepare(
    (_, { x }) => ({
      state: {},
      outputs: Object.fromEntries(
        forward(integers.graph, weightTensors(integers.weights), x as never, { codes: codeTensors(integers) })
          .values,
      ),
    }),
    { state: {}, inputs: { x: { shape } } },
  );
  let [near, count] = [0, 0];
  for (const { x } of passes(take(data.test, 1000, 1), data, 250)) {
    const [a] = [...(await runner.run(x)).values()];
    const [b] = Object.values((await simulation.run({}, { x })).outputs);
    a?.forEach((v, i) => {
      count++;
      if (Math.abs(v - (b?.[i] as number)) <= 1.001 * last.scale) near++;
    });
  }
  await runner.release();
  await simulation.release();
  return near / count;
}

const rows: string[][] = [];
for (const name of students) {
  const net = loadStudent(name);
  const data = await loadDataset(readCard(name).data);
  const seen = [...passes(take(data.train, 256, 1), data, 64)].map((b) => b.x);
  const integers = await quantizeByData(net, seen, { outputs: true });
  const [float = 0, int = 0] = await times([foldNorms(net), integers]);
  const share = await agreement(name, net, integers);
  rows.push([
    name,
    float.toFixed(2),
    int.toFixed(2),
    (float / int).toFixed(2),
    `${(100 * share).toFixed(2)} %`,
  ]);
  note(rows.at(-1)?.join('  ') ?? '');
}
for (const words of graphs) {
  const net = init(compose(words.split(' ')), { seed: 1 });
  const integers = await quantizeByData(net, [normal(sizeOf(net))]);
  const [float = 0, int = 0] = await times([foldNorms(net), integers]);
  rows.push([words, float.toFixed(2), int.toFixed(2), (float / int).toFixed(2), '']);
  note(rows.at(-1)?.join('  ') ?? '');
}

const head = ['net', 'float ms', 'int8 ms', 'times faster', 'logits within a step of the simulation'];
const file = join('docs', 'compression.md');
const place = marks('scripts/experiments/integers.ts', 'integers');
writeAtomically(file, remarked(readText(file), place, table([head, ...rows])));
