/** @file zoo:verify: each field of a card that is not as measured is named. */
import { expect } from 'chai';
import { differences, expectedOfPart } from '../../scripts/zoo/card.ts';
import { readCard } from '../../zoo/index.ts';

const card = readCard('mnist/wrn-16-1');
const student: typeof card = {
  ...card,
  teacher: 'mnist/big',
  withTeacher: 0.9,
  withoutTeacher: 0.8,
  bySeed: [{ seed: card.seed, withTeacher: card.accuracy, withoutTeacher: 0.8 }],
};

describe('the differences of two cards', () => {
  it('are none when they are equal', () =>
    expect(differences(student, structuredClone(student))).to.deep.equal([]));

  for (const field of Object.keys(student) as (keyof typeof student)[]) {
    it(`name ${field} when it is another`, () => {
      const { [field]: _, ...rest } = student;
      const lines = differences(student, rest as typeof card);
      expect(lines).to.deep.equal([
        `${card.id}: the card says ${field} = ${JSON.stringify(student[field])}, measured undefined`,
      ]);
    });
  }

  it('tell when the net is not that of the run that its card speaks of', () => {
    const bySeed = [{ seed: card.seed, withTeacher: 0.5, withoutTeacher: 0.4 }];
    const other = { ...student, bySeed };
    expect(differences(other, other)).to.deep.equal([
      `${card.id}: its run of seed ${card.seed} scored 0.5, its net ${card.accuracy}`,
    ]);
  });
});

describe("a card of which only the npm package's part of the test split can be measured", () => {
  const part = { accuracy: 0.94, n: 9176, interval95: [0.93, 0.95] as [number, number] };
  const claimed: typeof card = { ...student, packaged: part };
  /** What is measured on the package: another number of training images, and a remark. */
  const measured: typeof card = {
    ...claimed,
    ...part,
    epochs: 3,
    split: { train: 55_167, validation: 0, test: 9176 },
    note: 'a part',
  };

  it('is held to that part, and to all that does not depend on the split', () => {
    expect(differences(claimed, expectedOfPart(claimed, measured))).to.deep.equal([]);
    const worse = { ...measured, packaged: { ...part, accuracy: 0.93 }, params: 1 };
    expect(
      differences(claimed, expectedOfPart(claimed, worse)).map((l) => l.split(' = ')[0]),
    ).to.have.members([`${card.id}: the card says packaged`, `${card.id}: the card says params`]);
  });

  it('keeps what it says of an ensemble, which is measured on the whole split', () => {
    const ensemble: typeof card = { ...claimed, recipe: { ensemble: ['a', 'b'] }, teacherAccuracy: 0.96 };
    const other = { ...measured, recipe: ensemble.recipe, teacherAccuracy: 0.95 };
    expect(differences(ensemble, expectedOfPart(ensemble, other))).to.deep.equal([]);
    const one: typeof card = { ...claimed, teacherAccuracy: 0.96 };
    expect(differences(one, expectedOfPart(one, { ...measured, teacherAccuracy: 0.95 }))).to.have.length(1);
  });
});
