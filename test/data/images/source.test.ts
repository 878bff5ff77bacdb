/** @file Pictures to train on in bounded memory: whole and prepared ones, their cache, damage, parts. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { prepared } from '../../../src/data/images/index.ts';
import { type PictureOptions, pictureSet, readPicture, subsetOf } from '../../../src/data/index.ts';
import { batches } from '../../../src/learn/task/index.ts';
import { pictureBatches, readAhead } from '../../../src/learn/task/streamed.ts';
import { colours, writeClasses } from '../../support/pictures.ts';
import { line, usage } from '../../support/refused.ts';

describe('pictures that are read when they are needed', () => {
  const root = mkdtempSync(join(tmpdir(), 'source-'));
  const at = (...path: readonly string[]): string => join(root, ...path);
  after(() => rmSync(root, { recursive: true, force: true }));
  const preparation = { size: 8, mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.5], crop: 1 };
  const options: PictureOptions = { preparation, cacheDir: at('cache') };
  before(async () => {
    await writeClasses(at('photos', 'train'), colours, 4);
    await writeClasses(at('photos', 'val'), colours, 1);
  });

  it('are whole, as decoded, or prepared', async () => {
    const set = await pictureSet(at('photos'), options);
    const [whole, small] = [await set.source(), await set.source('prepared')];
    expect([whole.isWhole, small.isWhole, whole.count, small.count]).to.deep.equal([true, false, 12, 12]);
    const file = await readPicture(whole.paths[5] ?? '');
    expect(await whole.use(5, (picture) => picture)).to.deep.equal(file);
    const bytes = prepared(file, preparation);
    expect(await small.use(5, (picture) => picture)).to.deep.equal({
      width: 8,
      height: 8,
      channels: 3,
      data: bytes,
    });
    for (const source of [whole, small]) {
      expect([...source.labels]).to.deep.equal([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
      expect((await source.read(4, 2)).subarray(192)).to.deep.equal(bytes);
    }
    expect(await line(() => whole.use(12, () => 0))).to.equal('no picture 12; there are 12');
  });

  it('give the same batches with and without a cache, and as images in memory', async () => {
    const set = await pictureSet(at('photos'), options);
    const bare = await pictureSet(at('photos'), { ...options, cacheBytes: 0 });
    const o = { batch: 4, seed: 3, augment: { resizedCrop: {}, flip: true, mix: { mixup: 1 } } };
    const [kept, fresh] = [
      pictureBatches(await set.source(), set, o),
      pictureBatches(await bare.source(), bare, o),
    ];
    for (const step of [0, 1, 2, 3, 7, 4]) expect(await kept(step)).to.deep.equal(await fresh(step));
    const train = await set.train();
    const split = { count: 12, labels: train.labels, pixels: train.read(0, 12) };
    const small = { batch: 4, seed: 3, augment: { colorJitter: { brightness: 0.4 }, shift: 1 } };
    const streamed = pictureBatches(await set.source('prepared'), set, small);
    for (const step of [0, 5]) expect(await streamed(step)).to.deep.equal(batches(split, set, small)(step));
    // and prepared on the way: whole pictures without random parts are those of evaluation
    const onTheWay = pictureBatches(await set.source(), set, small);
    expect(await onTheWay(5)).to.deep.equal(await streamed(5));
  });

  it('of nets that take BGR are augmented as RGB', async () => {
    const bgr = await pictureSet(at('photos'), {
      ...options,
      preparation: { ...preparation, channels: 'bgr' },
    });
    const rgb = await pictureSet(at('photos'), options);
    const plain = { ...rgb, mean: [0, 0, 0], std: [1, 1, 1] };
    for (const augment of [{ colorJitter: { saturation: 1, hue: 0.3 } }, { resizedCrop: {} }, {}])
      for (const kind of ['whole', 'prepared'] as const) {
        if (kind === 'prepared' && 'resizedCrop' in augment) continue;
        const o = { batch: 2, seed: 1, augment };
        const [a, b] = [
          await pictureBatches(await rgb.source(kind), plain, o)(0),
          await pictureBatches(await bgr.source(kind), plain, o)(0),
        ];
        const swapped = a.x.map((_, i) => a.x[i + 2 - 2 * (i % 3)]!);
        expect(b.x, `${kind} ${JSON.stringify(augment)}`).to.deep.equal(swapped);
      }
  });

  it('are known by what the files hold, not where they are', async () => {
    const of = async (folder: string, o: Partial<PictureOptions> = {}) => {
      const set = await pictureSet(at(folder), { ...options, ...o });
      return [await (await set.source()).digest(), await (await set.source('prepared')).digest()];
    };
    const first = await of('photos');
    cpSync(at('photos'), at('copy'), { recursive: true });
    expect(await of('copy')).to.deep.equal(first);
    expect(await of('photos', { cacheBytes: 0 })).to.deep.equal(first);
    cpSync(at('copy', 'train', 'red', '0.png'), at('copy', 'train', 'red', '1.png'));
    const changed = await of('copy');
    expect(changed[0]).not.to.equal(first[0]);
    expect(changed[1]).not.to.equal(first[1]);
  });

  it('are scanned once, and damaged ones are named or left out', async () => {
    await writeClasses(at('torn', 'train'), colours, 3);
    await writeClasses(at('torn', 'val'), colours, 1);
    writeFileSync(at('torn', 'train', 'green', '1.png'), 'no picture');
    const refused = await pictureSet(at('torn'), options);
    expect(await line(() => refused.source())).to.match(/torn.train.green.1\.png: is no PNG, JPEG or WebP/);
    let decoded = 0;
    const skipped: string[] = [];
    const skip = {
      ...options,
      ...{
        damaged: 'skip' as const,
        onSkip: (text: string) => skipped.push(text),
        onPicture: () => decoded++,
      },
    };
    const source = await (await pictureSet(at('torn'), skip)).source();
    expect([source.count, [...source.labels]]).to.deep.equal([8, [0, 0, 0, 1, 1, 2, 2, 2]]);
    expect([decoded, skipped.length, skipped[0]]).to.deep.equal([9, 1, skipped[0]]);
    expect(skipped[0]).to.match(/green.1\.png: skipped/);
    await (await pictureSet(at('torn'), skip)).source();
    expect([decoded, skipped.length]).to.deep.equal([9, 2]);
    const again = await pictureSet(at('torn'), options);
    expect(await line(() => again.source())).to.match(/green.1\.png: is no PNG/);
    expect(
      await usage(async () => (await pictureSet(at('photos'), { ...options, cacheBytes: -1 })).source()),
    ).to.equal('cacheBytes must be 0 or more, got -1');
  });

  it('have parts, in the order that is asked for', async () => {
    const source = await (await pictureSet(at('photos'), options)).source();
    const part = subsetOf(source, [11, 0, 4]);
    expect([part.count, [...part.labels], part.paths]).to.deep.equal([
      3,
      [2, 0, 1],
      [11, 0, 4].map((i) => source.paths[i]),
    ]);
    expect(await part.use(1, (p) => p)).to.deep.equal(await source.use(0, (p) => p));
    expect((await part.read(0, 3)).subarray(384)).to.deep.equal(await source.read(4, 1));
    expect(await part.digest()).not.to.equal(await subsetOf(source, [0, 11, 4]).digest());
  });
});

describe('reading ahead', () => {
  it('begins the next two steps, no more, and none beyond the last', async () => {
    const begun: number[] = [];
    const next = readAhead(async (step) => begun.push(step) && step, 5);
    expect(await next(0)).to.equal(0);
    expect(begun).to.deep.equal([0, 1, 2]);
    for (const step of [1, 2, 3, 4]) expect(await next(step)).to.equal(step);
    expect(begun).to.deep.equal([0, 1, 2, 3, 4]);
    expect(await next(1)).to.equal(1);
    expect(begun).to.deep.equal([0, 1, 2, 3, 4, 1, 2, 3]);
  });

  it('refuses a step when it is asked for, not before', async () => {
    const next = readAhead(async (step) => {
      if (step === 1) throw new Error('step 1');
      return step;
    });
    expect(await next(0)).to.equal(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const refused = await next(1).catch((e: Error) => e.message);
    expect(refused).to.equal('step 1');
  });
});
