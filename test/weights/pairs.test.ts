/** @file Codes that processors without VNNI multiply exactly. */
import { expect } from 'chai';
import { codesOf, float, materialize, pairStride, pairsFit, quantized } from '../../src/weights/index.ts';
import { noise } from '../support/nets.ts';
import { fc } from '../support/property.ts';

/** What `pmaddubsw` makes of two neighbouring products. */
const saturated = (a: number, b: number): number => Math.max(-32768, Math.min(32767, a + b));

/** The sum over k of x_k codes[k, channel], exact and as a processor without VNNI adds it, two at a time. */
function sums(x: readonly number[], codes: Int8Array, channels: number, channel: number) {
  const product = (k: number): number => (x[k] ?? 0) * (codes[k * channels + channel] ?? 0);
  let [exact, bySixteen] = [0, 0];
  for (let k = 0; k < x.length; k += 2) {
    exact += product(k) + product(k + 1);
    bySixteen += saturated(product(k), product(k + 1));
  }
  return { exact, bySixteen };
}

describe('paired codes', () => {
  const kernels = fc.record({
    inputs: fc.integer({ min: 1, max: 9 }),
    outputs: fc.integer({ min: 1, max: 4 }),
    seed: fc.nat(1000),
    alike: fc.boolean(),
  });
  const made = ({
    inputs,
    outputs,
    seed,
    alike,
  }: {
    inputs: number;
    outputs: number;
    seed: number;
    alike: boolean;
  }) => {
    const shape = [2, 2, inputs, outputs];
    const drawn = noise(4 * inputs * outputs, 'pairs', seed);
    return float(shape, alike ? drawn.map((v) => Math.sign(v) * (3 + Math.abs(v) / 10)) : drawn);
  };

  it('give the exact sum in 16 bits for any values, wherever a runtime begins to pair', () => {
    fc.assert(
      fc.property(
        kernels,
        fc.array(fc.constantFrom(0, 1, 128, 254, 255), { minLength: 36, maxLength: 36 }),
        (o, x) => {
          const weight = quantized(made(o), { bits: 8, paired: true });
          const codes = codesOf(weight);
          const rows = codes.length / o.outputs;
          expect(pairsFit(codes, weight.shape)).to.equal(true);
          for (let c = 0; c < o.outputs; c++) {
            const { exact, bySixteen } = sums(x.slice(0, rows), codes, o.outputs, c);
            expect(bySixteen).to.equal(exact);
            // with an odd number of inputs pairs may begin at the second
            if (pairStride(weight.shape) === 2) continue;
            const shifted = sums(x.slice(1, rows), codes.subarray(o.outputs), o.outputs, c);
            expect(shifted.bySixteen).to.equal(shifted.exact);
          }
        },
      ),
    );
  });

  it('are needed: all codes from -127 to 127 leave 16 bits', () => {
    const weight = quantized(float([2, 1], Float32Array.of(1, 1)), { bits: 8 });
    expect(pairsFit(codesOf(weight), weight.shape)).to.equal(false);
    const { exact, bySixteen } = sums([255, 255], codesOf(weight), 1, 0);
    expect([exact, bySixteen]).to.deep.equal([64770, 32767]);
  });

  it('are those of plain rounding where no pair is too large, and fit with 7 bits or fewer', () => {
    const small = float([4, 1], Float32Array.of(1, 0.001, -1, 0.3));
    expect(quantized(small, { bits: 8, paired: true })).to.deep.equal(quantized(small, { bits: 8 }));
    const seven = quantized(float([4, 1], Float32Array.of(1, 1, -1, -1)), { bits: 7 });
    expect(pairsFit(codesOf(seven), seven.shape)).to.equal(true);
  });

  it('take half of the excess from each of a pair', () => {
    const weight = quantized(float([2, 2], Float32Array.of(1, -1, 0.5, -1)), { bits: 8, paired: true });
    expect([...codesOf(weight)]).to.deep.equal([95, -64, 33, -64]); // of 127, 64 and -127, -127
    expect(materialize(weight)[1]).to.be.closeTo(-64 / 127, 1e-6);
  });
});
