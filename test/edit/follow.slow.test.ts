/** @file What lies beside the weights follows them: optimizers go on in the grown net as they did in the small one. */
import { expect } from 'chai';
import { copyChannels, enlarge, type Follows, type Growth, grow, widen } from '../../src/edit/index.ts';
import { useBackend } from '../../src/engine/index.ts';
import type { Arrays } from '../../src/jit/index.ts';
import { adam, type Optimizer, sgd } from '../../src/learn/train/index.ts';
import {
  entries,
  float,
  materialize,
  type Net,
  type Weight,
  type WeightKey,
} from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import {
  expectSame,
  layer,
  made,
  outputs,
  randomCopies,
  slotOf,
  stepped,
  stepper,
  undefinedIfRefused,
} from '../support/growing.ts';
import { distance, noise, shaken } from '../support/nets.ts';
import { fc } from '../support/property.ts';

/** The net with something added to its trained weights. */
function plus({ graph, weights }: Net, added: (key: WeightKey, weight: Weight) => Float32Array): Net {
  const next = new Map<WeightKey, Weight>(weights);
  for (const { key, trained } of entries(graph)) {
    const weight = weights.get(key) as Weight;
    const move = trained ? added(key, weight) : undefined;
    if (move)
      next.set(
        key,
        float(
          weight.shape,
          materialize(weight).map((v, i) => v + (move[i] as number)),
        ),
      );
  }
  return { graph, weights: next };
}
/** The state of a grown net: its weights, and what the optimizer kept, each slot as it follows. */
function grownState(grown: Growth, state: Arrays, slots: Readonly<Record<string, Follows>>): Arrays {
  const all = Object.keys(slots).flatMap((slot) =>
    entries(grown.net.graph).flatMap(({ key, shape, trained }) => {
      const kept = state[`${slot}/${key}`] as Float32Array | undefined;
      const empty = new Float32Array(shape.reduce((n, d) => n * d, 1));
      return trained ? [[`${slot}/${key}`, (kept && grown.follow(key, kept, slots[slot])) ?? empty]] : [];
    }),
  );
  const weights = [...grown.net.weights].map(([key, w]) => [
    `weight/${key}`,
    Float32Array.from(materialize(w)),
  ]);
  return Object.fromEntries([...weights, ...all]) as Arrays;
}
const nets: Readonly<Record<string, () => Net>> = {
  wrn: () => shaken(compose('wrn depth=10 size=16')),
  'mobilenet-v3-small': () => shaken(compose('mobilenet-v3-small width=0.25 size=32 classes=10')),
  'shufflenet-v2': () => shaken(compose('shufflenet-v2 width=0.25 size=64 classes=10')),
  'flatten, grouped, shared': () =>
    shaken(
      made((x) => {
        const a = layer(x, 'a', 8);
        const b = layer(a.concat(layer(a, 'b', 4)), 'c', 12, { groups: 4 });
        return b.flatten().dense(6).relu();
      }),
    ),
};

describe('what lies beside the weights', () => {
  before(() => useBackend('wasm'));

  it('a velocity moves the function as it moved the old one, by random shares too', () =>
    fc.assert(
      fc.property(arbitraryGraph(), fc.nat(1000), (g, seed) => {
        const net = shaken(g, seed);
        const grown = undefinedIfRefused(() => copyChannels(net, randomCopies(net, seed), { seed }));
        if (!grown) return;
        const velocity = (key: WeightKey, { shape }: Weight): Float32Array =>
          noise(
            shape.reduce((n, d) => n * d, 0.1 * 10),
            key,
            seed,
          ).map((v) => 0.05 * v);
        const moved = plus(grown.net, (key) => {
          const old = net.weights.get(key) as Weight;
          return grown.follow(key, velocity(key, old)) as Float32Array;
        });
        expectSame(plus(net, velocity), moved);
      }),
      { numRuns: 60 },
    )).timeout(60_000);

  for (const [name, make] of Object.entries(nets)) {
    it(`${name}: with equal shares, gradients are those that follow`, async () => {
      const net = make();
      const grown = widen(net, { '**': 'x2' }, { split: 'equal', seed: 2 });
      const optimizer = sgd({ momentum: 0.9 });
      const first = async (n: Net) =>
        slotOf((await stepped(n, optimizer, { to: 1, rate: 0.1 })).state, 'velocity');
      const [before, after] = [await first(net), await first(grown.net)];
      const [wanted, found] = [[] as Float32Array[], [] as Float32Array[]];
      for (const [key, gradient] of before) {
        wanted.push(grown.follow(key, gradient, 'gradient') as Float32Array);
        found.push(after.get(key) as Float32Array);
      }
      expect(distance(found, wanted)).to.be.below(1e-3);
    }).timeout(60_000);

    describe(`${name}: Adam's first step in the grown net`, () => {
      const optimizer = adam();
      /** How far the grown net's step is from the old one's, when its state follows by these slots. */
      let apart: (slots: Optimizer['slots']) => Promise<number>;
      before(async () => {
        const [steps, rate] = [20, 1e-3];
        const next = { from: steps, to: steps + 1, rate };
        const ready = await stepper(make(), optimizer);
        const { net, state } = await ready.run({ to: steps, rate });
        const still = outputs(net, true);
        const far = (n: Net): Float32Array => outputs(n, true).map((v, i) => v - (still[i] as number));
        const old = far((await ready.run({ ...next, state })).net);
        await ready.release();
        const grown = widen(net, { '**': 'x2' }, { split: 'equal', seed: 2 });
        apart = async (slots) => {
          const start = grownState(grown, state, slots);
          return distance([far((await stepped(grown.net, optimizer, { ...next, state: start })).net)], [old]);
        };
      });

      // what is left is the new gradient's part of the squares, and weights whose gradients are rounding alone
      it('is the one of the old net', async () => {
        expect(await apart(optimizer.slots)).to.be.below(0.05);
      });
      it('is not, with squares as if it had always been so large: parts of a weight take whole steps', async () => {
        expect(await apart({ first: 'gradient', second: 'gradient' })).to.be.above(0.2);
      });
    });
  }

  it('squares of gradients go on at the new places of a larger kernel, and nothing else does', () => {
    const net = nets['wrn']?.() as Net;
    const key = 'stage1/0/first/conv:kernel';
    const [, , rows, columns] = (net.weights.get(key) as Weight).shape as [number, number, number, number];
    const depth = rows * columns;
    const kept = Float32Array.from({ length: 9 * depth }, (_, i) => i % 7);
    const grown = enlarge(net, 'stage1', 5);
    const at = (array: Float32Array, place: number): readonly number[] => [
      ...array.slice(place * depth, (place + 1) * depth),
    ];
    const mean = at(kept, 0).map((_, d) =>
      [...Array(9).keys()].reduce((m, p) => m + (kept[p * depth + d] as number) / 9, 0),
    );
    const squares = grown.follow(key, kept, 'square') as Float32Array;
    at(squares, 0).forEach((v, d) => {
      expect(v).to.be.closeTo(mean[d] as number, 1e-5);
    });
    expect(at(squares, 12)).to.deep.equal(at(kept, 4));
    expect(at(grown.follow(key, kept, 'gradient') as Float32Array, 0).every((v) => v === 0)).to.equal(true);
  });

  it('follows through all steps of a growth', () => {
    const net = nets['wrn']?.() as Net;
    const grown = grow(net, [{ widen: { stage1: 'x1.5' } }, { widen: { stage1: 'x1.5' } }]);
    const node = 'stage1/0/second/conv';
    const { shape } = net.weights.get(`${node}:kernel`) as Weight;
    const ones = new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(1);
    const shares = grown.follow(`${node}:kernel`, ones, 'gradient') as Float32Array;
    const map = grown.maps.get(node) as Int32Array;
    const sums = new Float64Array(16);
    map.forEach((old, j) => {
      sums[old] = (sums[old] as number) + (shares[j] as number);
    });
    expect(map).to.have.length(36);
    for (const sum of sums) expect(sum).to.be.closeTo(1, 1e-6);
  });
});
