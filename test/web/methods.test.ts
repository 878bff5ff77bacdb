/** @file The methods of the page: each one of the library is offered, or says what it needs. */
import { expect } from 'chai';
import { laterMethods, methods } from '../../src/learn/distill/methods.ts';
import { methodNames, otherMethods } from '../../src/web/work/method-names.ts';
import { lossesOf } from '../../src/web/work/methods.ts';
import { students } from '../../src/web/work/students.ts';
import { loadStudent } from '../../zoo/index.ts';

describe('methods of the page', () => {
  it('are all methods of the library, each once', () => {
    const ids: readonly string[] = [...methodNames, ...otherMethods].map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
    const missing = [...methods, ...laterMethods].filter(({ id }) => !ids.includes(id));
    expect(missing).to.deep.equal([]);
  });

  it('bind to a pair whose stages agree, and those that compare maps refuse LeNet-5', () => {
    const teacher = loadStudent('mnist/wrn-16-1-bg4m');
    const bound = (id: string): readonly string[] => {
      const student = students.find((one) => one.id === id)?.make();
      if (!student) throw new Error(`no student ${id}`);
      const nets = { student, teacher: teacher.graph, teacherNet: teacher, examples: 59_000 };
      return methodNames.flatMap(({ id: method }) => {
        try {
          for (const loss of lossesOf(method)) loss(nets);
          return [method];
        } catch {
          return [];
        }
      });
    };
    const all = methodNames.map(({ id }) => id);
    expect(bound('wrn-bg4m')).to.deep.equal(all);
    const ofMaps = ['attention', 'soft-attention', 'hints', 'fsp', 'review-kd'];
    expect(bound('lenet-5')).to.deep.equal(all.filter((id) => !ofMaps.includes(id)));
  });
});
