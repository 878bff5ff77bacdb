/** @file Small parts of the page: numbers as texts, lines of long runs, pictures as inputs, attention, and calls of workers. */
import { expect } from 'chai';
import fc from 'fast-check';
import { blocks, graph, input } from '../../src/index.ts';
import { bytes, percent, ratio, short } from '../../src/web/parts/format.ts';
import { preparationOf, usualHow } from '../../src/web/own/preparation.ts';
import { lossesOf } from '../../src/web/work/methods.ts';
import { methodNames } from '../../src/web/work/method-names.ts';
import { remote } from '../../src/web/work/rpc.ts';
import { attentionOf, softmax } from '../../src/web/work/running.ts';
import { students } from '../../src/web/work/students.ts';
import { cost } from '../../src/index.ts';

describe('parts of the page', () => {
  it('write numbers with three digits', () => {
    expect([short(512), short(34_133), short(3_504_872), short(999_600)]).to.deep.equal([
      '512',
      '34.1 k',
      '3.50 M',
      '1.00 M',
    ]);
    expect([bytes(177_704), percent(0.9933), ratio(100, 250)]).to.deep.equal(['178 kB', '99.33 %', '×2.5']);
  });

  it('make rows of probabilities that sum to one', () => {
    const values = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(values, (list) => {
        const p = softmax(Float32Array.from(list), 3);
        for (const from of [0, 3]) {
          const row = p.subarray(from, from + 3);
          expect(row.reduce((a, b) => a + b, 0)).to.be.closeTo(1, 1e-5);
          // the order of values is that of probabilities
          const given = list.slice(from, from + 3);
          for (let i = 0; i < 3; i++)
            for (let j = 0; j < 3; j++) if (given[i]! > given[j]!) expect(row[i]!).to.be.at.least(row[j]!);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('map attention as the mean square over channels, at most 1', () => {
    const map = attentionOf('stage1', [1, 2, 2], Float32Array.of(1, 1, 2, 4));
    expect([...map.values]).to.deep.equal([Math.fround(0.1), 1]);
  });

  it('prepare pictures as the card says, and refuse nets that take none', () => {
    const grey = graph('grey', input(28, 28, 1).flatten().dense(10));
    const colours = graph(
      'colours',
      input(32, 32, 3).pipe('stem', blocks.convNormAct(4)).globalPool().dense(2),
    );
    expect(usualHow(grey, { preprocessing: { mean: 0.5, std: 0.25 } })).to.include({
      mean: '0.5',
      std: '0.25',
    });
    expect(preparationOf(colours, usualHow(colours)).mean).to.deep.equal([0.485, 0.456, 0.406]);
    expect(preparationOf(colours, { mean: '0.5', std: '1', crop: '1' }).mean).to.deep.equal([0.5, 0.5, 0.5]);
    const vectors = graph('vectors', input(40).dense(2));
    expect(() => preparationOf(vectors, usualHow(grey))).to.throw(
      'takes inputs of [40], which are no pictures',
    );
    expect(() => preparationOf(grey, { mean: 'a', std: '1', crop: '1' })).to.throw('must be numbers');
  });

  it('offer students that are small, and methods that have losses', () => {
    for (const { id, make } of students) expect(cost(make()).params, id).to.be.lessThan(45_000);
    expect(cost(students[0]!.make()).params).to.equal(25_438);
    for (const { id } of methodNames) expect(lossesOf(id).length, id).to.be.greaterThan(0);
    expect(() => lossesOf('none')).to.throw('no method "none"; known: soft-targets');
  });

  it('answer calls of workers, and refuse those that wait when the worker ends', async () => {
    const posted: { readonly call: number; readonly name: string; readonly args: readonly unknown[] }[] = [];
    const worker = {
      postMessage: (asked: (typeof posted)[number]) => void posted.push(asked),
      terminate: () => {},
    };
    const calls = remote<{ add: (a: number, b: number) => number }>(worker as unknown as Worker);
    const sum = calls.call('add', 1, 2);
    const never = calls.call('add', 3, 4);
    const { onmessage } = worker as unknown as { onmessage(event: { data: unknown }): void };
    onmessage({ data: { call: posted[0]?.call, value: 3 } });
    expect(await sum).to.equal(3);
    calls.end();
    expect(await never.catch((e: Error) => e.message)).to.equal('the worker was ended');
  });
});
