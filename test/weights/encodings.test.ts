/** @file Encodings: what each means, how near it comes, how many bytes it takes, and that a file keeps it to the bit. */
import { expect } from 'chai';
import { graph, input, MoonletError } from '../../src/index.ts';
import {
  arraysOf,
  binary,
  bytesOf,
  bytesOfWeight,
  circulant,
  codebook,
  type Encoding,
  encodings,
  type FloatWeight,
  float,
  half,
  hashed,
  init,
  materialize,
  type Net,
  net,
  pack,
  packBits,
  placesOf,
  quantized,
  roundHalfEven,
  sparse,
  ternary,
  unpack,
  unpackBits,
  type Weight,
} from '../../src/weights/index.ts';
import { noise, sizeOf } from '../support/nets.ts';
import { fc } from '../support/property.ts';

const drawn = (shape: readonly number[], seed = 1): FloatWeight =>
  float(shape, noise(sizeOf(shape), 'w', seed));
/** Without its small half. */
const thin = ({ shape, data }: FloatWeight): FloatWeight =>
  float(
    shape,
    data.map((v) => (Math.abs(v) < 0.7 ? 0 : v)),
  );
const table = Float32Array.of(-1.5, -0.5, 0.25, 1);

const made: Readonly<Record<Encoding, (w: FloatWeight) => Weight>> = {
  float32: (w) => w,
  float16: half,
  quantized: (w) => quantized(w, { bits: 4 }),
  ternary,
  binary,
  codebook: (w) => codebook(w, table),
  hashed: (w) => hashed(w, 7, 3),
  circulant: (w) => circulant(w, 4),
  sparse: (w) => sparse(thin(w)),
};
const squared = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, v, i) => sum + (v - (b[i] as number)) ** 2, 0);

describe('packed numbers', () => {
  it('come back, whatever their width', () => {
    const cases = fc
      .integer({ min: 1, max: 8 })
      .chain((width) =>
        fc.tuple(fc.constant(width), fc.array(fc.nat({ max: 2 ** width - 1 }), { maxLength: 40 })),
      );
    fc.assert(
      fc.property(cases, ([width, numbers]) => {
        const bytes = packBits(numbers, width);
        expect(bytes.length).to.equal(Math.ceil((numbers.length * width) / 8));
        expect([...unpackBits(bytes, width, numbers.length)]).to.deep.equal(numbers);
      }),
    );
  });
  it('put the lowest bits first', () => {
    expect([...packBits([1, 2, 3], 3)]).to.deep.equal([0b11_010_001, 0]);
  });
});

describe('an encoded weight', () => {
  it('rounds halves to even, as ONNX does', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, -2.6].map(roundHalfEven)).to.deep.equal([
      0, 2, 2, 0, -2, 2, -3,
    ]);
  });

  it('of whole numbers lies within half a step, with zero exact (law 5)', () => {
    const sizes = fc.tuple(fc.integer({ min: 2, max: 8 }), fc.nat());
    fc.assert(
      fc.property(sizes, ([bits, seed]) => {
        const w = thin(drawn([3, 3, 4, 8], seed));
        const q = quantized(w, { bits });
        materialize(q).forEach((v, p) => {
          const original = w.data[p] as number;
          expect(Math.abs(v - original)).to.be.at.most((q.scales[p % 8] as number) * 0.500001);
          if (original === 0) expect(v === 0).to.equal(true);
        });
      }),
      { numRuns: 20 },
    );
  });

  it('of whole numbers keeps what it can say, and clips by given scales', () => {
    const w = float([2, 2], Float32Array.of(-3, 2, 1, 0.5));
    const q = quantized(w, { bits: 3, scales: Float32Array.of(1, 0.5) });
    expect([...materialize(q)]).to.deep.equal([-3, 1.5, 1, 0.5]);
    expect(() => quantized(w, { bits: 9 })).to.throw(
      MoonletError,
      /^quantized: bits must be a whole number from 2 to 8, got 9$/,
    );
  });

  it('of two or three values has the scales of the papers', () => {
    const w = float([4, 1], Float32Array.of(1, -3, 0.1, 4)); // E|w| = 2.025
    expect([...materialize(binary(w))]).to.deep.equal([1, -1, 1, 1].map((s) => Math.fround(s * 2.025)));
    // threshold 1.4175: 3 and 4 stay
    expect([...materialize(ternary(w))]).to.deep.equal([0, -3.5, 0, 3.5]);
  });

  it('of two values has the best scale that there is', () => {
    const w = drawn([5, 5, 3, 4]);
    const b = binary(w);
    const best = squared(materialize(b), w.data);
    for (const factor of [0.9, 1.1]) {
      const other = { ...b, scales: b.scales.map((s) => s * factor) };
      expect(squared(materialize(other), w.data)).to.be.above(best);
    }
  });

  it('of half precision rounds as IEEE says', () => {
    const w = float([5], Float32Array.of(1, 65504, 2 ** -24, 1 + 2 ** -11, 1e6));
    expect([...materialize(half(w))]).to.deep.equal([1, 65504, 2 ** -24, 1, Infinity]);
  });

  it('of a codebook takes the nearest centroid', () => {
    const w = float([6], Float32Array.of(-9, -1.1, -0.2, 0.3, 0.62, 7));
    expect([...materialize(codebook(w, table))]).to.deep.equal([-1.5, -1.5, -0.5, 0.25, 0.25, 1]);
  });

  it('with as many centroids as values is the identity (law 5)', () => {
    const w = drawn([4, 16]);
    expect([...materialize(codebook(w, w.data))]).to.deep.equal([...w.data]);
  });

  it('of hashes depends on seed and place alone; its buckets are means', () => {
    const w = drawn([8, 16]);
    const [a, b] = [hashed(w, 7, 3), hashed(w, 7, 4)];
    expect([...materialize(a)]).to.deep.equal([...materialize(hashed(w, 7, 3))]);
    expect([...materialize(a)]).not.to.deep.equal([...materialize(b)]);
    expect(new Set(materialize(a).map(Math.abs)).size).to.equal(7);
    // projecting again changes nothing but rounding
    materialize(hashed(float(w.shape, materialize(a)), 7, 3)).forEach((v, p) => {
      expect(v).to.be.closeTo(materialize(a)[p] as number, 1e-6);
    });
  });

  it('of hashes fills its buckets evenly and its signs by halves', () => {
    const all = materialize({ encoding: 'hashed', shape: [1e5], seed: 1, data: Float32Array.of(1, 2, 3, 4) });
    for (const v of [1, 2, 3, 4]) {
      const [plus, minus] = [all.filter((x) => x === v).length, all.filter((x) => x === -v).length];
      expect(plus + minus).to.be.within(24_500, 25_500);
      expect(plus / (plus + minus)).to.be.within(0.48, 0.52);
    }
  });

  it('that is circulant multiplies as the FFT does: y = ifft(fft(r) fft(x))', () => {
    const n = 8;
    const weight = circulant(drawn([n, n]), n);
    const matrix = materialize(weight);
    const [x, r] = [noise(n, 'x'), weight.data];
    const y = Array.from({ length: n }, (_, o) =>
      x.reduce((sum, v, i) => sum + v * (matrix[i * n + o] as number), 0),
    );
    // the product in the frequency domain, by the definition of the transform
    const transform = (v: ArrayLike<number>) =>
      Array.from({ length: n }, (_, k) => {
        const at = Array.from(v, (value, t) => [value, (-2 * Math.PI * k * t) / n] as const);
        return [
          at.reduce((s, [value, angle]) => s + value * Math.cos(angle), 0),
          at.reduce((s, [value, angle]) => s + value * Math.sin(angle), 0),
        ] as const;
      });
    const [fx, fr] = [transform(x), transform(r)];
    const product = fx.map(([a, b], k) => {
      const [c, d] = fr[k] as readonly [number, number];
      return [a * c - b * d, a * d + b * c] as const;
    });
    y.forEach((value, t) => {
      const back = product.reduce((s, [a, b], k) => {
        const angle = (2 * Math.PI * k * t) / n;
        return s + (a * Math.cos(angle) - b * Math.sin(angle)) / n;
      }, 0);
      expect(value).to.be.closeTo(back, 1e-5);
    });
  });

  it('that is circulant is the nearest one, and itself when it is one already', () => {
    const w = drawn([3, 3, 8, 12]);
    const c = circulant(w, 4);
    const again = circulant(float(w.shape, materialize(c)), 4);
    again.data.forEach((v, i) => {
      expect(v).to.be.closeTo(c.data[i] as number, 1e-6);
    });
    const best = squared(materialize(c), w.data);
    expect(squared(materialize({ ...c, data: c.data.map((v) => v * 1.05) }), w.data)).to.be.above(best);
    expect(() => circulant(w, 5)).to.throw(
      MoonletError,
      /^circulant: blocks of 5 do not divide 8 x 12 channels; choose a divisor of both$/,
    );
  });

  it('that is sparse stands for the same, with any encoding of its values', () => {
    for (const inner of [
      (w: FloatWeight) => w,
      half,
      (w: FloatWeight) => quantized(w, { bits: 8 }),
      (w: FloatWeight) => quantized(w, { bits: 3 }),
      ternary,
      (w: FloatWeight) => codebook(w, Float32Array.of(-1, 0, 1)),
    ]) {
      const dense = inner(thin(drawn([3, 3, 5, 6])));
      const kept = sparse(dense);
      expect([...materialize(kept)]).to.deep.equal([...materialize(dense)]);
      expect(placesOf(kept).length).to.equal(materialize(dense).filter((v) => v !== 0).length);
    }
  });

  it('takes the bytes that it stores', () => {
    const w = drawn([3, 3, 16, 32]); // 4,608 values, 32 channels
    const bytes: Readonly<Record<Encoding, number>> = {
      float32: 4608 * 4,
      float16: 4608 * 2,
      quantized: 4608 / 2 + 32 * 4,
      ternary: 4608 / 4 + 2 * 32 * 4,
      binary: 4608 / 8 + 32 * 4,
      codebook: 4608 / 4 + 4 * 4,
      hashed: 7 * 4,
      circulant: 4608,
      sparse: 4608 / 8 + 4 * thin(w).data.filter((v) => v !== 0).length,
    };
    for (const encoding of encodings)
      expect(bytesOfWeight(made[encoding](w)), encoding).to.equal(bytes[encoding]);
  });
});

describe('a net of encoded weights', () => {
  const small = graph(
    'small',
    input(6, 6, 4)
      .pipe('stem', (x) => x.conv(8, { kernel: 3 }).norm())
      .pipe('head', (x) => x.globalPool().dense(4)),
  );
  const encoded = (encoding: Encoding): Net => {
    const { weights } = init(small);
    const key = 'stem/conv:kernel';
    return net(small, new Map(weights).set(key, made[encoding](weights.get(key) as FloatWeight)));
  };

  for (const encoding of encodings) {
    it(`keeps ${encoding} in a file to the last bit (law 2)`, () => {
      const whole = encoded(encoding);
      const back = unpack(pack(whole));
      expect([...back.weights]).to.deep.equal([...whole.weights].sort((a, b) => order(a[0]) - order(b[0])));
      expect(pack(back)).to.deep.equal(pack(whole));
      // the file is as large as the arrays and a header
      const header = pack(whole).weights.length - bytesOf(whole);
      expect(header).to.be.within(8, 1200);
    });
  }
  const order = (key: string): number => [...unpack(pack(init(small))).weights.keys()].indexOf(key as never);

  it('keeps codes of 8 bits as I8 in the shape of the weight', () => {
    const { weights } = init(small);
    const q = quantized(weights.get('stem/conv:kernel') as FloatWeight, { bits: 8 });
    const text = new TextDecoder().decode(
      pack({ graph: small, weights: new Map(weights).set('stem/conv:kernel', q) }).weights,
    );
    expect(text).to.contain('"stem/conv:kernel.data":{"dtype":"I8","shape":[3,3,4,8]');
  });

  it('is refused when its arrays do not fit its shape', () => {
    const { weights } = init(small);
    const key = 'stem/conv:kernel';
    const w = drawn([3, 3, 4, 8]);
    const line = (weight: Weight): string => {
      try {
        net(small, new Map(weights).set(key, weight));
      } catch (e) {
        return (e as Error).message;
      }
      return 'accepted';
    };
    const start = 'small: the weight "stem/conv:kernel" of shape [3, 3, 4, 8] has ';
    const q = quantized(w, { bits: 4 });
    expect(line({ ...q, data: q.data.slice(1) })).to.equal(`${start}143 bytes of codes; expected 144`);
    expect(line({ ...q, scales: q.scales.slice(1) })).to.equal(
      `${start}7 scales; expected 1 or one for each of 8 channels`,
    );
    expect(line({ ...ternary(w), negative: new Float32Array(2) })).to.equal(
      `${start}2 negative scales; expected 1 or one for each of 8 channels`,
    );
    expect(line({ ...codebook(w, table), centroids: table.slice(0, 3) })).to.equal(
      `${start}the code 3, and a codebook of 3`,
    );
    expect(line({ ...hashed(w, 3, 1), data: new Float32Array() })).to.equal(`${start}no buckets`);
    expect(line({ ...circulant(w, 4), block: 3 })).to.equal(`${start}blocks of 3, which do not divide 4 x 8`);
    const s = sparse(w);
    expect(line({ ...s, values: { ...w, shape: [3], data: w.data.slice(0, 3) } })).to.equal(
      `${start}3 values; its mask has 288 places`,
    );
    expect(line({ ...s, data: s.data.slice(1) })).to.equal(`${start}35 bytes of mask; expected 36`);
  });

  it('is refused when a file lacks a part or describes it wrongly', () => {
    const { graphJson, weights } = pack(encoded('quantized'));
    const text = new TextDecoder('latin1').decode(weights);
    const changed = (from: string, to: string): Uint8Array => {
      expect(text).to.contain(from);
      return Uint8Array.from(text.replace(from, to), (c) => c.charCodeAt(0));
    };
    const read = (bytes: Uint8Array): unknown => unpack({ graphJson, weights: bytes }, 'x');
    expect(() => read(changed('stem/conv:kernel.scales', 'stem/conv:kernel.skales'))).to.throw(
      'x/weights.safetensors: "stem/conv:kernel.scales" is missing, a part of an encoded weight',
    );
    expect(() => read(changed('\\"bits\\":4', '\\"bits\\":1'))).to.throw(
      /^x\/weights.safetensors: __metadata__.encodings: stem\/conv:kernel.bits: /,
    );
    expect(() => read(changed('{\\"stem', '{{"stem').map((b) => b))).to.throw(
      /header is not JSON|is not JSON/,
    );
  });

  it('holds arrays of the kinds that a file has', () => {
    for (const encoding of encodings) {
      for (const [, array] of arraysOf(made[encoding](drawn([4, 8]))))
        expect([Float32Array, Uint16Array, Uint8Array]).to.include(array.constructor);
    }
  });
});
