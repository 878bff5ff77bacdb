/** @file Graphs as builder code: what the code makes is the graph again, to the last path. */
import { expect } from 'chai';
import { transformSync } from 'esbuild';
import { pruneChannels } from '../../src/edit/index.ts';
import { MoonletError, Refusal } from '../../src/errors.ts';
import type { Graph } from '../../src/graph/index.ts';
import * as moonlet from '../../src/index.ts';
import { toSource } from '../../src/read/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { shaken, small, smallZoo } from '../support/nets.ts';
import { fc } from '../support/property.ts';

/** Runs generated TypeScript: its import is our own index. */
function made(source: string): Graph {
  const { code } = transformSync(source, { loader: 'ts', format: 'cjs' });
  const module = { exports: {} as { net?: () => Graph } };
  const run = new Function('require', 'module', 'exports', code) as (...args: unknown[]) => void;
  run((name: string) => (name === 'moonlet' ? moonlet : undefined), module, module.exports);
  return (module.exports.net as () => Graph)();
}

describe('source', () => {
  for (const graph of smallZoo(32))
    it(`${graph.name}: the code makes the graph`, () => {
      expect(made(toSource(graph))).to.deep.equal(graph);
    });

  it('random graphs come again', () =>
    fc.assert(
      fc.property(arbitraryGraph(), (graph) => {
        expect(made(toSource(graph))).to.deep.equal(graph);
      }),
      { numRuns: 150 },
    ));

  it('edited graphs come again, with paths that the builder would not give', () => {
    const { net } = pruneChannels(shaken(small('shufflenet-v2')), { ratio: 0.3 });
    expect(net.graph.nodes.some((n) => n.op.kind === 'permute')).to.equal(true);
    const source = toSource(net.graph);
    expect(source).to.include("import { type Graph, graph, input, rename } from 'moonlet';");
    expect(made(source)).to.deep.equal(net.graph);
  });

  it('graphs of integers come again with the form of their codes, with and without other paths', () => {
    const net = shaken(small('wrn'));
    const rounded = moonlet.quantize(net, {
      ranges: new Map(net.graph.nodes.map(({ id }) => [id, [-4, 4] as const])),
    });
    for (const { graph } of [moonlet.quantize(net, { form: 'full' }), rounded]) {
      expect(graph.integers).to.be.oneOf(['full', 'paired']);
      expect(made(toSource(graph))).to.deep.equal(graph);
    }
  });

  it('reads like the builder', () => {
    const { graph, input } = moonlet;
    const tiny = graph(
      'tiny',
      input(8, 8, 3)
        .pipe('stem', (x) => x.conv(4, { kernel: 3 }).norm().relu())
        .pipe('stage1', (x) =>
          x
            .depthwise({ stride: 2 })
            .act('hardSwish')
            .add(x.avgPool({ size: 2 })),
        )
        .globalPool()
        .dense(2),
    );
    expect(toSource(tiny)).to.equal(`import { type Graph, graph, input } from 'moonlet';

/** tiny: 10 nodes. */
export const net = (): Graph => {
  const image = input(8, 8, 3);
  const stemAct = image.pipe('stem', (x) => x.conv(4, { kernel: 3 }).norm().relu());
  const stage1Act = stemAct.pipe('stage1', (x) => x.depthwise({ stride: 2 }).act('hardSwish'));
  const stage1Pool = stemAct.pipe('stage1', (x) => x.avgPool({ size: 2 }));
  const stage1Add = stage1Act.pipe('stage1', (x) => x.add(stage1Pool));
  const dense = stage1Add.globalPool().dense(2);
  return graph('tiny', dense);
};
`);
  });

  it('refuses what the builder has no word for', () => {
    const { graph, input } = moonlet;
    const one = graph('one', input(4).dense(2));
    const two: Graph = {
      ...one,
      nodes: [{ id: 'other', op: { kind: 'input', shape: [4] }, inputs: [] }, ...one.nodes],
    };
    expect(() => toSource(two)).to.throw(MoonletError, 'one: has 2 inputs; expected one');
    const idle: Graph = {
      name: 'idle',
      nodes: [one.nodes[0]!, { id: 'dropout', op: { kind: 'dropout', rate: 0 }, inputs: ['input'] }],
      outputs: ['dropout'],
    };
    expect(() => toSource(idle)).to.throw(
      Refusal,
      'dropout: the builder has no word for a dropout of rate 0, which does nothing; leave it out',
    );
  });
});
