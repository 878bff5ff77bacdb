/** @file Shapes against closed forms. */
import { expect } from 'chai';
import { input } from '../../src/compose/index.ts';
import { type Graph, type Op, type Shape, shapeOf, shapes, slide } from '../../src/graph/index.ts';
import { arbitraryGraph } from '../support/arbitrary-graph.ts';
import { conv, pool } from '../support/ops.ts';
import { fc } from '../support/property.ts';

const map: Shape = [8, 6, 4];

describe('shapes', () => {
  const cases: readonly (readonly [title: string, op: Op, ins: readonly Shape[], out: readonly number[]])[] =
    [
      ['a conv keeps its map under same padding', conv({}), [map], [8, 6, 8]],
      ['a strided conv under same padding rounds up', conv({ stride: [2, 2] }), [[7, 5, 4]], [4, 3, 8]],
      ['a valid conv loses kernel - 1', conv({ kernel: [3, 2], padding: 'valid' }), [map], [6, 5, 8]],
      [
        'a dilated valid conv loses dilation (kernel - 1)',
        conv({ dilation: [2, 1], padding: 'valid' }),
        [map],
        [4, 4, 8],
      ],
      ['explicit padding adds its sides', conv({ padding: [1, 2, 3, 4] }), [map], [10, 10, 8]],
      [
        'a strided conv with explicit padding rounds down',
        conv({ stride: [2, 2], padding: [1, 1, 1, 1] }),
        [[8, 7, 4]],
        [4, 4, 8],
      ],
      ['a pool rounds up under same padding', pool({}), [[7, 6, 4]], [4, 3, 4]],
      ['a pool rounds down without padding', pool({ padding: 'valid' }), [[7, 6, 4]], [3, 3, 4]],
      [
        'a padded pool of ResNet halves 112',
        pool({ size: [3, 3], padding: [1, 1, 1, 1] }),
        [[112, 112, 64]],
        [56, 56, 64],
      ],
      ['a dense layer makes a vector', { kind: 'dense', out: 5, bias: true }, [[4]], [5]],
      ['a pad adds its sides, and cuts', { kind: 'pad', pads: [1, 2, 0, -3] }, [map], [9, 5, 4]],
      ['a global pool leaves channels', { kind: 'globalPool', fn: 'avg' }, [map], [4]],
      ['flatten keeps every value', { kind: 'flatten' }, [map], [192]],
      ['concat adds channels of maps', { kind: 'concat' }, [map, [8, 6, 3], map], [8, 6, 11]],
      ['concat adds lengths of vectors', { kind: 'concat' }, [[3], [4]], [7]],
      ['a gate multiplies a map', { kind: 'mul' }, [map, [4]], [8, 6, 4]],
      ['a slice takes its channels', { kind: 'slice', from: 1, to: 3 }, [map], [8, 6, 2]],
      ['a slice takes entries of a vector', { kind: 'slice', from: 0, to: 3 }, [[4]], [3]],
      ['maxout divides channels', { kind: 'maxout', pieces: 2 }, [map], [8, 6, 2]],
      [
        'upsample multiplies height and width',
        { kind: 'upsample', factor: 3, fn: 'nearest' },
        [map],
        [24, 18, 4],
      ],
    ];
  for (const [title, op, ins, out] of cases) {
    it(title, () => expect(shapeOf(op, ins)).to.deep.equal(out));
  }

  for (const op of [
    { kind: 'act', fn: 'relu' },
    { kind: 'norm', eps: 0, momentum: 1, scale: true, offset: true },
    { kind: 'shuffle', groups: 2 },
    { kind: 'permute', order: [3, 2, 1, 0] },
    { kind: 'dropout', rate: 0.5 },
    { kind: 'dropPath', rate: 0 },
    { kind: 'shift', kernel: 3 },
  ] as const satisfies readonly Op[]) {
    it(`${op.kind} keeps the shape`, () => expect(shapeOf(op, [map])).to.deep.equal(map));
  }

  it("'same' pads as TensorFlow does, more at the bottom and right", () => {
    const { pads } = slide([8, 8], { kernel: [3, 3], stride: [2, 2], dilation: [1, 1], padding: 'same' });
    expect(pads).to.deep.equal({ top: 0, left: 0, bottom: 1, right: 1 });
  });

  it("'same' equals the explicit padding that it stands for, for every window", () => {
    const n = fc.integer({ min: 1, max: 5 });
    const pair = fc.tuple(n, n);
    const size = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }));
    fc.assert(
      fc.property(size, pair, pair, pair, (at, kernel, stride, dilation) => {
        const same = slide(at, { kernel, stride, dilation, padding: 'same' });
        const { top, right, bottom, left } = same.pads;
        const explicit = slide(at, { kernel, stride, dilation, padding: [top, right, bottom, left] });
        expect(same.size).to.deep.equal([Math.ceil(at[0] / stride[0]), Math.ceil(at[1] / stride[1])]);
        // where the stride outruns the window, 'same' needs no padding, and the last window may stand beyond it
        if (stride.every((s, i) => s <= dilation[i]! * (kernel[i]! - 1) + 1))
          expect(explicit.size).to.deep.equal(same.size);
        expect(bottom - top).to.be.within(0, 1);
        expect(right - left).to.be.within(0, 1);
      }),
    );
  });

  it('of a graph are those of its flows, node by node', () => {
    const x = input(8, 6, 3).conv(4, { kernel: 3, stride: 2 }).globalPool();
    const g: Graph = {
      name: 'g',
      outputs: ['globalPool'],
      nodes: [
        { id: 'input', op: { kind: 'input', shape: [8, 6, 3] }, inputs: [] },
        { id: 'conv', op: conv({ out: 4, stride: [2, 2] }), inputs: ['input'] },
        { id: 'globalPool', op: { kind: 'globalPool', fn: 'avg' }, inputs: ['conv'] },
      ],
    };
    expect([...shapes(g)]).to.deep.equal([
      ['input', [8, 6, 3]],
      ['conv', [4, 3, 4]],
      ['globalPool', [4]],
    ]);
    expect(x.shape).to.deep.equal([4]);
  });

  it('of random graphs are whole and positive', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (g) => {
        for (const shape of shapes(g).values()) {
          expect([1, 3]).to.include(shape.length);
          for (const n of shape) expect(Number.isInteger(n) && n > 0).to.equal(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
