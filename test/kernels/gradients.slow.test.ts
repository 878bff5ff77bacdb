/** @file Every gradient on every engine of npm alone: PyTorch's numbers, with ties and without, and finite differences. */
import { expect } from 'chai';
import { gradientCases } from '../support/gradient-cases.ts';
import { differences, expectReference, references } from '../support/gradients.ts';
import { expectClose } from '../support/tensors.ts';

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
      it(`of ${name} on ${engine} are PyTorch's`, () => expectReference(name, engine));
    }
    if (straight[name]) continue;
    it(`of ${name} are finite differences`, async () => {
      (await differences(name, 'apart', stepOf(name))).forEach((column, i) => {
        expectClose(column, reference.apart.gradients[i] as number[], 1e-3, `input ${i}`);
      });
    });
  }
});
