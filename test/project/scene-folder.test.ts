/** @file The pictures of the experiment with fine-tuning: the same bytes each time, in colour, and none without garments. */
import { expect } from 'chai';
import { colouredScene, garmentScene, leastVisible } from '../../scripts/lib/scene-folder.ts';
import { type Split, seen } from '../../src/data/index.ts';

/** A garment (label 0), a filled square, and a digit (label 1), a bar. */
const split: Split = {
  count: 2,
  pixels: Uint8Array.from({ length: 2 * 784 }, (_, i) => {
    const [y, x] = [Math.floor((i % 784) / 28), i % 28];
    const filled = i < 784 ? y > 3 && y < 24 && x > 3 && x < 24 : x > 10 && x < 15;
    return filled ? 255 : 0;
  }),
  labels: Uint8Array.of(0, 1),
};

describe('coloured scenes', () => {
  it('are a function of their keys, in colour', () => {
    const bytes = colouredScene(split, [1, 'train', 'coats', 0], 64);
    expect(bytes).to.have.length(64 * 64 * 3);
    expect(colouredScene(split, [1, 'train', 'coats', 0], 64)).to.deep.equal(bytes);
    expect(colouredScene(split, [1, 'train', 'coats', 1], 64)).not.to.deep.equal(bytes);
    const coloured = bytes.filter((v, k) => k % 3 === 0 && v !== bytes[k + 1]).length;
    expect(coloured).to.be.above((64 * 64) / 2);
  });

  it('show a garment each, and are refused where none can', () => {
    for (let i = 0; i < 30; i++) {
      const { scene } = garmentScene(split, ['garment', i], 64);
      const visible = seen(scene).filter((_, k) => scene.objects[k]?.label === 0);
      expect(visible.reduce((a, b) => a + b, 0)).to.be.at.least(leastVisible * 64 * 64);
    }
    const digits = { ...split, labels: Uint8Array.of(1, 1) };
    expect(() => garmentScene(digits, ['digits'], 64)).to.throw('digits: no scene shows a garment');
  });
});
