/** @file The numbers of losses that may change over a run: plain or as schedules, they stay within their bounds. */
import { expect } from 'chai';
import { UsageError } from '../../src/errors.ts';
import {
  crd,
  dkd,
  lwf,
  logitStandardization,
  multiTeacher,
  one,
  rkd,
  rocket,
  softTargets,
  srd,
  tokenDistillation,
} from '../../src/learn/distill/index.ts';
import { bind, type LossMaker, type Schedule, taughtBy } from '../../src/learn/loss/index.ts';
import { settingsAt } from '../../src/learn/loss/settings.ts';
import { checkScalars } from '../../src/learn/train/step-inputs.ts';
import { init } from '../../src/weights/index.ts';
import { tinyStudent, tinyTeacher } from '../support/distilling.ts';

type Makes = (value: number | Schedule) => LossMaker;
const temperatures: Readonly<Record<string, Makes>> = {
  'soft-targets': (temperature) => softTargets({ temperature }),
  dkd: (temperature) => dkd({ temperature }),
  'logit-standardization': (temperature) => logitStandardization({ temperature }),
  lwf: (temperature) => lwf({ temperature }),
  one: (temperature) => one({ temperature }),
  srd: (temperature) => srd({ form: 'soft', temperature }),
  crd: (temperature) => crd({ temperature }),
  'token-distillation': (temperature) => tokenDistillation({ temperature }),
  'multi-teacher': (temperature) => multiTeacher({ temperature }),
  'soft-targets@b': (temperature) => taughtBy('b', softTargets({ temperature })),
};
const weights: Readonly<Record<string, Makes>> = {
  'distance of rkd': (distance) => rkd({ distance }),
  'angle of rkd': (angle) => rkd({ angle }),
  'alpha of dkd': (alpha) => dkd({ alpha }),
  'beta of srd': (beta) => srd({ beta }),
  'ramp of one': (ramp) => one({ ramp }),
  'lambda of rocket': (lambda) => rocket({ booster: tinyTeacher(), share: null, lambda }),
};
const teacher = init(tinyTeacher());
const bound = (maker: LossMaker) => bind(tinyStudent(), [maker], { teacher, teachers: { b: teacher } }, 50);

describe('settings of losses', () => {
  for (const [name, make] of Object.entries(temperatures))
    it(`hold the temperature of ${name} above 0`, () => {
      expect(() => bound(make(0))).to.throw(UsageError, 'temperature must be a number above 0, got 0');
      const { losses } = bound(make((step) => 2 - step));
      expect(() => checkScalars(losses, () => 0.1, 2)).to.not.throw();
      expect(() => checkScalars(losses, () => 0.1, 3)).to.throw(
        UsageError,
        `step 3: temperature of ${name} must be a number above 0, got 0`,
      );
    });
  for (const [what, make] of Object.entries(weights))
    it(`hold ${what} at 0 or more`, () => {
      const [name] = what.split(' ');
      expect(() => bound(make(-5))).to.throw(UsageError, `${name} must be a number of 0 or more, got -5`);
      const [loss] = bound(make((step) => -step)).losses;
      if (!loss) expect.fail('no loss');
      expect(() => settingsAt(loss, 0)).to.not.throw();
      expect(() => settingsAt(loss, 1)).to.throw(
        UsageError,
        `step 2: ${what} must be a number of 0 or more, got -1`,
      );
    });
  it('of a long run are looked at in some steps, the last one among them', () => {
    const seen: number[] = [];
    const rate: Schedule = (step) => {
      seen.push(step);
      return 0.1;
    };
    checkScalars([], rate, 1_000_000);
    expect([seen[0], seen.at(-1)]).to.deep.equal([0, 999_999]);
    expect(seen.length).to.be.below(4200);
  });
});
