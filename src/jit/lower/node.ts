/** @file Lowers one node of the graph: maps each kind of op to its lowering. */

import type { Node, Value } from '../ir.ts';
import { nth } from '../types.ts';
import {
  lowerChannelScale,
  lowerConcat,
  lowerMap,
  lowerMatmul,
  lowerOnnx,
  lowerPad,
  lowerReduce,
  lowerReshape,
  lowerSlice,
  lowerTranspose,
} from './any-layout.ts';
import type { NormGrad, NormValues } from './blocked-norm.ts';
import { lowerConv } from './conv.ts';
import type { Emitter } from './emitter.ts';
import { lowerFilterGrad } from './filter-grad.ts';
import { lowerInputGrad } from './input-grad.ts';
import { lowerNorm, lowerNormGrad } from './norm.ts';
import { lowerConvPhase, lowerInterleave } from './phases.ts';
import { lowerAvgPool, lowerAvgPoolGrad, lowerMaxPool, lowerMaxPoolGrad } from './pool.ts';

export function lowerNode(e: Emitter, node: Node): void {
  const { op, inputs, outputs } = node;
  const x = (index: number): Value => nth(inputs, index);
  const y = (index: number): Value => nth(outputs, index);
  switch (op.kind) {
    case 'input':
    case 'constant':
      return;
    case 'map':
      return lowerMap(e, op, inputs, y(0));
    case 'reduce':
      return lowerReduce(e, op, x(0), y(0));
    case 'expand':
      return e.put(y(0), e.emit1('Expand', [e.get(x(0)), e.longs(y(0).shape)]));
    case 'reshape':
      return lowerReshape(e, x(0), y(0));
    case 'transpose':
      return lowerTranspose(e, op.perm, x(0), y(0));
    case 'concat':
      return lowerConcat(e, op.axis, inputs, y(0));
    case 'pad':
      return lowerPad(e, op, x(0), y(0));
    case 'slice':
      return lowerSlice(e, op, x(0), y(0));
    case 'matmul':
      return lowerMatmul(e, op, x(0), x(1), y(0));
    case 'channelScale':
      return lowerChannelScale(e, x(0), x(1), y(0));
    case 'onnx':
      return lowerOnnx(e, op, inputs, outputs);
    case 'conv':
    case 'centredConv':
      return lowerConv(e, op.geometry, x(0), x(1), y(0), outputs[1]);
    case 'convInputGrad':
      return lowerInputGrad(e, op.geometry, x(0), x(1), y(0));
    case 'convFilterGrad':
      return lowerFilterGrad(e, op.geometry, x(0), x(1), y(0));
    case 'convPhase':
      return lowerConvPhase(e, op, [x(0), x(1), inputs[2]], y(0));
    case 'interleave':
      return lowerInterleave(e, op, inputs, y(0));
    case 'norm':
      return lowerNorm(e, op.eps, normValues(node));
    case 'normGrad':
      return lowerNormGrad(e, op.eps, normGradValues(node));
    case 'maxPool':
      return lowerMaxPool(e, op.geometry, x(0), y(0));
    case 'maxPoolGrad':
      return lowerMaxPoolGrad(e, op.geometry, x(0), x(1), y(0));
    case 'avgPool':
      return lowerAvgPool(e, op.geometry, x(0), y(0));
    case 'avgPoolGrad':
      return lowerAvgPoolGrad(e, op.geometry, x(0), y(0));
  }
}

const normValues = ({ inputs, outputs }: Node): NormValues => ({
  x: nth(inputs, 0),
  gamma: nth(inputs, 1),
  beta: nth(inputs, 2),
  missing: inputs[3],
  y: nth(outputs, 0),
  mean: nth(outputs, 1),
  variance: nth(outputs, 2),
});

const normGradValues = ({ inputs, outputs }: Node): NormGrad => ({
  dy: nth(inputs, 0),
  x: nth(inputs, 1),
  gamma: nth(inputs, 2),
  mean: nth(inputs, 3),
  variance: nth(inputs, 4),
  missing: inputs[5],
  dx: nth(outputs, 0),
  dgamma: nth(outputs, 1),
  dbeta: nth(outputs, 2),
  factor: outputs[3],
});
