/** @file A teacher's words, kept by image and view: the same as asked anew, refused when they belong to another. */

import { expect } from 'chai';
import { init, MoonletError, UsageError } from '../../src/index.ts';
import { hints, softTargets } from '../../src/learn/distill/index.ts';
import { crossEntropy } from '../../src/learn/loss/index.ts';
import { batches, type Scale } from '../../src/learn/task/index.ts';
import { exampleHash } from '../../src/learn/train/example-hash.ts';
import {
  fit,
  guide,
  memoryCache,
  packCache,
  teacherIdentity,
  unpackCache,
} from '../../src/learn/train/index.ts';
import { random } from '../../src/random.ts';
import { type StoredTensor, writeSafetensors } from '../../src/weights/index.ts';
import { wrn } from '../../zoo/architectures/index.ts';
import { corners, cornersNet, cornersScale } from '../support/corners.ts';

const scale: Scale = { shape: [8, 8, 1], mean: 0.4, std: 0.3 };
const source = random('guide');
const split = {
  count: 48,
  pixels: Uint8Array.from({ length: 48 * 64 }, () => source.below(256)),
  labels: Uint8Array.from({ length: 48 }, (_, i) => i % 10),
};
const net = (seed: number) => init(wrn({ depth: 10, size: 8, channels: 1 }), { seed });
const ids = ['stage3/0/add', 'head/dense'];
const o = { batch: 16, seed: 1, augment: { shift: 2, flip: true }, views: 2 };

describe('a guide', () => {
  it('with a cache says what it says without, and asks the teacher once for each image and view', async () => {
    const next = batches(split, scale, o);
    const cache = memoryCache();
    const [plain, kept] = [await guide(net(1), ids), await guide(net(1), ids, { cache })];
    for (let step = 0; step < 12; step++) {
      const [a, b] = [await plain.of(next(step)), await kept.of(next(step))];
      for (const id of ids) {
        const [x, y] = [a.get(id) as Float32Array, b.get(id) as Float32Array];
        expect(Math.max(...x.map((v, i) => Math.abs(v - (y[i] as number)))), `${id} at ${step}`).to.be.below(
          1e-5,
        );
      }
    }
    expect([cache.size, cache.misses, cache.hits]).to.deep.equal([96, 96, 96]);
    expect(await kept.verify(next(3))).to.be.below(1e-5);
    await plain.release();
    await kept.release();
  });

  it('sees through a cache that is wrong', async () => {
    const cache = memoryCache();
    const told = await guide(net(1), ids, { cache });
    const batch = batches(split, scale, o)(0);
    await told.of(batch);
    const [, values = new Float32Array()] = [...cache.entries()][5] ?? [];
    values[0] = (values[0] as number) + 1;
    expect(await told.verify(batch)).to.be.closeTo(1, 1e-4);
    await told.release();
  });

  it('the views of an image are the same in every run, and as many as told', () => {
    const seen = new Map<string, string>();
    const next = batches(split, scale, o);
    for (let step = 0; step < 12; step++) {
      const { x, images, view } = next(step);
      images.forEach((image, i) => {
        const key = `${image}/${view}`;
        const text = x.slice(i * 64, (i + 1) * 64).join();
        expect(seen.get(key) ?? text).to.equal(text);
        seen.set(key, text);
      });
    }
    expect(seen.size).to.equal(96);
  });

  it('keeps no more than its bytes', () => {
    const cache = memoryCache(100);
    cache.set('a', new Float32Array(20));
    cache.set('b', new Float32Array(20));
    expect([cache.size, cache.bytes]).to.deep.equal([1, 80]);
  });

  it('a cache on disk comes back, but not for another teacher, other values or other views', async () => {
    const cache = memoryCache();
    cache.set('3/0', Float32Array.of(1, 2));
    const identity = await teacherIdentity(net(1), ids, o.augment);
    const bytes = packCache(cache, identity);
    expect([...(unpackCache(bytes, identity).get('3/0') ?? [])]).to.deep.equal([1, 2]);
    const others = [
      teacherIdentity(net(2), ids, o.augment),
      teacherIdentity(net(1), ['head/dense'], o.augment),
      teacherIdentity(net(1), ids, {}),
    ];
    for (const other of await Promise.all(others)) expect(unpackCache(bytes, other).size).to.equal(0);
    expect(() => unpackCache(bytes.slice(0, 20), identity)).to.throw(MoonletError, 'teacher cache: ');
  });

  it('a run with a cache ends like one without', async () => {
    const losses = [crossEntropy({ weight: 0.1 }), softTargets()];
    const run = { ...o, steps: 12, rate: 0.02, losses, teacher: net(1) };
    const [plain, cached] = [
      await fit(net(5), split, scale, run),
      await fit(net(5), split, scale, { ...run, teacherCache: memoryCache() }),
    ];
    cached?.history.loss.forEach((l, i) => {
      expect(l).to.be.closeTo(plain?.history.loss[i] as number, 1e-3);
    });
  });

  it('one cache serves runs of other seeds, augmentations, data and teachers, each with its own values', async () => {
    const cache = memoryCache();
    const data = corners(32, 1);
    const base = { ...o, steps: 3, rate: 0.01, engine: 'wasm', teacher: cornersNet(1) } as const;
    const first = { ...base, losses: [softTargets({ weight: 1 })] };
    for (const [what, change, images = data, at = cornersScale] of [
      ['the first run', {}],
      ['another seed', { seed: 2 }],
      ['another view seed', { viewSeed: 9 }],
      ['another augmentation', { augment: { shift: 1 } }],
      ['no augmentation', { augment: {} }],
      ['another teacher', { teacher: cornersNet(2) }],
      ['other values of the teacher', { losses: [hints()] }],
      ['other data', {}, corners(32, 2)],
      ['another scale', {}, data, { ...cornersScale, mean: 0.1 }],
    ] as const) {
      const run = { ...first, ...change };
      const cached = await fit(cornersNet(5), images, at, { ...run, teacherCache: cache });
      const plain = await fit(cornersNet(5), images, at, run);
      cached.history.loss.forEach((l, i) => {
        expect(l, what).to.be.closeTo(plain.history.loss[i] as number, 1e-6);
      });
    }
    const { misses } = cache;
    await fit(cornersNet(5), data, cornersScale, { ...first, teacherCache: cache });
    expect(cache.misses, 'the first run again').to.equal(misses);
  });

  it('tells examples apart that differ in one value, its last bit or its sign alone, or in their number', () => {
    const x = Float32Array.from({ length: 64 }, (_, i) => (i % 7) / 7 - 0.4);
    const seen = new Set([exampleHash(0, x), exampleHash(1, x), exampleHash(2 ** 20, x)]);
    const bits = new Uint32Array(x.buffer);
    for (let i = 0; i < 64; i++) {
      for (let bit = 0; bit < 32; bit++) {
        bits[i] = (bits[i] as number) ^ (1 << bit);
        seen.add(exampleHash(0, x));
        bits[i] = (bits[i] as number) ^ (1 << bit);
      }
    }
    for (let shift = 1; shift < 64; shift++)
      seen.add(
        exampleHash(
          0,
          Float32Array.from(x, (_, i) => x[(i + shift) % 64] as number),
        ),
      );
    expect(seen.size).to.equal(3 + 64 * 32 + 63);
    expect(exampleHash(0, x))
      .to.match(/^[0-9a-f]{16}$/)
      .and.equal(exampleHash(0, x.slice()));
  });

  it('a cache on disk keeps values of many lengths, and a damaged or former one is told', () => {
    const cache = memoryCache();
    cache.set('a/b/0123456789abcdef', Float32Array.of(1, 2));
    cache.set('a/b/fedcba9876543210', Float32Array.of(8, 9));
    cache.set('a/c/fedcba9876543210', Float32Array.of(1));
    cache.set('c', Float32Array.of(3, 4, 5));
    cache.set('d', Float32Array.of(6, 7));
    const back = unpackCache(packCache(cache, 'me'), 'me');
    expect(new Map(back.entries())).to.deep.equal(new Map(cache.entries()));
    const file = (metadata: Record<string, string>, keys: string, rows: number) =>
      writeSafetensors({
        tensors: new Map<string, StoredTensor>([
          ['keys/2', { dtype: 'U8', shape: [keys.length], data: new TextEncoder().encode(keys) }],
          ['values/2', { dtype: 'F32', shape: [rows, 2], data: new Float32Array(2 * rows) }],
        ]),
        metadata: { identity: 'me', ...metadata },
      });
    const now = { format: 'moonlet-teacher-cache-2' };
    expect(unpackCache(file({ format: 'moonlet-teacher-cache' }, '["a"]', 1), 'me').size).to.equal(0);
    for (const keys of ['["a"', '{"a":1}', '[1]'])
      expect(() => unpackCache(file(now, keys, 1), 'me')).to.throw(
        MoonletError,
        'teacher cache: the keys are damaged; remove the file',
      );
    expect(() => unpackCache(file(now, '["a","b"]', 1), 'me')).to.throw(
      MoonletError,
      'teacher cache: the values of length 2 are damaged; remove the file',
    );
    expect(() => unpackCache(file({ format: 'other' }, '[]', 0), 'me')).to.throw(
      MoonletError,
      'teacher cache: the file is not one of ours',
    );
    expect(() => memoryCache(-1)).to.throw(UsageError, 'maxBytes must be 0 or more, got -1');
  });
});
