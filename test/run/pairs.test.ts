/** @file Pairs as data: what a file may say, and that the zoo's own can be trained as they stand. */
import { expect } from 'chai';
import { UsageError } from '../../src/errors.ts';
import { classesOf, inputShape, shapes } from '../../src/graph/index.ts';
import {
  alone,
  fitOptions,
  pairNamed,
  pairs,
  parsePairs,
  stageRecipes,
  studentOf,
} from '../../src/run/index.ts';
import { compose } from '../../zoo/index.ts';
import { messageOf } from '../support/errors.ts';

const teacherRecipe = { data: 'mnist', student: 'wrn size=28 channels=1', steps: 9, seed: 3 };
const base = {
  data: 'mnist',
  teacher: { id: 'big', recipe: 'big.json' },
  seeds: [4, 5],
  recipe: { batch: 8, losses: [{ kind: 'attention' }] },
  students: [
    { id: 'small', student: 'lenet-5', recipe: { steps: 2, batch: 16 } },
    { id: 'other', student: 'wrn', block: 'G(4)', stages: [['stage1', 'stage2']], recipe: { steps: 3 } },
  ],
};
const parse = (over: object = {}) => parsePairs({ ...base, ...over }, () => teacherRecipe, 'pairs/x.json');

describe('a file of pairs', () => {
  it('gives the teacher, then its students with what they have in common and of their own', () => {
    const [teacher, small, other] = parse();
    expect(teacher).to.include({ id: 'mnist/big' });
    expect(teacher?.seeds).to.deep.equal([3]);
    expect(small?.recipe).to.include({
      teacher: 'mnist/big',
      steps: 2,
      batch: 16,
      seed: 4,
      student: 'lenet-5',
    });
    expect(other?.recipe).to.include({ steps: 3, batch: 8, block: 'G(4)' });
  });

  it('may have several teachers, whose mean logits teach, and a folder of another name than its data', async () => {
    const two = [
      { id: 'big', recipe: 'big.json' },
      { id: 'wide', recipe: 'wide.json' },
    ];
    const [first, second, small] = parse({ teacher: two, folder: 'digits' });
    expect([first?.id, second?.id, second?.teacher]).to.deep.equal(['digits/big', 'digits/wide', undefined]);
    expect([small?.id, small?.teacher]).to.deep.equal(['digits/small', 'digits/big + digits/wide']);
    expect([small?.recipe.ensemble, small?.recipe.teacher, small?.recipe.data]).to.deep.equal([
      ...[['digits/big', 'digits/wide'], undefined, 'mnist'],
    ]);
    const again = parse({ teacher: two, recipe: { views: 2 } })[2];
    expect(again && (await fitOptions(again.recipe)).teacherCache).not.to.equal(undefined);
    // a teacher of another file has no recipe here, and is no pair of this one
    const [own, taught] = parse({ teacher: [{ id: 'elsewhere' }, { id: 'big', recipe: 'big.json' }] });
    expect([own?.id, taught?.recipe.ensemble]).to.deep.equal(['mnist/big', ['mnist/elsewhere', 'mnist/big']]);
    if (small) expect(alone(small.recipe).ensemble).to.equal(undefined);
  });

  it('hands its stage map to losses that compare stages, unless they name their own', () => {
    expect(parse()[2]?.recipe.losses).to.deep.equal([
      { kind: 'attention', weight: 1000, pairs: [['stage1', 'stage2']] },
    ]);
    const own = [['stage3', 'stage3']];
    const losses = [{ kind: 'attention', pairs: own }];
    expect(parse({ recipe: { losses } })[2]?.recipe.losses).to.deep.include({
      kind: 'attention',
      weight: 1000,
      pairs: own,
    });
  });

  it('of another form is refused, with the field', () => {
    const refused = (over: object): string => messageOf(() => parse(over), UsageError);
    expect(refused({ seeds: [] })).to.match(/^pairs\/x\.json: seeds: /);
    expect(refused({ extra: 1 })).to.match(/^pairs\/x\.json: .*"extra"/);
    expect(refused({ students: [{ id: '../up', student: 'wrn', recipe: {} }] })).to.match(
      /^pairs\/x\.json: students\[0\]\.id: a name of lowercase letters, digits, dots and dashes/,
    );
    expect(refused({ students: [{ id: 'a', student: 'wrn', recipe: {} }] })).to.match(
      /^pairs\/x\.json: a: steps: /,
    );
  });

  it('that is not there is refused, with the nearest name', () => {
    expect(messageOf(() => pairNamed('mnist/wrn-16-l'), UsageError)).to.match(
      /^no pair "mnist\/wrn-16-l" in zoo\/pairs\. Did you mean "mnist\/wrn-16-1"\? Known: /,
    );
  });

  it('gives the same run without its teacher: labels alone, all else equal', () => {
    const taught = pairNamed('fashion-mnist/wrn-16-2-gn').recipe;
    const { losses, ...rest } = alone(taught);
    const { losses: _, teacher, ...same } = taught;
    expect(losses).to.deep.equal([{ kind: 'cross-entropy', weight: 1, labelSmoothing: 0 }]);
    expect(rest).to.deep.equal(same);
    expect(teacher).to.equal('fashion-mnist/wrn-16-2');
  });
});

describe("the zoo's pairs", () => {
  for (const { id, teacher, recipe, stages } of pairs().filter((p) => p.teacher !== undefined)) {
    it(`${id} fits its data and its teacher, stage for stage, and shares the teacher's outputs`, async () => {
      const { graph } = studentOf(recipe);
      const taught = compose(pairNamed(String(teacher).split(' + ')[0] ?? '').recipe.student);
      expect([inputShape(graph), classesOf(graph)]).to.deep.equal([inputShape(taught), classesOf(taught)]);
      const places = (g: typeof graph, stage: string): string => {
        const last = g.nodes.findLast((n) => n.id.startsWith(`${stage}/`));
        return String(
          shapes(g)
            .get(last?.id ?? '')
            ?.slice(0, 2),
        );
      };
      for (const [mine, theirs] of stages) expect(places(graph, mine), mine).to.equal(places(taught, theirs));
      for (const stage of stageRecipes(recipe))
        for (const make of (await fitOptions(stage)).losses ?? []) make({ student: graph, teacher: taught });
      expect(recipe.views).to.be.greaterThan(0);
      expect(recipe.viewSeed).to.equal(7);
    });
  }
});
