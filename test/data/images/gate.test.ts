/** @file The bound on what is done at the same time. */
import { expect } from 'chai';
import { gate } from '../../../src/data/images/gate.ts';
import { fc } from '../../support/property.ts';

describe('a gate', () => {
  it('never lets in more bytes than it may, but for what goes alone, and begins in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 30 }), async (sizes) => {
        const through = gate(100);
        const inside = new Set<number>();
        const order: number[] = [];
        const bytes = (): number => [...inside].reduce((sum, i) => sum + sizes[i]!, 0);
        const work = async (i: number): Promise<number> => {
          inside.add(i);
          order.push(i);
          expect(bytes() <= 100 || inside.size === 1).to.equal(true);
          for (let turn = 0; turn < sizes[i]! % 4; turn++) await Promise.resolve();
          inside.delete(i);
          if (sizes[i]! % 7 === 0) throw new Error('no');
          return i;
        };
        const done = await Promise.allSettled(sizes.map((size, i) => through(size, () => work(i))));
        expect(order).to.deep.equal(sizes.map((_, i) => i));
        for (const [i, { status }] of done.entries())
          expect(status).to.equal(sizes[i]! % 7 === 0 ? 'rejected' : 'fulfilled');
      }),
      { numRuns: 60 },
    );
  });

  it('lets 64 in at most, however small', async () => {
    const through = gate(2 ** 20);
    let [inside, most] = [0, 0];
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 1));
      inside--;
    };
    await Promise.all(Array.from({ length: 100 }, () => through(1, work)));
    expect(most).to.equal(64);
  });
});
