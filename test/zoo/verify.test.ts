/** @file zoo:verify: each field of a card that is not as measured is named. */
import { expect } from 'chai';
import { differences } from '../../scripts/zoo/card.ts';
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
