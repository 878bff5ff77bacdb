/** @file Every gradient on every engine of npm alone: PyTorch's numbers, with ties and without, and finite differences. */
import { expect } from 'chai';
import { gradientCases } from '../support/gradient-cases.ts';
import { differences, kinds, references, results, weightOf } from '../support/gradients.ts';
import { expectClose } from '../support/tensors.ts';

/** Slopes at kinks and ties where ours is another subgradient than PyTorch's, and why it stays. */
const departs: Readonly<Record<string, (x: number) => number>> = {
  // tf's own losses (sigmoidCrossEntropy) are right only with -1 at 0; `magnitude` has PyTorch's 0
  'tf.abs': (x) => (x > 0 ? 1 : -1),
};
/** Ops whose gradient is not their slope, and why. */
const straight: Readonly<Record<string, string>> = { quantize: 'rounding is passed straight through' };
/** The step of finite differences: small enough, for steps in the op itself, that no quotient crosses a whole number. */
const stepOf = (name: string): number => 2 ** (/floorDiv|mod/.test(name) ? -10 : -8);

describe('gradients', () => {
  it('are held to references of the same names', () => {
    expect([...references.keys()].sort()).to.deep.equal(Object.keys(gradientCases).sort());
  });
  for (const [name, reference] of references) {
    for (const engine of ['onnxruntime', 'cpu', 'wasm'] as const) {
      it(`of ${name} on ${engine} are PyTorch's`, async () => {
        const found = await results(name, engine);
        for (const kind of kinds) {
          const { y, gradients, inputs } = reference[kind];
          expectClose(found[`${kind}/y`] as Float32Array, y, 1e-5, `y, ${kind}`);
          const slope = kind === 'ties' ? departs[name] : undefined;
          const wanted = slope ? [(inputs[0] ?? []).map((x, i) => slope(x) * weightOf(i))] : gradients;
          wanted.forEach((gradient, i) => {
            expectClose(found[`${kind}/${i}`] as Float32Array, gradient, 1e-5, `gradient ${i}, ${kind}`);
          });
        }
      });
    }
    if (straight[name]) continue;
    it(`of ${name} are finite differences`, async () => {
      (await differences(name, 'apart', stepOf(name))).forEach((column, i) => {
        expectClose(column, reference.apart.gradients[i] as number[], 1e-3, `input ${i}`);
      });
    });
  }
});
