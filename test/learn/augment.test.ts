/** @file Augmented batches: parts, colours, erasing, mixup and CutMix; each a function of its keys. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { augmentPresets } from '../../src/learn/task/augment.ts';
import {
  type Augment,
  batches,
  classification,
  type Labelled,
  type Scale,
} from '../../src/learn/task/index.ts';
import { mixedLabels, mixInto, mixtureAt } from '../../src/learn/task/mixing.ts';
import { usage } from '../support/refused.ts';

const scale: Scale = { shape: [12, 10, 3], mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] };
const size = 360;
const split = {
  count: 9,
  pixels: Uint8Array.from({ length: 9 * size }, (_, i) => (i * i * 7 + i) % 256),
  labels: Uint8Array.from({ length: 9 }, (_, i) => i % 5),
};
const of = (augment: Augment, o: { seed?: number; batch?: number; viewSeed?: number } = {}) =>
  batches(split, scale, { batch: 3, seed: 1, augment, ...o });
const at = ({ x }: Labelled, i: number): string => String(x.subarray(i * size, (i + 1) * size));
/** Each image of an epoch by its number. */
const epochOf = (augment: Augment, o: Parameters<typeof of>[1] = {}): ReadonlyMap<number, string> => {
  const next = of(augment, o);
  const steps = 9 / (o.batch ?? 3);
  return new Map(
    Array.from({ length: steps }, (_, step) => next(steps + step)).flatMap((b) =>
      Array.from(b.images, (image, i) => [image, at(b, i)] as const),
    ),
  );
};

describe('augmented batches', () => {
  const everything: Augment = {
    ...{ resizedCrop: {}, colorJitter: { brightness: 0.4 }, randAugment: {}, shift: 1, flip: true },
    erasing: { probability: 0.5 },
  };
  for (const [name, augment] of Object.entries({
    parts: { resizedCrop: {} },
    colours: { colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 } },
    RandAugment: { randAugment: {} },
    erasing: { erasing: { probability: 1 } },
    everything,
  } satisfies Record<string, Augment>)) {
    it(`of ${name} depend on the seed, the image and the epoch alone`, () => {
      const one = epochOf(augment, { viewSeed: 4 });
      const other = epochOf(augment, { viewSeed: 4, seed: 8, batch: 9 });
      expect([...other].sort()).to.deep.equal([...one].sort());
      expect([...epochOf(augment, { viewSeed: 5 })].sort()).not.to.deep.equal([...one].sort());
      const next = of(augment);
      for (let step = 0; step < 5; step++) next(step);
      expect(next(7)).to.deep.equal(of(augment)(7));
      expect(next(7)).not.to.deep.equal(of({})(7));
    });
  }

  it('are the same numbers on every processor and in every version', () => {
    const { strong } = augmentPresets;
    const colorJitter = { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
    const next = of({ ...strong, colorJitter, shift: 1 });
    const hash = createHash('sha256');
    for (let step = 0; step < 30; step++) {
      const { x, targets } = next(step);
      for (const values of [x, ...Object.values(targets)]) hash.update(values);
    }
    // what the first version gave, with Node 20 and 24: another value means that runs do not resume to the same numbers
    expect(hash.digest('hex').slice(0, 16)).to.equal('0deb7c972602e297');
  });

  it('leave the numbers of shift and flip as they are', () => {
    const plain = of({ shift: 2, flip: true })(2);
    const erased = of({ shift: 2, flip: true, erasing: { probability: 1, mode: 'const' } })(2);
    const same = plain.x.filter((v, i) => v === erased.x[i]).length;
    expect(same / plain.x.length).to.be.within(0.6, 0.99);
  });

  it('erase rectangles of the asked share by the mean, a colour, or noise', () => {
    const erasedIn = (mode: 'const' | 'rand' | 'pixel') =>
      Array.from({ length: 30 }, (_, step) => {
        const [a, b] = [of({})(step), of({ erasing: { probability: 1, mode, area: [0.2, 0.2] } })(step)];
        return [0, 1, 2].map((image) => {
          const changed = [...b.x.keys()].filter((k) => Math.floor(k / size) === image && a.x[k] !== b.x[k]);
          return changed.map((k) => b.x[k]!);
        });
      }).flat();
    const shares = erasedIn('const').map((values) => values.length / size);
    expect(shares.reduce((n, v) => n + v, 0) / shares.length).to.be.closeTo(0.2, 0.02);
    expect(erasedIn('const').every((values) => values.every((v) => v === 0))).to.equal(true);
    for (const values of erasedIn('rand')) expect(new Set(values).size).to.be.at.most(3);
    const noise = erasedIn('pixel').flat();
    expect(new Set(noise).size).to.be.above(noise.length * 0.99);
    expect(noise.reduce((n, v) => n + v, 0) / noise.length).to.be.closeTo(0, 0.05);
    const some = erasedIn('const').length;
    const quarter = Array.from({ length: 200 }, (_, step) => of({ erasing: {} })(step).x).filter(
      (x, step) => String(x) !== String(of({})(step).x),
    );
    expect(some).to.equal(90);
    expect(quarter.length / 200).to.be.closeTo(1 - 0.75 ** 3, 0.1);
  });

  it('refuse floats for what needs bytes, and a batch of one for mixing', async () => {
    const floats = { ...split, pixels: Float32Array.from(split.pixels) };
    expect(
      await usage(() => batches(floats, scale, { batch: 3, seed: 1, augment: { randAugment: {} } })),
    ).to.equal(
      'augment.randAugment: needs images of bytes, and these are floats; give bytes, 0 to 255, or leave it out',
    );
    expect(await usage(() => of({ mix: { mixup: 1 } }, { batch: 1 }))).to.equal(
      'augment.mix: mixes the images of a batch, and a batch has 1; take 2 or more',
    );
    expect(await usage(() => of({ mix: {} }))).to.equal(
      'augment.mix: gives neither mixup nor cutmix; give the alpha of at least one',
    );
    expect(await usage(() => of({ erasing: { probability: 2 } }))).to.equal(
      'augment.erasing.probability must be a number from 0 to 1, got 2',
    );
  });
});

describe('mixed batches', () => {
  const mixed = (mix: Augment['mix'], step: number) => [of({})(step), of({ mix })(step)] as const;
  it('of mixup are sums of an image and its partner, by the shares of their labels', () => {
    for (let step = 0; step < 12; step++) {
      const [a, b] = mixed({ mixup: 1 }, step);
      const { targets } = b;
      if (!('shares' in targets)) throw new Error('no shares');
      for (let i = 0; i < 3; i++) {
        const share = targets.shares[i]!;
        expect(share).to.be.within(0.5, 1);
        const [one, two] = [i, 2 - i];
        const isFirst = targets.labels[i] === a.targets.labels[one];
        expect([targets.labels[i], targets.partners[i]].sort()).to.deep.equal(
          [a.targets.labels[one], a.targets.labels[two]].sort(),
        );
        if (a.targets.labels[one] === a.targets.labels[two] && i !== 1) continue;
        const kept = isFirst ? share : 1 - share;
        for (const k of [0, 17, 359])
          expect(b.x[i * size + k]).to.be.closeTo(
            kept * a.x[one * size + k]! + (1 - kept) * a.x[two * size + k]!,
            1e-5,
          );
      }
    }
  });

  it('of CutMix take a rectangle of the partner, whose area is the share of its label', () => {
    for (let step = 0; step < 12; step++) {
      const [a, b] = mixed({ cutmix: 1 }, step);
      const { targets } = b;
      if (!('shares' in targets)) throw new Error('no shares');
      const taken = Array.from({ length: size }, (_, k) => b.x[k] !== a.x[k]).filter(Boolean).length;
      const area = 1 - mixtureAt({ cutmix: 1 }, [12, 10, 3], [1, step])!.share;
      expect(taken / size).to.be.closeTo(area, 0.02); // some values are equal in both
      expect(targets.shares[0]).to.be.closeTo(Math.max(area, 1 - area), 1e-6);
      for (let k = 0; k < size; k++) expect([a.x[k], a.x[2 * size + k]]).to.include(b.x[k]);
    }
  });

  it('switch between the two, and leave the share of batches that the probability says', () => {
    const all = Array.from({ length: 400 }, (_, step) =>
      mixtureAt({ mixup: 0.2, cutmix: 1, probability: 0.5, switchProbability: 0.25 }, [12, 10, 3], [7, step]),
    );
    const done = all.filter((m) => m !== undefined);
    expect(done.length / 400).to.be.closeTo(0.5, 0.08);
    expect(done.filter((m) => m.box).length / done.length).to.be.closeTo(0.25, 0.09);
  });

  it('of a share of 1 are as they were', () => {
    const x = Float32Array.from({ length: 12 }, (_, i) => i);
    mixInto(x, 4, [1, 3, 1], { share: 1 });
    expect([...x]).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(mixedLabels(Int32Array.of(3, 1, 2), undefined)).to.deep.equal({
      ...{
        labels: Int32Array.of(3, 1, 2),
        partners: Int32Array.of(3, 1, 2),
        shares: Float32Array.of(1, 1, 1),
      },
    });
  });

  it('have the targets that their task says', () => {
    const task = classification(split, scale, { augment: augmentPresets.strong });
    const batch = task.batches({ batch: 4, seed: 0 })(0);
    expect(Object.keys(task.targets).sort()).to.deep.equal(Object.keys(batch.targets).sort());
    expect(task.mixesLabels).to.equal(true);
    const plain = classification(split, scale, { augment: { mix: { mixup: 1, probability: 0 } } });
    expect(Object.keys(plain.targets)).to.deep.equal(
      Object.keys(plain.batches({ batch: 4, seed: 0 })(0).targets),
    );
  });
});
