/** @file The warm-up of weights that growth made: which they are, and how far they move. */
import { expect } from 'chai';
import { type GrowPlan, grow } from '../../src/edit/index.ts';
import { UsageError } from '../../src/errors.ts';
import { freshAfter, freshShares } from '../../src/learn/train/fresh.ts';
import { fit, sgd } from '../../src/learn/train/index.ts';
import { parseRecipe } from '../../src/run/index.ts';
import { materialize, type Net } from '../../src/weights/index.ts';
import { corners, cornersNet, cornersScale } from '../support/corners.ts';
import { shaken } from '../support/nets.ts';

const train = corners(48, 1);
const at = 3;

describe('warm-up of new weights', () => {
  it('means new units and what reads them, rings of kernels and new layers, and no copies', () => {
    const net = shaken(cornersNet().graph);
    const fresh = (plan: GrowPlan): Record<string, number> => {
      const found = freshAfter(grow(net, plan, { seed: 1 }), net.graph, { at, warmup: 4 });
      return Object.fromEntries(
        [...(found?.masks ?? [])].map(([key, mask]) => [key, mask.reduce((n, v) => n + v, 0)]),
      );
    };
    expect(fresh([{ widen: { stage1: 'x1.5' } }])).to.deep.equal({});
    // two units of 3 x 3 x 4 weights, a scale and an offset each, and 4 classes read them
    expect(fresh([{ units: { stage1: 6 } }])).to.deep.equal({
      'stage1/conv:kernel': 2 * 36,
      'stage1/norm:gamma': 2,
      'stage1/norm:beta': 2,
      'head/dense:kernel': 2 * 4,
    });
    // the ring around 3 x 3
    expect(fresh([{ enlarge: 'stage1', to: 5 }])).to.deep.equal({ 'stage1/conv:kernel': 16 * 4 * 4 });
    const deeper = fresh([{ deepen: 'stage1', by: 1 }]);
    const names = Object.keys(deeper);
    expect(names).to.not.deep.equal([]);
    for (const name of names) expect(net.weights.has(name as never)).to.equal(false);
  });
  it('rises linearly to the whole rate', () => {
    const net = shaken(cornersNet().graph);
    const grown = grow(net, [{ units: { stage1: 6 } }], { seed: 1 });
    const fresh = freshAfter(grown, net.graph, { at, warmup: 4 });
    const shares = [3, 4, 5, 6, 7, 100].flatMap((step) => (fresh ? [...freshShares(fresh, step)] : []));
    expect(shares).to.deep.equal([0.25, 0.5, 0.75, 1, 1, 1]);
    expect(freshAfter(grown, net.graph, { at })).to.equal(undefined);
  });

  const plans: Readonly<Record<string, GrowPlan>> = {
    units: [{ units: { stage1: 6 } }],
    'larger kernels': [{ enlarge: 'stage1', to: 5 }],
    'new layers': [{ deepen: 'stage1', by: 1 }],
  };
  for (const [name, plan] of Object.entries(plans))
    it(`moves ${name} by a share of the step, and old weights by all of it`, async () => {
      const run = async (steps: number, warmup: number | undefined, rate = 0.1): Promise<Net> => {
        const growth = [{ at, plan, warmup }];
        const o = {
          steps,
          batch: 8,
          seed: 3,
          engine: 'wasm',
          optimizer: sgd({ momentum: 0 }),
          growth,
        } as const;
        return (await fit(cornersNet(), train, cornersScale, { ...o, rate: (s) => (s < at ? 0.1 : rate) }))
          .net;
      };
      const [start, fast, slow] = [
        await run(at + 1, undefined, 0),
        await run(at + 1, undefined),
        await run(at + 1, 4),
      ];
      const old = cornersNet();
      const { masks } = freshAfter(grow(old, plan, { seed: 3 }), old.graph, { at, warmup: 4 }) ?? {
        masks: new Map(),
      };
      let moved = 0;
      for (const [key, weight] of start.weights) {
        if (/:(mean|variance)$/.test(key)) continue;
        const [w, f, s] = [weight, fast.weights.get(key)!, slow.weights.get(key)!].map(materialize);
        w!.forEach((v, i) => {
          const isNew = masks.get(key)?.[i] === 1;
          if (isNew && f![i] !== v) moved++;
          expect(s![i]! - v).to.be.closeTo((f![i]! - v) * (isNew ? 0.25 : 1), 1e-7);
        });
      }
      expect(moved).to.be.above(0);
    });

  it('is part of a recipe, and a whole number of steps', async () => {
    const text = { data: 'mnist', student: 'lenet-5', steps: 10 };
    const growth = [{ at: 2, plan: [{ widen: { stage1: 'x2' } }], warmup: 5 }];
    expect(parseRecipe({ ...text, growth }, 'recipe').growth).to.deep.equal(growth);
    const error = await fit(cornersNet(), train, cornersScale, {
      ...{ steps: 4, batch: 8 },
      growth: [{ at: 1, plan: [{ units: { stage1: 6 } }], warmup: 0 }],
    }).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(UsageError);
    expect((error as Error).message).to.contain('the warmup of growth');
  });
});
