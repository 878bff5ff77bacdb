/** @file A checkpoint's bytes: what was packed comes back, what is damaged ends in one clear line. */
import { expect } from 'chai';
import fc from 'fast-check';
import { packCheckpoint, unpackCheckpoint } from '../../src/learn/train/index.ts';
import { writeSafetensors } from '../../src/weights/index.ts';
import { messageOf } from '../support/errors.ts';

const specs = { 'weight/a': { shape: [2], dtype: 'float32' } } as const;
const state = { 'weight/a': Float32Array.of(1, 2) };
const progress = { step: 2, recipe: 'r', history: { loss: [1.5, 1], validation: [[2, 0.5]] } } as const;
const soundText = JSON.stringify(progress);
const withProgress = (text: string): Uint8Array =>
  writeSafetensors({
    tensors: new Map([['weight/a', { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }]]),
    metadata: { format: 'moonlet-checkpoint', progress: text },
  });
const said = (bytes: Uint8Array): string => messageOf(() => unpackCheckpoint(bytes, specs, 'r'));

describe('a checkpoint', () => {
  it('comes back as it was', () => {
    const back = unpackCheckpoint(packCheckpoint(state, specs, progress), specs, 'r');
    expect(back).to.deep.equal({ state, progress });
  });
  it('keeps the loss of a run that diverged', () => {
    const diverged = { ...progress, history: { loss: [1, Number.NaN], validation: [] } };
    const back = unpackCheckpoint(packCheckpoint(state, specs, diverged), specs, 'r');
    expect(back.progress.history.loss).to.deep.equal([1, Number.NaN]);
  });
  for (const [what, text, message] of [
    ['no JSON', soundText.slice(0, -1), 'checkpoint: its progress is not JSON; the file is damaged'],
    [
      '"Step" for "step"',
      soundText.replace('"step"', '"Step"'),
      'checkpoint: progress, step: Invalid input: expected number, received undefined; the file is damaged',
    ],
    [
      'a key more, of any length',
      soundText.replace('{', `{"${'x\u202e'.repeat(5000)}":1,`),
      /^checkpoint: progress, top level: Unrecognized key: "(x\?)+x?\.\.\.; the file is damaged$/,
    ],
    [
      'a negative step',
      soundText.replace('2', '-2'),
      'checkpoint: progress, step: Too small: expected number to be >=0; the file is damaged',
    ],
    [
      'text for a loss',
      soundText.replace('1.5', '"1.5"'),
      'checkpoint: progress, history.loss[0]: Invalid input: expected number, received string; the file is damaged',
    ],
    [
      'more steps than losses',
      soundText.replace('"step":2', '"step":3'),
      'checkpoint: 3 steps are done, and 2 have a loss; the file is damaged',
    ],
  ] as const)
    it(`with ${what} is refused`, () => {
      const got = said(withProgress(text));
      if (typeof message === 'string') expect(got).to.equal(message);
      else expect(got).to.match(message);
      expect(got.length).to.be.below(500);
    });
  it('without progress, or with a tensor of another type, is refused', () => {
    const tensors = new Map([['weight/a', { dtype: 'I32', shape: [2], data: Int32Array.of(1, 2) } as const]]);
    expect(said(writeSafetensors({ tensors, metadata: { format: 'moonlet-checkpoint' } }))).to.equal(
      'checkpoint: says no progress; the file is damaged',
    );
    expect(
      said(writeSafetensors({ tensors, metadata: { format: 'moonlet-checkpoint', progress: soundText } })),
    ).to.equal('checkpoint: "weight/a" is I32, not F32; the file is damaged');
  });
  it('with any byte changed gives a state or one line', () => {
    const bytes = packCheckpoint(state, specs, progress);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = new Uint8Array(bytes);
        damaged[at] = (damaged[at] as number) ^ change;
        try {
          unpackCheckpoint(damaged, specs, 'r');
        } catch (e) {
          expect((e as Error).name).to.equal('MoonletError');
          expect((e as Error).message).to.match(/^.{1,500}$/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
