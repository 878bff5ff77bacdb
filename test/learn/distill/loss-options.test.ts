/** @file Options of losses that plain JavaScript can get wrong: unknown choices, and pairs of layers that are none. */
import { expect } from 'chai';
import { UsageError } from '../../../src/errors.ts';
import {
  attention,
  crd,
  crossModal,
  darkRank,
  fsp,
  hints,
  mimic,
  multiTeacher,
  neuronSelection,
  reviewKd,
  rkd,
  srd,
  tokenDistillation,
} from '../../../src/learn/distill/index.ts';
import { bind, type LossMaker } from '../../../src/learn/loss/index.ts';
import { morphnet } from '../../../src/learn/structure/index.ts';
import { init } from '../../../src/weights/index.ts';
import { tinyStudent, tinyTeacher } from '../../support/distilling.ts';

/** A function whose options are not known to TypeScript, as plain JavaScript sees it. */
const untyped = <O>(make: (o: O) => LossMaker, o: unknown): LossMaker => make(o as O);
const teacher = init(tinyTeacher());
const pair = 'a pair of paths [student, teacher]';

describe('options of losses', () => {
  const cases: readonly (readonly [loss: LossMaker, said: string])[] = [
    [
      untyped(tokenDistillation, { form: 'x' }),
      'token-distillation: form must be one of soft, hard, got "x"',
    ],
    [untyped(crd, { negatives: 'same' }), 'crd: negatives must be one of other-classes, all, got "same"'],
    [
      untyped(multiTeacher, { mean: 'x' }),
      'multi-teacher: mean must be one of probabilities, logits, got "x"',
    ],
    [untyped(srd, { form: 'kl' }), 'srd: form must be one of l2, soft, got "kl"'],
    [untyped(darkRank, { form: 'x' }), 'darkrank: form must be one of soft, hard, got "x"'],
    [untyped(morphnet, { resource: 'ms' }), 'morphnet: resource must be one of macs, params, got "ms"'],
    [darkRank({ alpha: 0 }), 'alpha must be a number above 0, got 0'],
    [rkd({ distance: -5 }), 'distance must be a number of 0 or more, got -5'],
    [attention({ pairs: [] }), `attention: pairs must be an array of at least 1, each ${pair}, got []`],
    [hints({ pairs: [] }), `hints: pairs must be an array of at least 1, each ${pair}, got []`],
    [reviewKd({ pairs: [] }), `review-kd: pairs must be an array of at least 1, each ${pair}, got []`],
    [reviewKd({ channels: 0 }), 'channels must be a whole number from 1 up, got 0'],
    [fsp({ points: [] }), `fsp: points must be an array of at least 1, each ${pair}, got []`],
    [untyped(attention, { pairs: [['stage1']] }), `attention: pairs[0] must be ${pair}, got ["stage1"]`],
    [untyped(crossModal, { pair: [] }), `cross-modal: pair must be ${pair}, got []`],
    [untyped(mimic, { pair: 'stage1' }), `mimic: pair must be ${pair}, got "stage1"`],
    [untyped(rkd, { embeddings: ['head'] }), `rkd: embeddings must be ${pair}, got ["head"]`],
    [
      neuronSelection({ neurons: [], mean: [], deviation: [] }),
      'neuron-selection: neurons, mean and deviation must be arrays of one length, 1 or more, got 0, 0 and 0',
    ],
  ];
  for (const [loss, said] of cases)
    it(`are refused by name: ${said}`, () =>
      expect(() => bind(tinyStudent(), [loss], { teacher, teachers: { a: teacher } }, 50)).to.throw(
        UsageError,
        said,
      ));
});
