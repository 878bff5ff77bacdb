/** @file The places that losses read by default: the embedding of a classifier, and the layers of one teacher. */
import { expect } from 'chai';
import { convNormAct, graph, input, squeezeExcite } from '../../../src/compose/index.ts';
import { ensemble } from '../../../src/edit/index.ts';
import { MoonletError } from '../../../src/errors.ts';
import {
  attention,
  crd,
  crossModal,
  darkRank,
  embeddingOf,
  features,
  fsp,
  hints,
  mimic,
  neuronSelection,
  reviewKd,
  rkd,
  softTargets,
  srd,
} from '../../../src/learn/distill/index.ts';
import { bind, type LossMaker, taughtBy } from '../../../src/learn/loss/index.ts';
import { init } from '../../../src/weights/index.ts';
import { repvit } from '../../../zoo/architectures/index.ts';
import { tinyStudent, tinyTeacher } from '../../support/distilling.ts';

/** Its classifier is a conv; its only dense layers are those of a gate. */
const gated = init(
  graph(
    'gated',
    input(8, 8, 1)
      .pipe('stem', convNormAct(7, { kernel: 3 }))
      .pipe('stage1', squeezeExcite(3))
      .pipe('head', (x) => x.conv(10, { bias: true }).globalPool()),
  ),
);

describe('the embedding of a classifier', () => {
  it('is what the dense layer of the output reads, behind activations and sums of heads', () => {
    const last = graph(
      'last',
      input(8, 8, 1)
        .pipe('stage1', squeezeExcite(3))
        .globalPool()
        .pipe('head', (x) => x.dense(10).act('softmax')),
    );
    expect(embeddingOf(last)).to.equal('globalPool');
    const distilled = repvit({ size: 32, classes: 10, distilled: true });
    expect(embeddingOf(distilled)).to.match(/^head\/teacher\//);
  });
  it('is never inside a gate', () => {
    const reads: Readonly<Record<string, LossMaker>> = { rkd: rkd(), crd: crd(), features: features() };
    for (const [name, loss] of Object.entries({ ...reads, darkrank: darkRank() }))
      expect(() => bind(tinyStudent(), [loss], { teacher: gated }, 50), name).to.throw(
        MoonletError,
        `${name}: the output of gated comes from no dense layer; name the "embeddings"`,
      );
    expect(() => bind(tinyStudent(), [srd()], { teacher: gated })).to.throw(
      MoonletError,
      'srd: the output of gated comes from no dense layer, which would read an embedding; choose another loss',
    );
  });
  it('is no level of ReviewKD where a gate pools', () => {
    const { losses } = bind(gated.graph, [reviewKd()], { teacher: gated });
    expect(losses[0]?.teacher).to.deep.equal(['stage1/mul']);
  });
});

describe('a teacher that is the mean of several nets', () => {
  const teacher = ensemble([1, 2].map((seed) => init(tinyTeacher(), { seed })));
  const neurons = neuronSelection({ neurons: [0], mean: [0], deviation: [1] });
  const layers: readonly (readonly [name: string, loss: LossMaker, option: string | undefined])[] = [
    ['attention', attention(), 'pairs'],
    ['hints', hints(), 'pairs'],
    ['fsp', fsp(), 'points'],
    ['review-kd', reviewKd(), 'pairs'],
    ['cross-modal', crossModal(), 'pair'],
    ['mimic', mimic(), 'pair'],
    ['rkd', rkd(), 'embeddings'],
    ['crd', crd(), 'embeddings'],
    ['features', features(), 'embeddings'],
    ['darkrank', darkRank(), 'embeddings'],
    ['neuron-selection', neurons, 'pair'],
    ['srd', srd(), undefined],
  ];
  for (const [name, loss, option] of layers)
    it(`has no layers that ${name} could read by default`, () => {
      const named = option === undefined ? '' : `, or name the layers to read by "${option}"`;
      expect(() => bind(tinyStudent(), [loss], { teacher }, 50)).to.throw(
        MoonletError,
        `${name}: reads layers of one teacher, and ensemble is the mean of several nets; give them by name as "teachers", and name one as the "teacher" of this loss (taughtBy in code)${named}`,
      );
    });
  it('teaches its logits, layers that are named, and by its members', () => {
    const named = attention({ pairs: [['stage1', 'member2/stage1']] });
    const [member] = [init(tinyTeacher())];
    const teachers = { one: member };
    const { losses } = bind(tinyStudent(), [softTargets(), named, taughtBy('one', rkd())], {
      teacher,
      teachers,
    });
    expect(losses.map((l) => l.teacher)).to.deep.equal([
      ['mean/dense'],
      ['member2/stage1/0/add/attention/mean'],
      ['one:head/globalPool'],
    ]);
  });
});
