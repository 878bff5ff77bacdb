/** @file Augmentations of pictures: single operations as Pillow and torchvision compute them, and random draws. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { jittered } from '../../../src/data/images/augment/colour-jitter.ts';
import { beta } from '../../../src/data/images/augment/index.ts';
import { randAugmented } from '../../../src/data/images/augment/rand-augment.ts';
import { randomRegion } from '../../../src/data/images/augment/resized-crop.ts';
import { augmented, operations, type Picture } from '../../../src/data/images/index.ts';
import { random } from '../../../src/random.ts';
import { operationNamed, type Words } from '../../support/picture-operations.ts';
import { madePicture } from '../../support/pictures.ts';
import { usage } from '../../support/refused.ts';

interface Reference {
  readonly by: string;
  readonly rows: readonly (readonly [number, number, number, number, Words, string])[];
}
const reference: Reference = JSON.parse(readFileSync('test/data/images/augment.json', 'utf8'));
const hash = ({ data }: Picture): string => createHash('sha256').update(data).digest('hex').slice(0, 16);
const picture = madePicture({ seed: 3, width: 40, height: 30, channels: 3 });

describe('operations of augmentations', () => {
  it(`are those of ${reference.by}, to the last bit`, () => {
    const wrong = reference.rows.flatMap(([seed, width, height, channels, words, expected]) => {
      const made = madePicture({ seed, width, height, channels });
      const before = made.data.slice();
      const got = hash(operationNamed(words)(made));
      expect(made.data, 'its input stays').to.deep.equal(before);
      return got === expected ? [] : [`${width}x${height}x${channels} ${JSON.stringify(words)}`];
    });
    expect(wrong).to.deep.equal([]);
    expect(reference.rows).to.have.length.above(450);
  });

  it('leave a picture of one colour as it is where they stretch or equalize', () => {
    const even = { width: 20, height: 20, channels: 3, data: new Uint8Array(1200).fill(77) };
    for (const operation of [operations.autoContrast, operations.equalize])
      expect(operation(even).data).to.deep.equal(even.data);
  });
});

describe('random regions', () => {
  const draws = (
    size: { readonly width: number; readonly height: number },
    how: Parameters<typeof randomRegion>[1],
    count = 400,
  ) => Array.from({ length: count }, (_, i) => randomRegion(size, how, random('region', i)));

  it('lie in the picture, with areas uniform in scale and proportions uniform in the logarithm', () => {
    const all = draws({ width: 400, height: 400 }, { scale: [0.1, 0.5] }, 4000);
    for (const { left, top, width, height } of all) {
      expect([left, top].every((v) => v >= 0) && left + width <= 400 && top + height <= 400).to.equal(true);
    }
    const shares = all.map(({ width, height }) => (width * height) / 160_000);
    const logs = all.map(({ width, height }) => Math.log(width / height));
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    expect(Math.min(...shares)).to.be.within(0.098, 0.105);
    expect(Math.max(...shares)).to.be.within(0.495, 0.502);
    expect(mean(shares)).to.be.closeTo(0.3, 0.006); // three standard errors of 4000 draws
    expect(mean(logs)).to.be.closeTo(0, 0.008);
    expect(mean(logs.map((v) => v * v))).to.be.closeTo(Math.log(4 / 3) ** 2 / 3, 0.002);
  });

  it('of a picture in which none lies are its middle, as much as the proportions allow', () => {
    const whole = { scale: [1, 1] } as const;
    expect(new Set(draws({ width: 100, height: 10 }, whole).map((r) => JSON.stringify(r)))).to.deep.equal(
      new Set([JSON.stringify({ top: 0, left: 43, width: 13, height: 10 })]),
    );
    expect(draws({ width: 10, height: 100 }, whole)[0]).to.deep.equal({
      ...{ top: 43, left: 0, width: 10, height: 13 },
    });
    expect(draws({ width: 1, height: 1 }, {})[0]).to.deep.equal({ top: 0, left: 0, width: 1, height: 1 });
  });
});

describe('random draws', () => {
  it('of Beta(alpha, alpha) have the mean and the variance of that distribution', () => {
    for (const alpha of [0.01, 0.2, 1, 4]) {
      const values = Array.from({ length: 8000 }, (_, i) => beta(random('beta', alpha, i), alpha));
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
      expect(values.every((v) => v >= 0 && v <= 1)).to.equal(true);
      expect(mean, `mean of ${alpha}`).to.be.closeTo(0.5, 0.012);
      expect(variance, `variance of ${alpha}`).to.be.closeTo(1 / (4 * (2 * alpha + 1)), 0.006);
    }
  });

  it('of colours keep to their ranges, and leave out what is 0', () => {
    const grey = { width: 1, height: 1, channels: 1, data: Uint8Array.of(100) };
    const seen = Array.from(
      { length: 300 },
      (_, i) => jittered(grey, { brightness: 0.4 }, random('jitter', i)).data[0]!,
    );
    expect([Math.min(...seen), Math.max(...seen)]).to.satisfy(
      ([low, high]: [number, number]) => low >= 60 && low < 64 && high <= 140 && high > 136,
    );
    const far = Array.from(
      { length: 300 },
      (_, i) => jittered(grey, { brightness: 1.5 }, random('jitter', i)).data[0]!,
    );
    expect(Math.max(...far)).to.be.within(235, 250);
    expect(jittered(picture, {}, random('jitter', 1))).to.equal(picture);
  });

  it('of RandAugment come from 14 operations, each about equally often', () => {
    const results = new Map<string, number>();
    for (let i = 0; i < 1400; i++) {
      const key = hash(randAugmented(picture, { operations: 1, magnitude: 15 }, random('rand', i)));
      results.set(key, (results.get(key) ?? 0) + 1);
    }
    // identity, auto-contrast (of a picture of full contrast: the same), posterize, solarize, equalize, and 9 with two signs
    expect(results.size).to.be.within(22, 23);
    for (const count of results.values()) expect(count).to.be.within(25, 260);
    const once = randAugmented(picture, { operations: 1 }, random('rand', 5));
    expect(randAugmented(picture, { operations: 1 }, random('rand', 5)).data).to.deep.equal(once.data);
  });
});

describe('an augmented picture', () => {
  const how = { resizedCrop: {}, colorJitter: { brightness: 0.4, hue: 0.1 }, randAugment: {} };
  const target = { size: [16, 12] as const };
  it('is a function of its keys', () => {
    const at = (...keys: readonly number[]): string => hash(augmented(picture, how, target, keys));
    expect(at(1, 2, 3)).to.equal(at(1, 2, 3));
    expect(new Set([at(1, 2, 3), at(1, 2, 4), at(1, 3, 3), at(2, 2, 3)]).size).to.equal(4);
    expect(augmented(picture, how, target, [0]).data).to.have.length(16 * 12 * 3);
  });

  it('draws each part by a stream of its own', () => {
    const { resizedCrop } = how;
    const alone = augmented(picture, { resizedCrop }, target, [9]);
    const more = augmented(picture, { resizedCrop, colorJitter: { hue: 0 } }, target, [9]);
    expect(more.data).to.deep.equal(alone.data);
  });

  it('refuses what is out of range by name', async () => {
    const cases = {
      'augment.resizedCrop.scale must be two numbers above 0 and up to 1, the smaller one first, got 0.5, 0.1':
        { resizedCrop: { scale: [0.5, 0.1] as const } },
      'augment.resizedCrop.ratio must be two numbers above 0 and up to 100, the smaller one first, got 0, 1':
        { resizedCrop: { ratio: [0, 1] as const } },
      'augment.colorJitter.hue must be a number from 0 to 0.5, got 0.6': { colorJitter: { hue: 0.6 } },
      'augment.colorJitter.contrast must be a number from 0 to 10, got -1': { colorJitter: { contrast: -1 } },
      'augment.randAugment.magnitude must be a number from 0 to 30, got 31': {
        randAugment: { magnitude: 31 },
      },
      'augment.randAugment.operations must be a whole number from 1 to 14, got 0': {
        randAugment: { operations: 0 },
      },
    };
    for (const [message, wrong] of Object.entries(cases))
      expect(await usage(() => augmented(picture, wrong, target, [0]))).to.equal(message);
    const many = { width: 2, height: 2, channels: 2, data: new Uint8Array(8) };
    expect(await usage(() => augmented(many, { randAugment: {} }, target, [0]))).to.equal(
      'augment.randAugment: changes colours of grey or RGB, and these images have 2 channels; leave it out',
    );
  });
});
