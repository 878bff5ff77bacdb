/** @file Every shape error, whole. */
import { expect } from 'chai';
import { type Graph, type Op, type Shape, ShapeError, shapeOf, shapes } from '../../src/graph/index.ts';
import { messageOf } from '../support/errors.ts';
import { conv, pool } from '../support/ops.ts';

const map: Shape = [8, 6, 4];

describe('a shape error says the op, what it got, the reason and the remedy', () => {
  const cases: readonly (readonly [op: Op, ins: readonly Shape[], message: string])[] = [
    [
      conv({ groups: 3 }),
      [map],
      'conv([8, 6, 4]): 4 -> 8 channels do not divide into 3 groups; choose a divisor of both',
    ],
    [conv({}), [[4]], 'conv([4]): expects a feature map [h, w, c]; put it before globalPool() or flatten()'],
    [conv({ out: 0 }), [map], 'conv([8, 6, 4]): out must be a whole number from 1 up, got 0'],
    [conv({ groups: 1.5 }), [map], 'conv([8, 6, 4]): groups must be a whole number from 1 up, got 1.5'],
    [conv({ kernel: [3, 0] }), [map], 'conv([8, 6, 4]): kernel must be a whole number from 1 up, got 0'],
    [conv({ stride: [-1, 1] }), [map], 'conv([8, 6, 4]): stride must be a whole number from 1 up, got -1'],
    [
      conv({ dilation: [1, 0.5] }),
      [map],
      'conv([8, 6, 4]): dilation must be a whole number from 1 up, got 0.5',
    ],
    [
      conv({ padding: [0, -1, 0, 0] }),
      [map],
      'conv([8, 6, 4]): padding must be a whole number from 0 up, got -1',
    ],
    [
      conv({ kernel: [9, 9], padding: 'valid' }),
      [map],
      "conv([8, 6, 4]): the 9x9 window does not fit; use a larger input, a smaller kernel or 'same' padding",
    ],
    [
      pool({ size: [9, 1], padding: 'valid' }),
      [map],
      "pool([8, 6, 4]): the 9x1 window does not fit; use a larger input, a smaller kernel or 'same' padding",
    ],
    [
      pool({ padding: [0, 2, 0, 0] }),
      [map],
      'pool([8, 6, 4]): padding [0, 2, 0, 0] must be smaller than the 2x2 window',
    ],
    [conv({}), [map, map], 'conv([8, 6, 4], [8, 6, 4]): expects one input, got 2'],
    [
      { kind: 'dense', out: 3, bias: true },
      [map],
      'dense([8, 6, 4]): expects a vector [c]; add globalPool() or flatten() first',
    ],
    [
      { kind: 'dense', out: -3, bias: true },
      [[4]],
      'dense([4]): out must be a whole number from 1 up, got -3',
    ],
    [{ kind: 'input', shape: [8, 0, 3] }, [], 'input(): size must be a whole number from 1 up, got 0'],
    [
      { kind: 'input', shape: [8, 8] as unknown as Shape },
      [],
      'input(): expects a map [h, w, c] or a vector [c], got [8, 8]',
    ],
    [{ kind: 'add' }, [map], 'add([8, 6, 4]): expects two inputs or more, got 1'],
    [
      { kind: 'add' },
      [map, [4, 3, 4]],
      'add([8, 6, 4], [4, 3, 4]): expects equal shapes; match them with a 1x1 conv (and its stride)',
    ],
    [
      { kind: 'mul' },
      [map, [3]],
      'mul([8, 6, 4], [3]): expects equal shapes, or a map and a gate [c] of as many channels',
    ],
    [
      { kind: 'mul' },
      [[4], map],
      'mul([4], [8, 6, 4]): expects equal shapes, or a map and a gate [c] of as many channels',
    ],
    [
      { kind: 'concat' },
      [map, [4, 6, 4]],
      'concat([8, 6, 4], [4, 6, 4]): expects maps of one height and width, or vectors; pool or upsample the others first',
    ],
    [
      { kind: 'concat' },
      [map, [4]],
      'concat([8, 6, 4], [4]): expects maps of one height and width, or vectors; pool or upsample the others first',
    ],
    [{ kind: 'slice', from: 2, to: 5 }, [map], 'slice([8, 6, 4]): channels 2 to 5 do not lie within 0 to 4'],
    [{ kind: 'slice', from: 2, to: 2 }, [map], 'slice([8, 6, 4]): channels 2 to 2 do not lie within 0 to 4'],
    [
      { kind: 'slice', from: -1, to: 2 },
      [map],
      'slice([8, 6, 4]): from must be a whole number from 0 up, got -1',
    ],
    [
      { kind: 'slice', from: 0, to: 1.5 },
      [map],
      'slice([8, 6, 4]): to must be a whole number from 1 up, got 1.5',
    ],
    [{ kind: 'shuffle', groups: 3 }, [map], 'shuffle([8, 6, 4]): 4 channels do not divide into 3 groups'],
    [
      { kind: 'shuffle', groups: 0 },
      [map],
      'shuffle([8, 6, 4]): groups must be a whole number from 1 up, got 0',
    ],
    [
      { kind: 'permute', order: [0, 1, 2] },
      [map],
      'permute([8, 6, 4]): the order must name each of the 4 channels once',
    ],
    [
      { kind: 'permute', order: [0, 1, 2, 2] },
      [map],
      'permute([8, 6, 4]): the order must name each of the 4 channels once',
    ],
    [
      { kind: 'permute', order: [0, 1, 2, 4] },
      [map],
      'permute([8, 6, 4]): the order must name each of the 4 channels once',
    ],
    [
      { kind: 'maxout', pieces: 3 },
      [map],
      'maxout([8, 6, 4]): 4 channels do not divide into units of 3 pieces',
    ],
    [
      { kind: 'maxout', pieces: 0 },
      [map],
      'maxout([8, 6, 4]): pieces must be a whole number from 1 up, got 0',
    ],
    [{ kind: 'shift', kernel: 2 }, [map], 'shift([8, 6, 4]): the kernel must be odd, got 2'],
    [{ kind: 'shift', kernel: 0 }, [map], 'shift([8, 6, 4]): kernel must be a whole number from 1 up, got 0'],
    [
      { kind: 'upsample', factor: 0.5, fn: 'nearest' },
      [map],
      'upsample([8, 6, 4]): factor must be a whole number from 1 up, got 0.5',
    ],
    [
      { kind: 'flatten' },
      [[4]],
      'flatten([4]): expects a feature map [h, w, c]; put it before globalPool() or flatten()',
    ],
    [
      { kind: 'dropout', rate: 1 },
      [map],
      'dropout([8, 6, 4]): rate must be a number from 0 up and below 1, got 1',
    ],
    [
      { kind: 'dropPath', rate: -0.1 },
      [map],
      'dropPath([8, 6, 4]): rate must be a number from 0 up and below 1, got -0.1',
    ],
    [
      { kind: 'norm', eps: -1, momentum: 0.9, scale: true, offset: true },
      [map],
      'norm([8, 6, 4]): eps must be 0 or more, got -1',
    ],
    [
      { kind: 'norm', eps: 0, momentum: Number.NaN, scale: true, offset: true },
      [map],
      'norm([8, 6, 4]): momentum must lie within 0 and 1, got NaN',
    ],
  ];
  for (const [op, ins, message] of cases) {
    it(message, () => expect(messageOf(() => shapeOf(op, ins), ShapeError)).to.equal(message));
  }

  it('and, in a graph, the path of the node, once', () => {
    const g: Graph = {
      name: 'g',
      outputs: ['a/b/dense'],
      nodes: [
        { id: 'input', op: { kind: 'input', shape: [2, 2, 3] }, inputs: [] },
        { id: 'a/b/dense', op: { kind: 'dense', out: 1, bias: true }, inputs: ['input'] },
      ],
    };
    const said = 'a/b/dense([2, 2, 3]): expects a vector [c]; add globalPool() or flatten() first';
    expect(messageOf(() => shapes(g), ShapeError)).to.equal(said);
    try {
      shapes(g);
    } catch (e) {
      const error = e as ShapeError;
      expect(error.at('elsewhere')).to.equal(error);
      expect([error.path, error.op.kind, error.ins]).to.deep.equal(['a/b/dense', 'dense', [[2, 2, 3]]]);
      expect(error.reason).to.equal('expects a vector [c]; add globalPool() or flatten() first');
    }
  });
});
