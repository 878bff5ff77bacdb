/** @file Norms over channels in every form that exporters write, transposed convs, pixel shuffles and resizing, against onnxruntime. */
import { expect } from 'chai';
import { MoonletError } from '../../../src/errors.ts';
import { fromOnnx } from '../../../src/import/index.ts';
import { float, int, ints, type OnnxNode, type OnnxTensor, string } from '../../../src/onnx/index.ts';
import { modelOf, op, real, whole } from '../../support/onnx-build.ts';
import { type Case, one, testCases } from '../../support/onnx-models.ts';

const vectors = [real('g', [4]), real('b', [4])];
const perChannel = [real('g', [4, 1, 1]), real('b', [4, 1, 1])];
const eps = (value: number): OnnxTensor => real('e', [], [value]);
const two = real('two', [], [2]);
/** Over an axis of the value, as opset 12 to 17 write it. */
const decomposed = (square: OnnxNode): readonly OnnxNode[] => [
  op('ReduceMean', ['x'], 'm', { axes: ints([1]) }),
  op('Sub', ['x', 'm'], 'd'),
  square,
  op('ReduceMean', ['s'], 'v', { axes: ints([1]) }),
  op('Add', ['v', 'e'], 'w'),
  op('Sqrt', ['w'], 'r'),
  op('Div', ['d', 'r'], 'n'),
];
const norms: readonly Case[] = [
  one(
    'LayerNormalization between transposes',
    [
      op('Transpose', ['x'], 't', { perm: ints([0, 2, 3, 1]) }),
      op('LayerNormalization', ['t', 'g', 'b'], 'n', { axis: int(-1), epsilon: float(1e-6) }),
      op('Transpose', ['n'], 'y', { perm: ints([0, 3, 1, 2]) }),
    ],
    vectors,
    'layerNorm',
  ),
  one(
    'LayerNormalization without an offset, of a pooled vector',
    [
      op('GlobalAveragePool', ['x'], 'p'),
      op('Flatten', ['p'], 'f'),
      op('LayerNormalization', ['f', 'g'], 'y', { axis: int(1) }),
    ],
    vectors,
    'globalPool avg, layerNorm',
  ),
  one(
    'an instance norm of groups, then scale and offset, as PyTorch writes a group norm',
    [
      op('Reshape', ['x', 'apart'], 'r'),
      op('InstanceNormalization', ['r', 'ones', 'zeros'], 'i', { epsilon: float(1e-5) }),
      op('Reshape', ['i', 'back'], 'n'),
      op('Mul', ['n', 'g'], 'p'),
      op('Add', ['p', 'b'], 'y'),
    ],
    [
      ...perChannel,
      real('ones', [2], [1, 1]),
      real('zeros', [2], [0, 0]),
      whole('apart', [0, 2, -1]),
      whole('back', [0, 4, 7, 6]),
    ],
    'groupNorm',
  ),
  one(
    'an instance norm of each channel',
    [op('InstanceNormalization', ['x', 'g', 'b'], 'y', { epsilon: float(1e-3) })],
    vectors,
    'groupNorm',
  ),
  one(
    'GroupNormalization with a scale for each channel',
    [op('GroupNormalization', ['x', 'g', 'b'], 'y', { num_groups: int(2) })],
    vectors,
    'groupNorm',
    21,
  ),
  one(
    'a layer norm in parts, with its weights',
    [...decomposed(op('Pow', ['d', 'two'], 's')), op('Mul', ['g', 'n'], 'p'), op('Add', ['p', 'b'], 'y')],
    [...perChannel, eps(1e-6), two],
    'layerNorm',
    17,
  ),
  one(
    'a layer norm in parts, of a product with itself and a small eps',
    [...decomposed(op('Mul', ['d', 'd'], 's')), op('Relu', ['n'], 'y')],
    [eps(1e-12)],
    'layerNorm, act relu',
    17,
  ),
  one(
    'a global response norm, as timm writes it',
    [
      op('ReduceL2', ['x'], 'l', { axes: ints([2, 3]) }),
      op('ReduceMean', ['l'], 'm', { axes: ints([1]) }),
      op('Add', ['m', 'e'], 'w'),
      op('Div', ['l', 'w'], 'n'),
      op('Mul', ['x', 'n'], 'p'),
      op('Mul', ['g', 'p'], 'q'),
      op('Add', ['b', 'q'], 'r'),
      op('Add', ['x', 'r'], 'y'),
    ],
    [...perChannel, eps(1e-6)],
    'responseNorm',
    17,
  ),
  one(
    'a global response norm, as we write it',
    [
      op('Mul', ['x', 'x'], 's'),
      op('GlobalAveragePool', ['s'], 'a'),
      op('Mul', ['a', 'places'], 't'),
      op('Sqrt', ['t'], 'l'),
      op('ReduceMean', ['l'], 'm', { axes: ints([1]) }),
      op('Add', ['m', 'e'], 'w'),
      op('Div', ['l', 'w'], 'n'),
      op('Mul', ['n', 'g'], 'q'),
      op('Add', ['q', 'one'], 'r'),
      op('Mul', ['x', 'r'], 'p'),
      op('Add', ['p', 'b'], 'y'),
    ],
    [...perChannel, eps(1e-6), real('one', [], [1]), real('places', [], [42])],
    'responseNorm',
    17,
  ),
];

const transposed = (
  name: string,
  kernel: OnnxTensor,
  attributes: OnnxNode['attributes'],
  as?: string,
): Case =>
  one(
    `ConvTranspose ${name}`,
    [
      op('ConvTranspose', ['x', 'k'], 'y', {
        kernel_shape: ints(kernel.shape.slice(2).map(Number)),
        ...attributes,
      }),
    ],
    [kernel],
    as ?? 'convTranspose',
  );
const strides = ints([2, 2]);
const resized = (
  name: string,
  sizes: readonly number[],
  attributes: OnnxNode['attributes'],
  as = 'resize bilinear',
): Case =>
  one(
    `Resize ${name}`,
    [op('Resize', ['x', '', '', 'z'], 'y', { axes: ints([2, 3]), ...attributes })],
    [whole('z', sizes)],
    as,
  );
const linear = string('linear');
const others: readonly Case[] = [
  transposed('without attributes', real('k', [4, 3, 3, 3]), {}),
  transposed('of stride 2 with padding on each side', real('k', [4, 3, 3, 2]), {
    strides,
    pads: ints([1, 0, 0, 1]),
    output_padding: ints([1, 1]),
  }),
  transposed('SAME_UPPER', real('k', [4, 3, 3, 3]), { strides, auto_pad: string('SAME_UPPER') }),
  transposed('with an output shape', real('k', [4, 3, 4, 4]), { strides, output_shape: ints([9, 12]) }),
  transposed('in groups, dilated', real('k', [4, 3, 2, 2]), { group: int(2), dilations: ints([2, 1]) }),
  transposed('depthwise', real('k', [4, 1, 4, 4]), { group: int(4), strides, pads: ints([1, 1, 1, 1]) }),
  one(
    'DepthToSpace CRD',
    [op('DepthToSpace', ['x'], 'y', { blocksize: int(2), mode: string('CRD') })],
    [],
    'pixelShuffle',
  ),
  one(
    'DepthToSpace DCR',
    [op('Conv', ['x', 'w'], 'a'), op('DepthToSpace', ['a'], 'y', { blocksize: int(2) })],
    [real('w', [8, 4, 1, 1])],
    'conv, permute, pixelShuffle',
  ),
  resized('linear by half-pixels', [9, 5], { mode: linear }),
  resized('linear by corners', [9, 5], {
    mode: linear,
    coordinate_transformation_mode: string('align_corners'),
  }),
  resized('linear by edges', [3, 11], { mode: linear, coordinate_transformation_mode: string('asymmetric') }),
  resized(
    'to the nearest below',
    [9, 5],
    {
      coordinate_transformation_mode: string('asymmetric'),
      nearest_mode: string('floor'),
    },
    'resize nearest',
  ),
  resized('to the nearest', [9, 5], { nearest_mode: string('round_prefer_ceil') }, 'resize nearest'),
  one(
    'Resize by factors that are not equal',
    [op('Resize', ['x', '', 'f'], 'y', { mode: linear })],
    [real('f', [4], [1, 1, 2, 3])],
    'resize bilinear',
  ),
];
testCases({ 'norms over channels': norms, 'transposed convs, pixel shuffles and resizing': others });

describe('norms and resizing without a counterpart', () => {
  const refused = (nodes: readonly OnnxNode[], constants: readonly OnnxTensor[], message: string): void => {
    expect(() => fromOnnx(modelOf(['n', 4, 6, 7], nodes, constants, 17))).to.throw(MoonletError, message);
  };
  it('are refused with the reason', () => {
    refused(
      [op('LayerNormalization', ['x', 'g'], 'y')],
      [real('g', [7])],
      '(LayerNormalization): normalizes axes that are not those of all channels alone',
    );
    refused([op('Sqrt', ['x'], 'y')], [], '(Sqrt): outside of a layer norm it has no counterpart');
    refused(
      [op('ReduceL2', ['x'], 'y', { axes: ints([2, 3]) })],
      [],
      '(ReduceL2): outside of a global response norm, or an attention over channels, it has no counterpart',
    );
    refused([op('ReduceL2', ['x'], 'y', { axes: ints([1]) })], [], 'only the norm of whole maps is read');
    refused(
      [op('Relu', ['x'], 'r'), op('Div', ['x', 'r'], 'y')],
      [],
      '(Div): divides by a value of the net, which has no counterpart',
    );
    const resize = (attributes: OnnxNode['attributes']): readonly OnnxNode[] => [
      op('Resize', ['x', '', '', 'z'], 'y', { axes: ints([2, 3]), ...attributes }),
    ];
    const sizes = [whole('z', [3, 5])];
    refused(resize({ mode: string('cubic') }), sizes, 'mode cubic, half_pixel has no counterpart');
    refused(resize({ mode: linear, antialias: int(1) }), sizes, 'mode linear, half_pixel has no counterpart');
    refused(resize({}), sizes, 'mode nearest, half_pixel, round_prefer_floor has no counterpart');
    refused(
      [op('Resize', ['x', '', 'f'], 'y', { mode: linear })],
      [real('f', [4], [1, 1, 1.3, 1])],
      'resizes 6 by 1.2999999523162842, which is no whole number; export it with sizes',
    );
    refused(
      [op('DepthToSpace', ['x'], 'y', { blocksize: int(3) })],
      [],
      '4 channels do not divide into squares of 3x3 places',
    );
  });
});
