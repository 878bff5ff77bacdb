/** @file Moonshine (Crowley et al. [151]): the cheap student of a teacher, its taps, its loss, its step. */

import { expect } from 'chai';
import { cheapen } from '../../../src/edit/index.ts';
import { Refusal } from '../../../src/errors.ts';
import { shapes } from '../../../src/graph/index.ts';
import { moonshine } from '../../../src/learn/distill/index.ts';
import { bind } from '../../../src/learn/loss/index.ts';
import { cost } from '../../../src/read/index.ts';
import type { Net } from '../../../src/weights/index.ts';

import { compose } from '../../../zoo/index.ts';
import { expectStepAgrees, tinyTeacher } from '../../support/distilling.ts';
import { shaken } from '../../support/nets.ts';

const bytes = ({ weights }: Net): readonly unknown[] => [...weights].map(([key, w]) => [key, w.data]);

describe('Moonshine (Crowley et al.)', () => {
  const teacher = shaken(tinyTeacher());

  it('makes every block of the teacher cheap, with fresh weights of the seed', () => {
    const { student } = moonshine(teacher, 'G(4)', { seed: 3 });
    expect(student.graph).to.deep.equal(cheapen(teacher.graph, 'G(4)'));
    expect(cost(student.graph).params).to.be.below(cost(teacher.graph).params / 2);
    expect(bytes(student)).to.deep.equal(bytes(moonshine(teacher, 'G(4)', { seed: 3 }).student));
    expect(bytes(student)).to.not.deep.equal(bytes(moonshine(teacher, 'G(4)', { seed: 4 }).student));
  });

  it('transfers attention at the end of every stage, of maps of one shape: no adapter', () => {
    const { student, losses } = moonshine(teacher, 'BG(2,2)');
    const { losses: bound, notes, graph: whole } = bind(student.graph, losses, { teacher });
    expect(bound.map((l) => l.name)).to.deep.equal(['cross-entropy', 'attention']);
    expect(notes).to.deep.equal([]);
    expect(whole).to.deep.equal(student.graph);
    const [ours, theirs] = [shapes(student.graph), shapes(teacher.graph)];
    const places = bound[1]?.student ?? [];
    expect(places).to.have.length(3);
    places.forEach((id, i) => {
      const read = bound[1]?.teacher?.[i]?.replace('/attention/mean', '') ?? '';
      expect(ours.get(id)).to.deep.equal(theirs.get(read));
    });
  });

  it('refuses a teacher without blocks that could be made cheap', () => {
    expect(() => moonshine(shaken(compose('lenet-5')), 'G(4)')).to.throw(Refusal, 'lenet-5');
  });

  it('makes the same step traced as eagerly (law 6)', async () => {
    const { student, losses } = moonshine(teacher, 'BG(2,2)');
    await expectStepAgrees(losses, { student: student.graph });
  });
});
