/** @file What is tried: the same for the same seed and results, however they came; and better than chance where a sampler learns. */
import { expect } from 'chai';
import { bytesOf, cheapen, cost, grow, init, mcuReport } from '../../src/index.ts';
import { random } from '../../src/random.ts';
import {
  coster,
  type Job,
  paretoFront,
  parseSpace,
  type Planner,
  planner,
  type Space,
  type SpaceInput,
} from '../../src/sweep/index.ts';
import { compose } from '../../zoo/architectures/index.ts';
import { messageOf } from '../support/errors.ts';

const base: SpaceInput = {
  recipe: { data: 'mnist', student: 'snn bottleneck=0', steps: 27, validation: 100 },
  space: {
    'student.units': { choice: [4, 8, 16] },
    'rate.peak': { log: [0.001, 1] },
    'optimizer.kind': { choice: ['sgd', 'adam'] },
    'optimizer.momentum': { range: [0, 0.9], when: { 'optimizer.kind': 'sgd' } },
  },
  trials: 40,
  parallel: 4,
};
const free = { params: 1, macs: 1, bytes: 1, peakBytes: 1 };

/** Best at a rate of 0.03, with adam. */
function scoreOf({ values, rung }: Job): readonly number[] {
  const rate = Number(values['rate.peak']);
  const second = -Number(values['student.units']); // of a second objective, where there is one
  return [
    -Math.abs(Math.log10(rate / 0.03)) - (values['optimizer.kind'] === 'sgd' ? 0.5 : 0) + 0.1 * rung,
    second,
  ];
}

/** Runs a sweep whose results come in an order of `shuffle`; `stop` ends it after so many jobs. */
function run(
  plan: Planner,
  shuffle: number,
  o: { readonly jobs?: Job[]; readonly stop?: number } = {},
): Job[] {
  const source = random('order', shuffle);
  const jobs = o.jobs ?? [];
  const waiting = [...jobs];
  for (;;) {
    if (o.stop !== undefined && jobs.length >= o.stop) return jobs;
    const next = plan.next();
    if (next === 'end') return jobs;
    if (next !== 'wait') {
      jobs.push(next);
      waiting.push(next);
      continue;
    }
    const [job] = waiting.splice(source.below(waiting.length), 1);
    if (!job) throw new Error('it waits for nothing');
    plan.tell(job.number, scoreOf(job));
  }
}
const costless = (space: Space): Planner => planner(space, () => free);

const samplers: readonly (readonly [string, Partial<SpaceInput>])[] = [
  ['grid', { sampler: { kind: 'grid', levels: 4 } }],
  ['random', { sampler: 'random' }],
  ['tpe', { sampler: { kind: 'tpe', startup: 8 } }],
  ['evolution', { sampler: { kind: 'evolution', population: 8, sample: 3 } }],
  ['random with ASHA', { stopEarly: { kind: 'asha', first: 3, factor: 3 } }],
  [
    'tpe with ASHA',
    { sampler: { kind: 'tpe', startup: 8 }, stopEarly: { kind: 'asha', first: 3, factor: 3 } },
  ],
  [
    'evolution of two objectives',
    { sampler: { kind: 'evolution', population: 8 }, objective: ['accuracy', 'params'] },
  ],
];

describe('the plan of a sweep', () => {
  for (const [name, more] of samplers) {
    const space = parseSpace({ ...base, ...more });

    it(`by ${name} is the same, whatever order results come in`, () => {
      const jobs = run(costless(space), 1);
      expect(jobs.length).to.be.at.least(Math.min(40, 3 * 4 * 5));
      expect(run(costless(space), 2)).to.deep.equal(jobs);
      if (name !== 'grid') expect(run(costless({ ...space, seed: 1 }), 1)).not.to.deep.equal(jobs);
    });

    it(`by ${name} goes on where another process ended`, () => {
      const whole = run(costless(space), 1);
      const half = run(costless(space), 1, { stop: 17 });
      const plan = costless(space);
      for (const job of half) plan.restore(job);
      for (const job of half.slice(0, 5)) plan.tell(job.number, scoreOf(job));
      expect(run(plan, 3, { jobs: [...half] })).to.deep.equal(whole);
    });
  }

  it('has conditions: a dimension has a value only where it is active', () => {
    for (const { values } of run(costless(parseSpace(base)), 1))
      expect(Object.hasOwn(values, 'optimizer.momentum')).to.equal(values['optimizer.kind'] === 'sgd');
  });

  it('of a grid has every combination once', () => {
    const jobs = run(
      costless(parseSpace({ ...base, sampler: { kind: 'grid', levels: 2 }, trials: 1000 })),
      1,
    );
    expect(jobs.length).to.equal(3 * 2 * (1 + 2));
    expect(new Set(jobs.map(({ values }) => JSON.stringify(values))).size).to.equal(jobs.length);
  });

  it('by ASHA promotes the best third of each rung, and no other', () => {
    const space = parseSpace({ ...base, stopEarly: { kind: 'asha', first: 3, factor: 3 } });
    const jobs = run(costless(space), 1);
    const at = (rung: number): Job[] => jobs.filter((j) => j.rung === rung);
    expect([0, 1, 2].map((r) => at(r)[0]?.until)).to.deep.equal([3, 9, undefined]);
    expect(at(0).length).to.equal(40);
    expect(at(1).length).to.be.within(Math.floor(40 / 3), 25);
    const best = [...at(0)].sort((a, b) => (scoreOf(b)[0] ?? 0) - (scoreOf(a)[0] ?? 0)).slice(0, 13);
    const promoted = new Set(at(1).map((j) => j.trial));
    expect(best.filter((j) => !promoted.has(j.trial))).to.deep.equal([]);
  });

  it('finds more by TPE and by evolution than by chance, over 10 seeds', () => {
    const mean = (sampler: SpaceInput['sampler']): number => {
      const bests = Array.from({ length: 10 }, (_, seed) => {
        const space = parseSpace({ ...base, sampler, seed, trials: 60, parallel: 1 });
        return Math.max(...run(costless(space), 1).map((j) => scoreOf(j)[0] ?? 0));
      });
      return bests.reduce((a, b) => a + b, 0) / 10;
    };
    const chance = mean('random');
    expect(mean({ kind: 'tpe', startup: 10 })).to.be.above(chance);
    expect(mean({ kind: 'evolution', population: 10, sample: 4 })).to.be.above(chance);
  });

  it('by TPE finds candidates within limits where values that are never within them look best', () => {
    const space = parseSpace({
      ...base,
      ...{ sampler: { kind: 'tpe', startup: 8 }, trials: 60, limits: { params: 20_000 } },
      space: {
        'student.units': { whole: [4, 40] },
        'rate.peak': { log: [0.001, 1] },
        // with few units two layers are within the limits, and these with many are not
        'student.bottleneck': { choice: [0, 4, 300, 400, 500, 600] },
      },
    });
    for (let seed = 0; seed < 5; seed++) {
      const plan = planner({ ...space, seed }, coster(undefined));
      expect(run(plan, 1)).to.have.length(60);
      expect(plan.counts.drafts).to.be.below(60 * 40);
    }
  });

  it('keeps exact limits, and says when nothing is within them', () => {
    const space = parseSpace({ ...base, limits: { params: { min: 7000, max: 13_000 } }, trials: 12 });
    const plan = planner(space, coster(undefined));
    for (const { values, costs } of run(plan, 1)) {
      expect(values['student.units']).to.equal(16);
      expect(costs.params).to.equal(16 * 784 + 16 + 16 * 10 + 10);
    }
    expect(plan.counts.refused).to.be.above(0);
    const none = planner({ ...space, limits: { params: { max: 10 } } }, coster(undefined));
    expect(messageOf(() => none.next())).to.match(
      /^sweep: no candidate within the limits in 10000 draws \(the last: params: \d+, at most 10 allowed\)/,
    );
  });

  it('ends with the trials that it has where no further candidate is within the limits, and says why', () => {
    let allowed = 5;
    const plan = planner(parseSpace(base), () => (allowed-- > 0 ? free : 'params: 11, at most 10 allowed'));
    expect(run(plan, 1)).to.have.length(5);
    expect(plan.shortfall).to.equal(
      '5 trials of 40: no candidate within the limits in 10000 draws (the last: params: 11, at most 10 allowed); allow more, or change the space',
    );
    const whole = costless(parseSpace(base));
    run(whole, 1);
    expect(whole.shortfall).to.equal(undefined);
  });
});

describe('the costs of a candidate', () => {
  for (const student of ['wrn depth=10', 'shufflenet-v2', 'snn', 'shufflenet-v1', 'mobilenet-v2 width=0.1'])
    it(`of ${student} are those of its net: parameters, multiply-adds, and bytes of the stored weights`, () => {
      const net = init(compose(student));
      const { params, macs, peakBytes } = cost(net.graph);
      const costs = coster(undefined)({ recipe: { student } }, {});
      expect(costs).to.deep.equal({ params, macs, bytes: bytesOf(net), peakBytes });
    });

  it('have SRAM and flash where a space asks for them, and limits keep to them', () => {
    const student = 'ds-cnn';
    const of = (space: object): unknown => coster(undefined)({ recipe: { student }, ...space }, {});
    const { plain, inPlace, flash } = mcuReport(compose(student));
    expect(of({ limits: { params: { max: 1 } } })).not.to.have.any.keys('sram', 'flash');
    expect(of({ limits: { sram: { max: 1 } } })).to.deep.include({ sram: inPlace.int8, flash: flash.int8 });
    const mcu = { numbers: 'fp32', schedule: 'plain' };
    expect(of({ objective: ['accuracy', 'flash'], mcu })).to.deep.include({
      sram: plain.fp32,
      flash: flash.fp32,
    });
    const space = parseSpace({
      ...{ recipe: { ...base.recipe, student: 'ds-cnn size=28 channels=1' }, trials: 1 },
      space: { 'student.size': { whole: [20, 60] } },
      limits: { sram: '15 KB' },
    });
    const [job] = run(planner(space, coster(undefined)), 1);
    expect(job?.costs.sram).to.be.within(1, 15 * 1024);
  });

  it('follow the block, the options and a recipe with growth', () => {
    const costs = coster({ name: 'mnist', shape: [28, 28, 1], classes: 10 });
    const recipe = { data: 'mnist', student: 'wrn depth=10 size=28 channels=1', steps: 1, validation: 1 };
    const graph = compose(recipe.student);
    const of = (values: object): unknown => costs({ recipe }, { ...values });
    expect(of({ block: 'G(4)' })).to.deep.include({ params: cost(cheapen(graph, 'G(4)')).params });
    expect(of({ 'student.width': 2 })).to.deep.include({
      params: cost(compose('wrn depth=10 width=2 size=28 channels=1')).params,
    });
    const plan = [{ widen: { stage2: 'x1.5' } }] as const;
    expect(of({ grow: plan })).to.deep.include({ params: cost(grow(init(graph), plan).net.graph).params });
    expect(of({ student: 'wrn depth=11' })).to.match(/^wrn: depth/);
    expect(of({ 'student.classes': 7 })).to.match(/has 7 classes, but mnist has 10/);
  });
});

describe('the Pareto front', () => {
  it('is what a comparison of all pairs says, for two and for three objectives', () => {
    for (const n of [2, 3]) {
      const source = random('front', n);
      const points = Array.from({ length: 200 }, () => Array.from({ length: n }, () => source.below(12)));
      const beats = (a: readonly number[], b: readonly number[]): boolean =>
        a.every((x, i) => x >= (b[i] ?? 0)) && a.some((x, i) => x > (b[i] ?? 0));
      const front = points.flatMap((p, i) => (points.some((q) => beats(q, p)) ? [] : [i]));
      expect(paretoFront(points)).to.deep.equal(front);
    }
  });
});
