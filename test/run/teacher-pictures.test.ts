/** @file A teacher whose card prepares pictures otherwise than the student's: each sees its own view of the same picture. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Preparation, prepared } from '../../src/data/images/index.ts';
import { readPicture } from '../../src/data/index.ts';
import { parseRecipe, perform, readyFor } from '../../src/run/index.ts';
import { init } from '../../src/weights/index.ts';
import { wrn } from '../../zoo/architectures/index.ts';
import { saveNet } from '../../zoo/index.ts';
import { colours, writeClasses } from '../support/pictures.ts';
import { line } from '../support/refused.ts';

describe('a teacher with other preprocessing', () => {
  const root = mkdtempSync(join(tmpdir(), 'teachers-'));
  const at = (...path: readonly string[]): string => join(root, ...path);
  after(() => rmSync(root, { recursive: true, force: true }));
  const rgb = { range: [0, 1], channels: 'rgb', crop: 0.9, interpolation: 'bicubic' } as const;
  const cards = {
    student: { ...rgb, size: 8, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    larger: { ...rgb, size: 12, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4], interpolation: 'bilinear' },
    scaled: { ...rgb, size: 8, mean: [0, 0, 0], std: [1, 1, 1] },
  } as const;
  const labels = ['blue', 'green', 'red'];
  before(async () => {
    await writeClasses(at('photos', 'train'), colours, 4);
    await writeClasses(at('photos', 'val'), colours, 1);
    const save = (name: string, card: Preparation, classes: number): void => {
      const net = init(wrn({ depth: 10, size: Number(card.size), classes }), { seed: 3 });
      const named = classes === 3 ? { labels } : {};
      saveNet(at(name), net, { from: name, data: '', preprocessing: card, ...named });
    };
    save('student', cards.student, 3);
    save('larger', cards.larger, 3);
    save('scaled', cards.scaled, 3);
    save('same', cards.student, 3);
    save('seven', cards.larger, 7);
  });
  const ready = (more: object) =>
    readyFor(
      parseRecipe({ data: at('photos'), student: at('student'), steps: 2, batch: 6, ...more }),
      {},
      { cacheDir: at('cache') },
    );

  it('sees each picture as its own card says', async () => {
    const { data, teacherData } = await ready({ teacher: at('larger') });
    expect([data?.shape, teacherData?.shape]).to.deep.equal([
      [8, 8, 3],
      [12, 12, 3],
    ]);
    expect([teacherData?.mean, teacherData?.std]).to.deep.equal([cards.larger.mean, cards.larger.std]);
    const last = prepared(await readPicture(at('photos', 'train', 'red', '3.png')), cards.larger);
    expect([...(teacherData?.train.pixels.slice(11 * 432) ?? [])]).to.deep.equal([...last]);
    const scaled = await ready({ teacher: at('scaled') });
    expect([scaled.teacherData?.mean, scaled.teacherData?.std]).to.deep.equal([
      [0, 0, 0],
      [1, 1, 1],
    ]);
    expect(scaled.teacherData?.train.pixels).to.equal(scaled.data?.train.pixels); // the same bytes, not decoded again
    const same = await ready({ teacher: at('same') });
    expect([same.data, same.teacherData, same.pictures?.shape]).to.deep.equal([
      undefined,
      undefined,
      [8, 8, 3],
    ]);
  });

  it('distills, with examples held out and left out', async () => {
    const said: string[] = [];
    const more = { validation: 3, limit: 6, augment: { shift: 1, flip: true } };
    const done = await perform(await ready({ teacher: at('larger'), ...more }), {
      say: (text) => said.push(text),
    });
    expect([done.fitted.finished, done.n]).to.deep.equal([true, 3]);
    expect(said).to.include('the teacher sees the same pictures as its card says, 12 x 12 x 3');
  });

  it('is refused with augmentations that both would not see alike, by their names, and not where both see the same', async () => {
    const augment = { flip: true, resizedCrop: { scale: [0.5, 1] }, mix: { mixup: 1 } };
    expect(await line(() => ready({ teacher: at('larger'), augment }))).to.equal(
      'augment: the teacher takes other images than the student, and only shift and flip are the same for both; remove resizedCrop, mix',
    );
    expect((await ready({ teacher: at('same'), augment })).pictures?.classes).to.equal(3);
  });

  it('may have other classes where features are compared, and is refused where classes are', async () => {
    expect(await line(() => ready({ teacher: at('seven') }))).to.match(
      /has 7 classes, but photos has 3, and the loss soft-targets compares classes; fine-tune the teacher on them first, or distill its features \(attention, hints, fsp, darkrank\)$/,
    );
    const hints = { kind: 'hints', pairs: [['head/globalPool', 'head/globalPool']] };
    const { fitted } = await perform(
      await ready({ teacher: at('seven'), losses: [{ kind: 'cross-entropy' }, hints] }),
    );
    expect(fitted.finished).to.equal(true);
  });

  it('must agree with other teachers of the run', async () => {
    const teachers = { big: at('larger') };
    const losses = [{ kind: 'soft-targets' }, { kind: 'soft-targets', teacher: 'big' }];
    expect(await line(() => ready({ teacher: at('same'), teachers, losses }))).to.match(
      /same and .*larger see pictures in different ways \(size, crop, interpolation, mean or deviation\); name teachers whose cards agree$/,
    );
    expect(await line(() => ready({ teacher: at('larger'), transfer: { kind: 'munge' } }))).to.match(
      /^munge: makes images as the student takes them, and the teacher takes others; use a teacher/,
    );
  });
});
