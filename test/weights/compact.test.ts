/** @file Huffman codes and the compact file: nothing is lost, nothing is longer than it need be, damage is noticed. */
import { expect } from 'chai';
import { graph, input, MoonletError } from '../../src/index.ts';
import {
  binary,
  bytesOf,
  circulant,
  codebook,
  codeLengths,
  type FloatWeight,
  float,
  half,
  hashed,
  huffmanDecode,
  huffmanEncode,
  init,
  materialize,
  type Net,
  packCompact,
  quantized,
  sparse,
  ternary,
  unpackCompact,
  type Weight,
  type WeightKey,
} from '../../src/weights/index.ts';
import { messageOf } from '../support/errors.ts';
import { noise, sizeOf } from '../support/nets.ts';
import { fc } from '../support/property.ts';

const entropy = (symbols: Uint8Array): number => {
  const counts = new Map<number, number>();
  for (const s of symbols) counts.set(s, (counts.get(s) ?? 0) + 1);
  return [...counts.values()].reduce((sum, n) => sum - n * Math.log2(n / symbols.length), 0);
};

describe('a compact file of hashed weights', () => {
  for (const seed of [0, 7, 2 ** 40 + 3, -1, -3, -(2 ** 40) - 3])
    it(`gives back the weights of seed ${seed}`, () => {
      const g = graph('g', input(4, 4, 3).conv(5, { kernel: 3 }));
      const key: WeightKey = 'conv:kernel';
      const kernel = init(g, { seed: 1 }).weights.get(key) as FloatWeight;
      const net: Net = { graph: g, weights: new Map([[key, hashed(kernel, 40, seed)]]) };
      const back = unpackCompact(g, packCompact(net)).weights.get(key) as Weight;
      expect(materialize(back)).to.deep.equal(materialize(net.weights.get(key) as Weight));
    });
});

describe('Huffman codes', () => {
  it('come back whatever the symbols are', () => {
    const some = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300, max: 3 }));
    fc.assert(
      fc.property(some, (symbols) => {
        const lengths = codeLengths(symbols);
        const bytes = huffmanEncode(symbols, lengths);
        expect(huffmanDecode(bytes, lengths, symbols.length)).to.deep.equal(symbols);
      }),
    );
  });

  it('take at most a bit a symbol more than the entropy, and satisfy Kraft with equality', () => {
    const skewed = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 2, maxLength: 400 });
    fc.assert(
      fc.property(skewed, (dice) => {
        const symbols = Uint8Array.from(dice, (d) => (d * d) % 29);
        const lengths = codeLengths(symbols);
        const bits = symbols.reduce((n, s) => n + (lengths[s] as number), 0);
        if (new Set(symbols).size < 2) return;
        expect(bits).to.be.within(entropy(symbols) - 1e-6, entropy(symbols) + symbols.length);
        expect(lengths.reduce((sum, n) => sum + (n ? 2 ** -n : 0), 0)).to.equal(1);
      }),
    );
  });

  it('are those of the textbook', () => {
    // a 45, b 13, c 12, d 16, e 9, f 5 (Cormen et al., chapter on greedy algorithms): 224 bits in all
    const symbols = Uint8Array.from([45, 13, 12, 16, 9, 5].flatMap((n, s) => new Array<number>(n).fill(s)));
    const lengths = codeLengths(symbols);
    expect([...lengths]).to.deep.equal([1, 3, 3, 3, 4, 4]);
    expect(huffmanEncode(symbols, lengths).length).to.equal(224 / 8);
  });

  it('of no symbol and of one symbol', () => {
    for (const symbols of [new Uint8Array(), Uint8Array.of(7, 7, 7)]) {
      const lengths = codeLengths(symbols);
      expect(huffmanDecode(huffmanEncode(symbols, lengths), lengths, symbols.length)).to.deep.equal(symbols);
    }
  });

  it('that end early are noticed', () => {
    const lengths = codeLengths(Uint8Array.of(0, 0, 1, 2));
    expect(messageOf(() => huffmanDecode(new Uint8Array(), lengths, 3))).to.equal(
      'the codes end too early or are none; the file is damaged',
    );
  });
});

describe('the compact file', () => {
  const g = graph(
    'small',
    input(6, 6, 8)
      .pipe('stem', (x) => x.conv(16, { kernel: 3 }).norm())
      .pipe('head', (x) => x.globalPool().dense(8)),
  );
  const key: WeightKey = 'stem/conv:kernel';
  const shape = [3, 3, 8, 16] as const;
  const kernel = (seed: number, keep = 0.6): FloatWeight => {
    const data = noise(sizeOf(shape), 'kernel', seed);
    return float(
      shape,
      data.map((v) => (Math.abs(v) < keep ? 0 : v)),
    );
  };
  const withKernel = (weight: Weight): Net => ({
    graph: g,
    weights: new Map(init(g).weights).set(key, weight),
  });
  const table = Float32Array.of(-2, -1.2, -0.8, 0.8, 1.2, 2);
  const makers: Readonly<Record<string, (w: FloatWeight) => Weight>> = {
    float32: (w) => w,
    float16: half,
    'quantized of 8': (w) => quantized(w, { bits: 8 }),
    'quantized of 3': (w) => quantized(w, { bits: 3 }),
    ternary,
    binary,
    codebook: (w) => codebook(w, table),
    hashed: (w) => hashed(w, 40, 123_456),
    circulant: (w) => circulant(w, 8),
    sparse,
    'sparse codebook': (w) => {
      const s = sparse(w);
      return { ...s, values: codebook(s.values as FloatWeight, table) };
    },
    'sparse int8': (w) => sparse(quantized(w, { bits: 8 })),
  };
  for (const [name, make] of Object.entries(makers)) {
    it(`gives ${name} back to the last bit`, () => {
      fc.assert(
        fc.property(fc.nat(), fc.constantFrom(0, 0.6, 2.5, 9), (seed, keep) => {
          const net = withKernel(make(kernel(seed, keep)));
          const back = unpackCompact(g, packCompact(net));
          expect(back.weights.get(key)).to.deep.equal(net.weights.get(key));
          expect(new Map([...back.weights].sort())).to.deep.equal(new Map([...net.weights].sort()));
        }),
        { numRuns: 8 },
      );
    });
  }

  it('is smaller than what it holds where codes are uneven', () => {
    const net = withKernel((makers['sparse codebook'] as (w: FloatWeight) => Weight)(kernel(1, 1.5)));
    const rest = bytesOf(net) - bytesOf(withKernel(float(shape, new Float32Array(1152)))) + 4 * 1152;
    const others = bytesOf(net) - rest;
    expect(packCompact(net).length - others).to.be.below(rest);
  });

  it('is refused when it is another file, cut, longer, or of another graph', () => {
    const bytes = packCompact(
      withKernel((makers['sparse codebook'] as (w: FloatWeight) => Weight)(kernel(1))),
    );
    const line = (b: Uint8Array, of = g): string =>
      messageOf(() => unpackCompact(of, b, 'x.bin'), MoonletError);
    expect(line(Uint8Array.of(1, 2, 3))).to.equal('x.bin: not one of our compact files');
    expect(line(Uint8Array.from(bytes, (v, i) => (i === 4 ? 9 : v)))).to.equal(
      'x.bin: version 9 is not 1, which this release reads; update moonlet',
    );
    expect(line(bytes.slice(0, bytes.length - 3))).to.match(
      /^x\.bin: truncated: \d+ bytes are wanted at byte \d+ of \d+$/,
    );
    expect(line(Uint8Array.from([...bytes, 0]))).to.equal(
      'x.bin: bytes are left over; are these the weights of another graph?',
    );
    const wider = graph(
      'wide',
      input(6, 6, 8)
        .pipe('stem', (x) => x.conv(17, { kernel: 3 }))
        .globalPool(),
    );
    expect(line(bytes, wider)).to.match(/^x\.bin: /);
  });

  it('never hangs nor crashes on damage: it is refused with a line, or read as other numbers', () => {
    const bytes = packCompact(
      withKernel((makers['sparse codebook'] as (w: FloatWeight) => Weight)(kernel(2))),
    );
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Uint8Array.from(bytes, (v, i) => (i === at ? v ^ flip : v));
        try {
          unpackCompact(g, damaged);
        } catch (e) {
          expect(e).to.be.instanceOf(MoonletError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
