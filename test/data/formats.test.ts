/** @file The readers of IDX and of the Fashion-MNIST files, on small made-up content. */
import { expect } from 'chai';
import { type Image, parseClass, splitByDigest, unique } from '../../src/data/fashion-package.ts';
import { parseIdx } from '../../src/data/idx.ts';
import { MoonletError } from '../../src/errors.ts';
import { messageOf } from './errors.ts';

const fail = (reason: string): never => {
  throw new MoonletError(reason);
};

describe('parseIdx', () => {
  const good = Uint8Array.from([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]);
  const reason = (bytes: Uint8Array, dims: number[]): Promise<string> =>
    messageOf(MoonletError, () => parseIdx(bytes, dims, fail));

  it('reads the elements, also from the middle of a buffer', () => {
    const shifted = new Uint8Array(20);
    shifted.set(good, 2);
    for (const bytes of [good, shifted.subarray(2)]) {
      const { dims, data } = parseIdx(bytes, [2, 3], fail);
      expect(dims).to.deep.equal([2, 3]);
      expect([...data]).to.deep.equal([1, 2, 3, 4, 5, 6]);
    }
  });

  it('refuses what is not such a file', async () => {
    expect(await reason(good.subarray(0, 7), [2, 3])).to.equal(
      '7 bytes are too few for a header of 12; it is truncated',
    );
    expect(await reason(good, [6])).to.equal(
      'it begins with 0x00000802, and an IDX file of this kind begins with 0x00000801',
    );
    expect(await reason(good, [2, 4])).to.equal('it holds 2 x 3 bytes, expected 2 x 4');
    expect(await reason(good.subarray(0, 17), [2, 3])).to.equal(
      'it has 17 bytes, expected 18; it is truncated',
    );
    expect(await reason(Uint8Array.from([...good, 0]), [2, 3])).to.equal(
      'it has 19 bytes, expected 18; it is too long',
    );
  });
});

describe('parseClass', () => {
  const json = (content: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(content));
  const row = (first: number): number[] => [first, ...Array(783).fill(0)];
  const reason = (bytes: Uint8Array): Promise<string> =>
    messageOf(MoonletError, () => parseClass(bytes, 4, fail));

  it('reads the images without the empty and blank ones', () => {
    const images = parseClass(json({ data: [row(7), [], row(0), row(255)] }), 4, fail);
    expect(images.map(({ pixels, label }) => [pixels[0], pixels.length, label])).to.deep.equal([
      ...[[7, 784, 4]],
      ...[[255, 784, 4]],
    ]);
  });

  it('refuses what is not such a file', async () => {
    expect(await reason(new TextEncoder().encode('{"data":[['))).to.equal('it is not valid JSON');
    expect(await reason(json({ images: [] }))).to.equal('it has no list named "data"');
    expect(await reason(json(null))).to.equal('it has no list named "data"');
    expect(await reason(json({ data: [row(1), [1, 2]] }))).to.equal('record 1 is not a list of 784 pixels');
    expect(await reason(json({ data: [row(256)] }))).to.equal('record 0 has a pixel that is not a byte');
    expect(await reason(json({ data: [row(0.5)] }))).to.equal('record 0 has a pixel that is not a byte');
  });
});

describe('the split by digest', () => {
  const image = (digest: string, label: number): Image => ({ digest, label, pixels: Uint8Array.of(label) });
  const images = [image('c', 0), image('a', 1), image('b', 0), image('d', 1), image('b', 1), image('e', 0)];

  it('keeps the first of equal images', () => {
    expect(
      unique(images)
        .map(({ digest, label }) => `${digest}${label}`)
        .join(' '),
    ).to.equal('c0 a1 b0 d1 e0');
  });

  it('tests on the first of each class in the order of the digests', () => {
    const { train, test } = splitByDigest(unique(images).reverse(), 1);
    expect(test.map(({ digest }) => digest)).to.deep.equal(['a', 'b']);
    expect(train.map(({ digest }) => digest)).to.deep.equal(['c', 'd', 'e']);
  });
});
