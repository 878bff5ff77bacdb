/** @file Pools and batch norm. */

import {
  type AvgPoolAttrs,
  type PoolGeometry,
  padsAttr,
  pairAttr,
  poolShape,
  stockPool,
} from '../../kernels/index.ts';
import { add, add1 } from '../build.ts';
import type { Value } from '../ir.ts';
import { type Call, numberAttr, numbersAttr, type Rule, type Rules } from '../rule.ts';

const poolOf = ({ attrs }: Call): PoolGeometry => ({
  size: pairAttr(attrs, 'size'),
  stride: pairAttr(attrs, 'stride'),
  pads: padsAttr(attrs, 'pads'),
});

const avgOf = (call: Call): AvgPoolAttrs => ({
  ...poolOf(call),
  countPadding: call.attrs['countPadding'] === true,
});

function maxPool(call: Call, geometry: PoolGeometry): Value {
  const x = call.in('x');
  return add1(call.trace, { kind: 'maxPool', geometry }, [x], {
    shape: poolShape(x.shape, geometry),
    dtype: x.dtype,
  });
}

function maxPoolGrad(call: Call, x: Value, geometry: PoolGeometry): Value {
  return add1(call.trace, { kind: 'maxPoolGrad', geometry }, [call.in('dy'), x], x);
}

function avgPool(call: Call, geometry: AvgPoolAttrs): Value {
  const x = call.in('x');
  return add1(call.trace, { kind: 'avgPool', geometry }, [x], {
    shape: poolShape(x.shape, geometry),
    dtype: x.dtype,
  });
}

function avgPoolGrad(call: Call, shape: readonly number[], geometry: AvgPoolAttrs): Value {
  return add1(call.trace, { kind: 'avgPoolGrad', geometry }, [call.in('dy')], { shape, dtype: 'float32' });
}

const stockAvg = (call: Call, x: Value): AvgPoolAttrs => ({
  ...stockPool(call.attrs, x.shape),
  countPadding: false,
});

const norm: Rule = (call) => {
  const { trace } = call;
  const x = call.in('x');
  const channels = { shape: [x.shape.at(-1) ?? 1], dtype: 'float32' } as const;
  const inputs = [x, call.in('gamma'), call.in('beta')];
  return add(trace, { kind: 'norm', eps: numberAttr(call, 'eps') }, inputs, [x, channels, channels]);
};

const normGrad: Rule = (call) => {
  const { trace } = call;
  const x = call.in('x');
  const channels = { shape: [x.shape.at(-1) ?? 1], dtype: 'float32' } as const;
  const inputs = ['dy', 'x', 'gamma', 'mean', 'variance'].map(call.in);
  return add(trace, { kind: 'normGrad', eps: numberAttr(call, 'eps') }, inputs, [x, channels, channels]);
};

export const windows: Rules = {
  MaxPool: (call) => maxPool(call, stockPool(call.attrs, call.in('x').shape)),
  AvgPool: (call) => avgPool(call, stockAvg(call, call.in('x'))),
  MoonletMaxPool: (call) => maxPool(call, poolOf(call)),
  MoonletMaxPoolGrad: (call) => maxPoolGrad(call, call.in('x'), poolOf(call)),
  MoonletAvgPool: (call) => avgPool(call, avgOf(call)),
  MoonletAvgPoolGrad: (call) => avgPoolGrad(call, numbersAttr(call, 'inputShape'), avgOf(call)),
  MoonletBatchNorm: norm,
  MoonletBatchNormGrad: normGrad,
};
