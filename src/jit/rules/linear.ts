/** @file Matrix products and convolutions: tf's own convs and Moonlet's use the same three nodes. */

import { MoonletError } from '../../errors.ts';
import {
  type ConvGeometry,
  convShape,
  groupedShape,
  padsAttr,
  pairAttr,
  resizeMatrix,
  stockConv,
} from '../../kernels/index.ts';
import { add1, map, matmul, reshape, splat } from '../build.ts';
import type { Op, Trace, Value } from '../ir.ts';
import { type Call, numberAttr, numbersAttr, type Rule, type Rules } from '../rule.ts';
import { activation } from './elementwise.ts';

const product = ({ trace, in: input, attrs }: Call): Value =>
  matmul(trace, input('a'), input('b'), attrs['transposeA'] === true, attrs['transposeB'] === true);

const biased = (call: Call, y: Value): Value => {
  const bias = call.maybe('bias');
  return activation(call, bias ? map(call.trace, 'Add', [y, bias]) : y);
};

const geometryOf = (call: Call): ConvGeometry => ({
  stride: pairAttr(call.attrs, 'stride'),
  dilation: pairAttr(call.attrs, 'dilation'),
  pads: padsAttr(call.attrs, 'pads'),
  groups: numberAttr(call, 'groups', 1),
});

/** The geometry of one of tf's own convs, from its attributes. */
function stockGeometry(
  { attrs }: Call,
  x: readonly number[],
  filter: readonly number[],
  depthwise: boolean,
): ConvGeometry {
  const dataFormat = attrs['dataFormat'] ?? 'NHWC';
  if (dataFormat !== 'NHWC')
    throw new MoonletError(`jit: a conv in ${String(dataFormat)} has no rule; use NHWC`);
  return stockConv(attrs, x, filter, depthwise);
}

function convNode(
  trace: Trace,
  kind: ConvKind,
  inputs: readonly Value[],
  geometry: ConvGeometry,
  shape: readonly number[],
): Value {
  const op: Op = { kind, geometry };
  return add1(trace, op, inputs, { shape, dtype: 'float32' });
}
type ConvKind = 'conv' | 'convInputGrad' | 'convFilterGrad';

function conv(trace: Trace, x: Value, kernel: Value, geometry: ConvGeometry): Value {
  return convNode(trace, 'conv', [x, kernel], geometry, convShape(x.shape, kernel.shape, geometry));
}

const convRule =
  (depthwise: boolean): Rule =>
  (call) => {
    const [x, filter] = [call.in('x'), call.in('filter')];
    const geometry = stockGeometry(call, x.shape, filter.shape, depthwise);
    const kernel = depthwise ? reshape(call.trace, filter, groupedShape(filter.shape)) : filter;
    return biased(call, conv(call.trace, x, kernel, geometry));
  };

const stockInputGrad =
  (depthwise: boolean): Rule =>
  (call) => {
    const [dy, filter] = [call.in('dy'), call.in('filter')];
    const inputShape = numbersAttr(call, 'inputShape');
    const geometry = stockGeometry(call, inputShape, filter.shape, depthwise);
    const kernel = depthwise ? reshape(call.trace, filter, groupedShape(filter.shape)) : filter;
    return convNode(call.trace, 'convInputGrad', [dy, kernel], geometry, inputShape);
  };

const stockFilterGrad =
  (depthwise: boolean): Rule =>
  (call) => {
    const [x, dy] = [call.in('x'), call.in('dy')];
    const filterShape = numbersAttr(call, 'filterShape');
    const geometry = stockGeometry(call, x.shape, filterShape, depthwise);
    const shape = depthwise ? groupedShape(filterShape) : filterShape;
    return reshape(call.trace, convNode(call.trace, 'convFilterGrad', [x, dy], geometry, shape), filterShape);
  };

/** Resizing is linear and separable: y = H x W^T per channel. */
const resized =
  (nearest: boolean): Rule =>
  (call) => {
    const { trace, attrs } = call;
    const x = call.in('images');
    const [b = 1, h = 1, w = 1, c = 1] = x.shape;
    const [toH = 1, toW = 1] = numbersAttr(call, 'size');
    const options = {
      nearest,
      alignCorners: attrs['alignCorners'] === true,
      halfPixelCenters: attrs['halfPixelCenters'] === true,
    };
    const matrix = (from: number, to: number): Value =>
      add1(trace, { kind: 'constant', data: resizeMatrix(from, to, options) }, [], {
        shape: [to, from],
        dtype: 'float32',
      });
    const tall = matmul(trace, matrix(h, toH), reshape(trace, x, [b, h, w * c]));
    const wide = matmul(trace, matrix(w, toW), reshape(trace, tall, [b * toH, w, c]));
    return reshape(trace, wide, [b, toH, toW, c]);
  };

const inferenceNorm: Rule = (call) => {
  const { trace } = call;
  const input = call.in;
  const eps = splat(trace, numberAttr(call, 'varianceEpsilon', 0.001));
  const deviation = map(trace, 'Sqrt', [map(trace, 'Add', [input('variance'), eps])]);
  const scale = map(trace, 'Div', [call.maybe('scale') ?? splat(trace, 1), deviation]);
  const y = map(trace, 'Mul', [map(trace, 'Sub', [input('x'), input('mean')]), scale]);
  const offset = call.maybe('offset');
  return offset ? map(trace, 'Add', [y, offset]) : y;
};

export const linear: Rules = {
  BatchMatMul: product,
  _FusedMatMul: (call) => biased(call, product(call)),
  Conv2D: convRule(false),
  FusedConv2D: convRule(false),
  Conv2DBackpropInput: stockInputGrad(false),
  Conv2DBackpropFilter: stockFilterGrad(false),
  DepthwiseConv2dNative: convRule(true),
  FusedDepthwiseConv2D: convRule(true),
  DepthwiseConv2dNativeBackpropInput: stockInputGrad(true),
  DepthwiseConv2dNativeBackpropFilter: stockFilterGrad(true),
  MoonletConv: (call) => conv(call.trace, call.in('x'), call.in('kernel'), geometryOf(call)),
  MoonletConvInputGrad: (call) =>
    convNode(
      call.trace,
      'convInputGrad',
      [call.in('dy'), call.in('kernel')],
      geometryOf(call),
      numbersAttr(call, 'inputShape'),
    ),
  MoonletConvFilterGrad: (call) =>
    convNode(
      call.trace,
      'convFilterGrad',
      [call.in('x'), call.in('dy')],
      geometryOf(call),
      numbersAttr(call, 'kernelShape'),
    ),
  ResizeBilinear: resized(false),
  ResizeNearestNeighbor: resized(true),
  FusedBatchNorm: inferenceNorm,
};
