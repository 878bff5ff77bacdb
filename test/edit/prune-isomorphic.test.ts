/** @file Isomorphic pruning: which layers are built alike, and that each class of them loses its least important channels. */
import { expect } from 'chai';
import { planPruning, pruneChannels, verifyCertificate } from '../../src/edit/index.ts';
import { isomorphicPaths } from '../../src/edit/prune/isomorphic.ts';
import { paths } from '../../src/edit/prune/moves.ts';
import { channels, channelsOf, type Graph, shapes } from '../../src/graph/index.ts';
import { float, type Net } from '../../src/weights/index.ts';
import { compose } from '../../zoo/architectures/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { type Map as Flow, layer, made } from '../support/growing.ts';
import { shaken } from '../support/nets.ts';
import { fc } from '../support/property.ts';

/** The names of the variables of each class. */
function classesOf(g: Graph): readonly (readonly string[])[] {
  const all = channels(g);
  const free = (id: number): boolean => !all.frozen.has(id);
  const found = paths(all, new Map(), { free, roundTo: 1, most: 0.9 });
  return isomorphicPaths(g, all, found).map((members) =>
    members.map(({ variables }) => variables.map((v) => v.name).join('+')),
  );
}

/** The net with these scales in the norms of some layers. */
const withScales = (net: Net, scales: Readonly<Record<string, readonly number[]>>): Net => ({
  ...net,
  weights: new Map(
    [...net.weights].map(([key, w]) => {
      const [node = ''] = key.split('/norm:gamma');
      const values = key.endsWith('/norm:gamma') ? scales[node] : undefined;
      return [key, values ? float(w.shape, Float32Array.from(values)) : w];
    }),
  ),
});
const widths = (g: Graph, names: readonly string[]): readonly number[] => {
  const all = shapes(g);
  return names.map((n) => channelsOf(all.get(`${n}/conv`) ?? [0]));
};

describe('isomorphic pruning', () => {
  it('finds the layers of a residual net that are built alike, whatever their widths', () => {
    expect(classesOf(compose('wrn depth=16 width=2 size=28 channels=1'))).to.deep.equal([
      ['stem'],
      // what leaves stage 3 goes to the head instead of the next stage's blocks
      ['stage1/width', 'stage2/width'],
      [
        'stage1/0/first',
        'stage1/1/first',
        'stage2/0/first',
        'stage2/1/first',
        'stage3/0/first',
        'stage3/1/first',
      ],
      ['stage3/width'],
    ]);
  });
  it('tells apart the same ops in another order, and grouped from full convs', () => {
    const normFirst = (x: Flow, name: string): Flow =>
      x.pipe(name, (y) => y.conv(4, { kernel: 3 }).norm().relu());
    const reluFirst = (x: Flow, name: string): Flow =>
      x.pipe(name, (y) => y.conv(4, { kernel: 3 }).relu().norm());
    const g = made((x) => {
      const alike = normFirst(normFirst(normFirst(x, 'a'), 'b'), 'c');
      const other = normFirst(reluFirst(alike, 'd'), 'e');
      return layer(layer(other, 'f', 4, { groups: 2 }), 'g', 4);
    });
    // a grouped conv reads e and makes f; g goes to the head
    expect(classesOf(g)).to.deep.equal([['a', 'b', 'c'], ['d'], ['e'], ['f'], ['g']]);
  });
  it('does not depend on the names of nodes', () => {
    fc.assert(
      fc.property(arbitraryGraph({ classes: 3 }), fc.nat(1000), (g, seed) => {
        const size = (classes: readonly (readonly string[])[]): readonly number[] =>
          classes.map((members) => members.length).sort((a, b) => a - b);
        const renamed = (id: string): string => `${(id.length * 7 + seed) % 10}-${id}`;
        const other: Graph = {
          ...g,
          nodes: g.nodes.map((n) => ({
            ...n,
            id: renamed(n.id),
            inputs: n.inputs.map(renamed),
            ...(n.weightsOf === undefined ? {} : { weightsOf: renamed(n.weightsOf) }),
          })),
          outputs: g.outputs.map(renamed),
        };
        expect(size(classesOf(other))).to.deep.equal(size(classesOf(g)));
      }),
      { numRuns: 100 },
    );
  });

  // first, second and third are built alike; fourth feeds the head
  const names = ['first', 'second', 'third', 'fourth'];
  const net = withScales(shaken(made((x) => names.reduce((y, name) => layer(y, name, 8), x))), {
    first: [1, 2, 3, 4, 5, 6, 7, 8],
    second: [11, 12, 13, 14, 15, 16, 17, 18],
    third: [21, 22, 23, 24, 25, 26, 27, 28],
    fourth: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
  });
  const pruned = (ratio: number, scope: 'layer' | 'isomorphic' | 'global'): readonly number[] =>
    widths(
      pruneChannels(net, { ratio }, { by: 'norm-scale', scope, roundTo: 1, most: 0.9 }).net.graph,
      names,
    );

  it('removes the same share of each class, and the least important channels of it', () => {
    // 9 of the 24 channels of the class: 7 of first (a layer keeps a tenth), 2 of second; 3 of the 8 of fourth
    expect(pruned(0.375, 'isomorphic')).to.deep.equal([1, 6, 8, 5]);
    expect(pruned(0.375, 'layer')).to.deep.equal([5, 5, 5, 5]);
    // 12 of all 32: 7 of fourth, then 5 of first
    expect(pruned(0.375, 'global')).to.deep.equal([3, 8, 8, 1]);
  });
  it('leaves the widths that Torch-Pruning 1.6.1 does', () => {
    const before = [8, 16, 16, 24, 8];
    const layers = before.map((_, k) => `layer${k}`);
    const scale = (k: number, i: number): number => ((((k * 37 + i * i * 11) % 101) + 1) / 50) * (1 + k);
    const scaled = withScales(
      shaken(made((x) => layers.reduce((y, name, k) => layer(y, name, before[k] ?? 0), x))),
      Object.fromEntries(
        before.map((w, k) => [`layer${k}`, Array.from({ length: w }, (_, i) => scale(k, i))]),
      ),
    );
    const o = { by: 'norm-scale', scope: 'isomorphic', roundTo: 1 } as const;
    // BNScalePruner(pruning_ratio=0.4, global_pruning=True, isomorphic=True) leaves 2, 7, 11, 18 and, since it rounds
    // the 4.8 channels that the last layer keeps down, 4
    expect(widths(pruneChannels(scaled, { ratio: 0.4 }, o).net.graph, layers)).to.deep.equal([
      2, 7, 11, 18, 5,
    ]);
  });
  it('compares norms of filters after division by their mean in the layer', () => {
    const plan = planPruning(net, { by: 'l2', scope: 'isomorphic', roundTo: 1 });
    const large = {
      ...net,
      weights: new Map(
        [...net.weights].map(([key, w]) => [
          key,
          key === 'second/conv:kernel'
            ? float(
                w.shape,
                Float32Array.from(w.data as Float32Array, (v) => 100 * v),
              )
            : w,
        ]),
      ),
    };
    const same = planPruning(large, { by: 'l2', scope: 'isomorphic', roundTo: 1 });
    expect(same.moves.map((m) => m.classes)).to.deep.equal(plan.moves.map((m) => m.classes));
  });
  it('the pruned net is the masked one, down to a budget', () => {
    const wrn = shaken(compose('wrn depth=16 width=2 size=28 channels=1'));
    const half = pruneChannels(wrn, { macs: 6_000_000 }, { scope: 'isomorphic' });
    expect(verifyCertificate(half.masked(), half.net, half.maps)).to.deep.equal([]);
  });
});
