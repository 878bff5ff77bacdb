/** @file Growth in the middle of a distillation: what a loss trains beside the student goes on, and so do warm-ups of earlier growths. */
import { expect } from 'chai';
import { get } from '../../src/access.ts';
import type { GrowPlan } from '../../src/edit/index.ts';
import { graph, init, input } from '../../src/index.ts';
import { crd, distill, features, srd, tokenDistillation } from '../../src/learn/distill/index.ts';
import { constant, crossEntropy, type LossMaker } from '../../src/learn/loss/index.ts';
import { fit, sgd } from '../../src/learn/train/index.ts';
import { materialize, type Net } from '../../src/weights/index.ts';
import { corners, cornersScale } from '../support/corners.ts';

const train = corners(48, 1);
const net = (channels: number, seed: number): Net =>
  init(
    graph(
      'net',
      input(...cornersScale.shape)
        .pipe('stage1', (x) => x.conv(channels, { kernel: 3 }).norm().relu())
        .pipe('stage2', (x) => x.conv(channels, { kernel: 3 }).norm().relu())
        .globalPool()
        .dense(4),
    ),
    { seed },
  );
const teacher = net(9, 2);

const beside: Readonly<Record<string, () => LossMaker>> = {
  features: () => features(),
  srd: () => srd(),
  'token-distillation': () => tokenDistillation(),
  crd: () => crd({ length: 8, count: 16 }),
};
const plans: Readonly<Record<string, GrowPlan>> = {
  'a kernel that it does not read': [{ enlarge: 'stage1', to: 5 }],
  'a stage before what it reads': [{ widen: { stage1: 'x2' } }],
  'copies of what it reads': [{ widen: { stage2: 'x2' } }],
  'new units of what it reads': [{ units: { stage2: 8 } }],
};
describe('what is trained beside a student', () => {
  for (const [name, loss] of Object.entries(beside))
    for (const [what, plan] of Object.entries(plans))
      it(`of ${name}, goes on after growth: ${what}`, async () => {
        const run = async (grows: boolean): Promise<number> => {
          const seen: number[] = [];
          await distill(net(5, 1), train, cornersScale, {
            ...{ teacher, steps: 16, batch: 8, seed: 3, rate: constant(0.02), optimizer: sgd() },
            losses: [crossEntropy(), loss()],
            ...(grows ? { growth: [{ at: 15, plan }] } : {}),
            onStep: ({ losses }) => seen.push(losses[name] as number),
          });
          return seen.at(-1) as number;
        };
        const [plain, grown] = [await run(false), await run(true)];
        expect(grown).to.be.closeTo(plain, 1e-4 * Math.abs(plain));
      });
});

describe('a growth within the warm-up of another', () => {
  const last = 12;
  const trained = async (second: { readonly plan: GrowPlan; readonly warmup?: number }[]): Promise<Net> => {
    const growth = [{ at: 2, plan: [{ units: { stage2: 8 } }], warmup: 1e6 }];
    const o = { steps: last, batch: 8, seed: 3, rate: constant(0.05), optimizer: sgd() };
    const more = second.map((g) => ({ ...g, at: 4 }));
    return (await fit(net(5, 1), train, cornersScale, { ...o, growth: [...growth, ...more] })).net;
  };
  for (const [what, second] of Object.entries({
    alone: [],
    'with one of its own': [{ plan: [{ enlarge: 'stage1', to: 5 }], warmup: 1e6 }],
    without: [{ plan: [{ enlarge: 'stage1', to: 5 }] }],
    'of the same layer': [{ plan: [{ units: { stage2: 10 } }], warmup: 2 }],
  } as const))
    it(`leaves the new units where they are: ${what}`, async () => {
      const kernel = get((await trained([...second])).weights, 'dense:kernel');
      const rows = materialize(kernel);
      const largest = Array.from({ length: rows.length / 4 }, (_, unit) =>
        Math.max(...rows.slice(4 * unit, 4 * unit + 4).map(Math.abs)),
      );
      // new units are read with 0 at first; those of a warm-up of two steps have moved
      expect(largest.filter((v) => v < 1e-4)).to.have.length(3);
      expect(largest.filter((v) => v < 1e-3)).to.have.length(3);
    });
});
