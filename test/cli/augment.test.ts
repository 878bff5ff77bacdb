/** @file The flags of augmentations: a preset, single ones over it or over the recipe's, and what is refused. */
import { expect } from 'chai';
import { type AugmentFlags, augmentBy } from '../../src/cli/augment-flags.ts';
import { bytesFlag } from '../../src/cli/picture-flags.ts';
import { augmentPresetNames, augmentPresets, checkAugment } from '../../src/learn/task/augment.ts';
import { parseRecipe } from '../../src/run/index.ts';
import { usage } from '../support/refused.ts';

const base = { data: 'mnist', student: 'lenet-5', steps: 1 };
const of = (flags: AugmentFlags, own?: unknown) => {
  const recipe = parseRecipe({
    ...base,
    ...(own === undefined ? {} : { augment: own }),
    ...augmentBy(flags, own),
  });
  return recipe.augment;
};

describe('flags of augmentations', () => {
  it('say nothing when none is given', () => {
    expect(augmentBy({}, { shift: 1 })).to.deep.equal({});
    expect(of({})).to.equal(undefined);
  });

  it('name a preset, as recipes do', () => {
    for (const name of augmentPresetNames) {
      checkAugment(augmentPresets[name]);
      expect(of({ augment: name })).to.deep.equal(of({}, name));
      expect(of({ augment: name })).to.deep.include(augmentPresets[name]);
    }
    expect(of({ augment: 'none' }, 'strong')).to.deep.equal({ shift: 0, flip: false });
  });

  it('change a preset or what the recipe says; 0 leaves a part out', () => {
    expect(of({ augment: 'strong', flip: false, mixup: '0', erase: '0', randAugment: '5' })).to.deep.equal({
      ...{ shift: 0, flip: false, resizedCrop: { scale: [0.08, 1] } },
      ...{ randAugment: { operations: 2, magnitude: 5 }, mix: { mixup: 0, cutmix: 1 } },
    });
    expect(of({ mixup: '0', cutmix: '0' }, 'strong')).not.to.have.property('mix');
    expect(of({ cropScale: '0.3', colorJitter: '0.2' }, { shift: 2, flip: true })).to.deep.equal({
      ...{ shift: 2, flip: true, resizedCrop: { scale: [0.3, 1] } },
      colorJitter: { brightness: 0.2, contrast: 0.2, saturation: 0.2 },
    });
    expect(of({ erase: '0.5', eraseMode: 'rand' })).to.deep.include({
      erasing: { probability: 0.5, mode: 'rand' },
    });
    expect(of({ eraseMode: 'const' }, 'strong')).to.deep.include({
      erasing: { probability: 0.25, mode: 'const' },
    });
  });

  it('out of range are refused by their names', async () => {
    const cases: readonly (readonly [AugmentFlags, string])[] = [
      [
        { augment: 'stong' },
        '--augment: no preset "stong". Did you mean "strong"? Known: none, light, standard, strong',
      ],
      [{ cropScale: '2' }, '--crop-scale must be a fraction from 0 to 1, got "2"'],
      [{ randAugment: '40' }, '--rand-augment must be a whole number from 0 to 30, got "40"'],
      [{ colorJitter: 'x' }, '--color-jitter must be a number, got "x"'],
      [{ mixup: '-1' }, '--mixup must be a number from 0 to 100, got "-1"'],
      [{ erase: '0.5', eraseMode: 'black' }, '--erase-mode must be const, rand, pixel, got "black"'],
      [{ eraseMode: 'rand' }, '--erase-mode: nothing is erased; give --erase too, such as --erase 0.25'],
    ];
    for (const [flags, message] of cases)
      expect(await usage(() => augmentBy(flags, undefined))).to.equal(message);
    expect(await usage(() => parseRecipe({ ...base, augment: 'stong' }))).to.match(
      /augment: no augmentation "stong"\. Did you mean "strong"\? Known: none, light, standard, strong; or give an object/,
    );
    expect(await usage(() => parseRecipe({ ...base, augment: { mixup: 1 } }))).to.match(/augment.*mixup/);
    expect(await usage(() => parseRecipe({ ...base, augment: { erasing: { mode: 'black' } } }))).to.match(
      /augment\.erasing\.mode/,
    );
  });
});

describe('sizes in bytes', () => {
  it('are read with their units', async () => {
    expect(
      ['0', '512MB', '2GB', '1.5 GiB', '64k', '100'].map((text) => bytesFlag('cache', text)),
    ).to.deep.equal([...[0, 2 ** 29, 2 ** 31, 1.5 * 2 ** 30, 2 ** 16, 100]]);
    for (const text of ['', 'much', '-1', '5TB'])
      expect(await usage(() => bytesFlag('cache', text))).to.equal(
        `--cache must be a number of bytes such as 512MB, 2GB or 0, got "${text}"`,
      );
  });
});
