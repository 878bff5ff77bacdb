/** @file The fusions: passes over the IR before it is lowered. Lowering may visit nodes in any topological order after that. */

import { expect } from 'chai';
import { graph, input } from '../../src/compose/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import type { Node } from '../../src/jit/ir.ts';
import { reachable } from '../../src/jit/ir.ts';
import { lower } from '../../src/jit/lower/index.ts';
import { packed } from '../../src/jit/pack.ts';
import { type Fused, fuse } from '../../src/jit/passes/index.ts';
import { endsOf } from '../../src/jit/passes/rewrite.ts';
import { type Recorded, record } from '../../src/jit/record.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { sgd, step } from '../../src/learn/train/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { random } from '../../src/random.ts';
import { interpret } from '../support/interpreter/index.ts';
import { distance } from '../support/nets.ts';

/** Convs with norms, a strided block with its shortcut, sums, and convs that run outside of blocks. */
const net: Graph = graph(
  'every fusion',
  input(4, 4, 3)
    .pipe('stem', (x) => x.conv(16, { kernel: 3 }).norm().relu())
    .pipe('stage1', (x) => {
      const body = x.conv(16, { kernel: 3, stride: 2 }).norm().act('relu6').conv(16, { kernel: 3 }).norm();
      return body.add(x.conv(16, { stride: 2 }).norm());
    })
    .pipe('stage2', (x) => x.add(x.norm().relu().conv(16, { kernel: 3 })))
    .pipe('stage3', (x) => x.conv(20).norm().relu().conv(24, { kernel: 3 }).norm())
    .pipe('head', (x) => x.globalPool().dense(10)),
);
const batch = 8;
const plan = step({ graph: net, losses: [crossEntropy()({ student: net })], optimizer: sgd(), batch });
const recorded: Recorded = packed(record(plan.fn, plan.specs, true));
const kinds = (nodes: readonly Node[]): string[] => nodes.map(({ op }) => op.kind);

/** Numbers for every input of the model. */
function feeds(): Record<string, Float32Array | Int32Array> {
  const source = random('passes');
  const arrays: Record<string, Float32Array | Int32Array> = {};
  for (const [room, specs] of Object.entries({ state: plan.specs.state, inputs: plan.specs.inputs }))
    for (const [name, { shape, dtype }] of Object.entries(specs)) {
      const length = shape.reduce((product, dim) => product * dim, 1);
      const key = `${room}/${name}`;
      arrays[key] =
        dtype === 'int32'
          ? Int32Array.from({ length }, (_, i) => i % 10)
          : Float32Array.from({ length }, () => 0.3 * source.normal());
    }
  return arrays;
}

/** The same graph with its nodes in another topological order. */
function reordered(fused: Fused, seed: number): Fused {
  const source = random('order', seed);
  const waiting = new Set(fused.trace.nodes);
  const nodes: Node[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting].filter(({ inputs }) => inputs.every((x) => !waiting.has(x.node)));
    const next = ready[Math.floor(source.uniform() * ready.length)];
    if (!next) throw new Error('a circle of nodes');
    waiting.delete(next);
    nodes.push(next);
  }
  return { ...fused, trace: { ...fused.trace, nodes } };
}

describe('passes before lowering', () => {
  it('only take the factors out of norms for a runtime without blocks', () => {
    const fused = fuse(recorded, undefined);
    const added = (kind: string): number =>
      [fused, recorded]
        .map((graph) => kinds(reachable(graph.trace, endsOf(graph))).filter((one) => one === kind).length)
        .reduce((after, before) => after - before);
    const all = new Set([fused, recorded].flatMap((graph) => kinds(graph.trace.nodes)));
    expect([...all].filter((kind) => added(kind) !== 0)).to.deep.equal(['channelScale']);
    expect(fused.fusions.sums.size + fused.fusions.relus.size).to.equal(0);
  });

  for (const block of [8, 16]) {
    it(`find every fusion for blocks of ${block}, in nodes and values of the graph`, () => {
      const fused = fuse(recorded, block);
      const nodes = reachable(fused.trace, endsOf(fused));
      expect(kinds(nodes)).to.include.members(['centredConv', 'channelScale', 'convPhase', 'interleave']);
      expect(kinds(reachable(recorded.trace, endsOf(recorded)))).not.to.include('centredConv');
      expect(fused.fusions.sums.size).to.be.above(0);
      expect(fused.fusions.relus.size).to.be.above(0);
      const values = nodes.flatMap(({ outputs }) => outputs);
      expect(new Set(values.map(({ id }) => id)).size).to.equal(values.length);
      const made = new Set(values);
      const { sums, relus } = fused.fusions;
      for (const [y, { other, sum }] of sums)
        for (const value of [y, other, sum]) expect(made.has(value)).to.equal(true);
      for (const [y, { value, below }] of relus)
        for (const one of [y, value, ...below]) expect(made.has(one)).to.equal(true);
    });

    it(`leave lowering free to visit nodes in any topological order, blocks of ${block}`, () => {
      const fused = fuse(recorded, block);
      const given = feeds();
      const results = (graph: Fused): Float32Array[] => {
        const outputs = interpret(encodeModel(lower(graph, { block })), given, block);
        return Object.keys(outputs)
          .sort()
          .flatMap((name) => {
            const data = outputs[name];
            return data instanceof Float32Array ? [data] : [];
          });
      };
      const expected = results(fused);
      expect(
        distance(results({ ...recorded, fusions: { sums: new Map(), relus: new Map() } }), expected),
      ).to.be.below(1e-5);
      for (let seed = 0; seed < 6; seed++)
        expect(distance(results(reordered(fused, seed)), expected), `order ${seed}`).to.be.below(1e-5);
    });
  }
});
