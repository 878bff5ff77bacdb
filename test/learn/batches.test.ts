/** @file Batches: shuffled, augmented, normalized, and a function of seed and step alone. */
import { expect } from 'chai';
import { MoonletError } from '../../src/errors.ts';
import { classesOf } from '../../src/graph/index.ts';
import { batches, checkFit, passes, type Scale } from '../../src/learn/task/index.ts';
import { wrn } from '../../zoo/architectures/index.ts';

const scale: Scale = { shape: [3, 3, 1], mean: 0.25, std: 0.5 };
/** Ten images of one bright pixel each; image i has label i. */
const split = {
  count: 10,
  pixels: Uint8Array.from({ length: 90 }, (_, k) => (k % 9 === Math.floor(k / 9) % 9 ? 255 : 0)),
  labels: Uint8Array.from({ length: 10 }, (_, i) => i),
};

describe('batches', () => {
  it('normalize bytes: (byte / 255 - mean) / std', () => {
    const { x } = batches(split, scale, { batch: 2, seed: 1 })(0);
    expect(new Set(x)).to.deep.equal(new Set([-0.5, 1.5]));
  });
  it('show each example once an epoch, in another order each time', () => {
    const next = batches(split, scale, { batch: 5, seed: 1 });
    const epoch = (e: number): number[] => [...next(2 * e).targets.labels, ...next(2 * e + 1).targets.labels];
    expect([...epoch(0)].sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([...epoch(1)].sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(epoch(0)).not.to.deep.equal(epoch(1));
  });
  it('drop the last partial batch of an epoch', () => {
    const next = batches(split, scale, { batch: 4, seed: 1 });
    const seen = [...next(0).targets.labels, ...next(1).targets.labels];
    expect(new Set(seen).size).to.equal(8);
  });
  it('depend on seed and step alone, whatever was asked before', () => {
    const o = { batch: 3, seed: 5, augment: { shift: 1, flip: true } };
    const inOrder = batches(split, scale, o);
    for (let i = 0; i < 7; i++) inOrder(i);
    expect(inOrder(7)).to.deep.equal(batches(split, scale, o)(7));
    expect(batches(split, scale, { ...o, seed: 6 })(7)).not.to.deep.equal(inOrder(7));
  });
  it('show the same views of the same images at other seeds, when the view seed is said', () => {
    const o = { batch: 10, viewSeed: 4, augment: { shift: 1, flip: true } };
    const of = (seed: number): ReadonlyMap<number, string> => {
      const { x, images } = batches(split, scale, { ...o, seed })(1);
      return new Map([...images].map((image, i) => [image, String(x.subarray(9 * i, 9 * i + 9))]));
    };
    const [a, b] = [of(1), of(2)];
    for (const [image, pixels] of a) expect(b.get(image)).to.equal(pixels);
    expect([...a.keys()], 'in another order').not.to.deep.equal([...b.keys()]);
  });
  it('shift by up to the bound and let black flow in', () => {
    const centre = {
      count: 1,
      pixels: Uint8Array.from([0, 0, 0, 0, 255, 0, 0, 0, 0]),
      labels: Uint8Array.of(0),
    };
    const next = batches(centre, scale, { batch: 1, seed: 2, augment: { shift: 1 } });
    const places = new Set(Array.from({ length: 200 }, (_, i) => next(i).x.indexOf(1.5)));
    expect(places.size).to.equal(9);
    expect(places.has(-1)).to.equal(false);
    const far = batches(centre, scale, { batch: 1, seed: 2, augment: { shift: 3 } });
    const shown = Array.from({ length: 50 }, (_, i) => far(i).x);
    expect(shown.some((x) => x.every((v) => v === -0.5))).to.equal(true);
  });
  it('mirror about half of the images', () => {
    const left = {
      count: 1,
      pixels: Uint8Array.from([0, 0, 0, 255, 0, 0, 0, 0, 0]),
      labels: Uint8Array.of(0),
    };
    const next = batches(left, scale, { batch: 1, seed: 3, augment: { flip: true } });
    const at = Array.from({ length: 200 }, (_, i) => next(i).x.indexOf(1.5));
    expect(new Set(at)).to.deep.equal(new Set([3, 5]));
    expect(at.filter((p) => p === 5).length).to.be.within(70, 130);
  });
  it('of an evaluation show every example once; the last is padded and says so', () => {
    const all = [...passes(split, scale, 4)];
    expect(all.map((b) => b.count)).to.deep.equal([4, 4, 2]);
    expect(all.flatMap((b) => [...b.targets.labels.slice(0, b.count)])).to.deep.equal([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expect(all[2]?.x).to.have.length(36);
  });
  it('refuse a batch larger than the split', () => {
    expect(() => batches(split, scale, { batch: 11, seed: 0 })).to.throw(
      MoonletError,
      'a batch of 11 is larger than the 10 training examples',
    );
  });
  it('refuse a net of another input or of other classes', () => {
    const data = {
      name: 'mnist',
      classes: 10,
      classNames: [],
      shape: [28, 28, 1] as const,
      train: split,
      test: split,
      mean: 0,
      std: 1,
    };
    const fits = (g: ReturnType<typeof wrn>): void => checkFit(g, classesOf(g), data);
    expect(() => fits(wrn())).to.throw(
      MoonletError,
      'wrn: takes [32, 32, 3], and mnist gives [28, 28, 1]; compose it with size=28 channels=1',
    );
    expect(() => fits(wrn({ size: 28, channels: 1, classes: 7 }))).to.throw(
      MoonletError,
      'has 7 classes, but mnist has 10; compose it with classes=10',
    );
  });
});
