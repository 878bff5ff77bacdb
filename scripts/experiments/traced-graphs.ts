/**
 * @file The traced training step of every architecture at a small size: its ONNX nodes, counted by kind, for blocks of 16, 8 and
 * none, at two batches, and the losses of three steps on this machine. `--write FILE` keeps them as JSON, `--against FILE` compares with what
 * another commit kept, and fails where anything differs: a change that only moves code changes none of it.
 *
 *   npm run experiment -- traced-graphs --write out/traced.json
 */

import { parseArgs } from 'node:util';
import { note, print } from '../../src/cli/say.ts';
import { prepare } from '../../src/engine/index.ts';
import { readText, writeAtomically } from '../../src/files/index.ts';
import { classesOf, type Graph, inputShape, sizeOf } from '../../src/graph/index.ts';
import { trace } from '../../src/jit/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { firstState, sgd, step as stepOf } from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { init } from '../../src/weights/index.ts';
import { smallZoo } from '../../test/support/nets.ts';

const { values: flags } = parseArgs({ options: { write: { type: 'string' }, against: { type: 'string' } } });
/** The first fills no block; from 8 on convs take the means of their norms away. */
const batches = [6, 16];

interface Traced {
  readonly nodes: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly losses: readonly number[];
}

async function tracedStep(graph: Graph, batch: number): Promise<Traced> {
  const losses = [crossEntropy()].map((make) => make({ student: graph, teacher: undefined }));
  const plan = stepOf({ graph, losses, optimizer: sgd({ nesterov: true }), batch });
  const [nodes, counts]: [Record<string, number>, Record<string, Record<string, number>>] = [{}, {}];
  for (const block of [16, 8, undefined]) {
    const traced = trace(plan.fn, plan.specs, block === undefined ? {} : { block });
    nodes[block ?? 'none'] = traced.nodes;
    counts[block ?? 'none'] = Object.fromEntries(Object.entries(traced.counts).sort());
  }
  const runner = await prepare(plan.fn, plan.specs);
  const source = random('traced-graphs', graph.name);
  const fixed: Record<string, Float32Array | Int32Array> = {};
  for (const [name, { shape }] of Object.entries(plan.specs.inputs))
    fixed[name] = Float32Array.from({ length: sizeOf(shape as never) }, source.uniform);
  fixed['x'] = Float32Array.from({ length: batch * sizeOf(inputShape(graph)) }, source.normal);
  fixed['labels'] = Int32Array.from({ length: batch }, (_, i) => i % classesOf(graph));
  fixed['rate'] = Float32Array.of(0.01);
  for (const l of losses) fixed[`loss/${l.name}`] = Float32Array.of(Number(l.weight));
  let state = firstState(init(graph, { seed: 1 }), plan.specs.state);
  const seen: number[] = [];
  for (let i = 0; i < 3; i++) {
    const done = await runner.run(state, fixed);
    state = done.state;
    seen.push(Number(done.outputs['loss']?.[0]));
  }
  await runner.release();
  return { nodes, counts, losses: seen };
}

const all: Record<string, Traced> = {};
for (const graph of smallZoo())
  for (const batch of batches) {
    const [name, traced] = [`${graph.name}, batch ${batch}`, await tracedStep(graph, batch)];
    all[name] = traced;
    note(`${name}: ${JSON.stringify(traced.nodes)} ${traced.losses.join(' ')}`);
  }
if (flags.write !== undefined) writeAtomically(flags.write, `${JSON.stringify(all, null, 1)}\n`);
if (flags.against !== undefined) {
  const before = JSON.parse(readText(flags.against)) as Record<string, Traced>;
  const names = [...new Set([...Object.keys(before), ...Object.keys(all)])];
  const same = (of: (t: Traced | undefined) => unknown): string[] =>
    names.filter((name) => JSON.stringify(of(before[name])) === JSON.stringify(of(all[name])));
  const [counts, losses] = [same((t) => [t?.nodes, t?.counts]), same((t) => t?.losses)];
  print(`${counts.length} of ${names.length} with the same nodes, ${losses.length} with the same losses`);
  for (const name of names.filter((n) => !counts.includes(n) || !losses.includes(n)))
    print(`differs: ${name}`);
  process.exitCode = counts.length === names.length && losses.length === names.length ? 0 : 1;
}
