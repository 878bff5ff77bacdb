/** @file Token distillation by several teachers: the trained student predicts by the mean of all classifiers. */
import { expect } from 'chai';
import { tokenDistillation } from '../../../src/learn/distill/index.ts';
import { bind, crossEntropy, taughtBy } from '../../../src/learn/loss/index.ts';
import { init, materialize, type Net, type WeightKey } from '../../../src/weights/index.ts';
import { tinyStudent, tinyTeacher } from '../../support/distilling.ts';
import { shaken } from '../../support/nets.ts';

const valueAt = ({ weights }: Net, key: WeightKey): Float32Array =>
  materialize(weights.get(key) ?? expect.fail(`no ${key}`));

describe('token distillation by several teachers', () => {
  const taught = ['a', 'b', 'c'].map((name) => taughtBy(name, tokenDistillation()));
  const teacher = init(tinyTeacher());
  const teachers = { a: teacher, b: teacher, c: teacher };
  for (const count of [1, 2, 3])
    it(`is the mean of the student’s classifier and ${count} more, in any order of the losses`, () => {
      const student = shaken(tinyStudent(), 3);
      const losses = [crossEntropy(), ...taught.slice(0, count)];
      for (const order of [losses, losses.toReversed()]) {
        const { graph, merged, losses: made } = bind(student.graph, order, { teachers });
        const whole = shaken(graph, 5);
        const heads = made.flatMap((l) => l.beside?.map((n) => n.id) ?? []);
        expect(heads).to.have.length(count);
        const net = merged({ graph: student.graph, weights: whole.weights }, whole);
        for (const slot of ['kernel', 'bias'] as const) {
          const each = ['head/dense', ...heads].map((id) => valueAt(whole, `${id}:${slot}`));
          const mean = valueAt(net, `head/dense:${slot}`);
          for (const [i, v] of mean.entries())
            expect(v).to.be.closeTo(each.reduce((sum, w) => sum + (w[i] ?? 0), 0) / each.length, 1e-6);
        }
      }
    });
});
