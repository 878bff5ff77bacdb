/** @file The ops that a tf layer stands for: a table from class names to readers of their configs. */
import type * as tfl from '@tensorflow/tfjs-layers';
import { MoonletError } from '../../errors.ts';
import {
  type Activation,
  activations,
  type Conv,
  type Op,
  type Padding,
  type Pair,
  type Shape,
} from '../../graph/index.ts';
import { float, type Weight } from '../../weights/index.ts';
import { isOpLayer } from './layer.ts';

type Config = Readonly<Record<string, unknown>>;
export interface Ops {
  readonly ops: readonly Op[];
  /** Weights that stand in the layer's configuration, op after op and slot after slot; its own by default. */
  readonly values?: readonly Weight[];
}
export type Reading = 'input' | { readonly zeros: readonly [Pair, Pair] } | Ops;

/**
 * What a layer is in our words. `pad` are the zeros that a ZeroPadding2D before it added, `shapes` those of the values
 * that it reads with us: a map of one place [1, 1, c], which Keras makes of a pooled one, is a vector [c] here.
 * `positive` says that no value padded is below 0: then zeros change no maximum, as the padding of our max pools.
 * @throws MoonletError that names the layer and what about it has no counterpart.
 */
export function layerOps(
  layer: tfl.layers.Layer,
  pad: readonly [Pair, Pair] | undefined,
  shapes: readonly Shape[],
  positive = false,
): Reading {
  const config: Config = layer.getConfig();
  const kind = layer.getClassName();
  const fail = (reason: string): never => {
    throw new MoonletError(`${layer.name}: ${kind} ${reason}`);
  };
  const is = (key: string, ...usual: unknown[]): void => {
    const given = config[key] ?? null;
    // Keras 2 writes the axis of a norm as a list
    const value: unknown = key === 'axis' && Array.isArray(given) && given.length === 1 ? given[0] : given;
    if (!usual.includes(value))
      fail(
        `with ${key} ${JSON.stringify(value)} has no counterpart; expected ${usual.map((u) => u ?? 'none').join(' or ')}`,
      );
  };
  if (isOpLayer(layer)) return { ops: [layer.op] };
  const pads = kind === 'Conv2D' || kind === 'DepthwiseConv2D' || (kind === 'MaxPooling2D' && positive);
  if (pad && !pads) fail('after ZeroPadding2D has no counterpart; pad before a conv');
  is('dataFormat', null, 'channelsLast');
  const vector = shapes[0]?.length === 1;
  const act = (): Op[] => activation(config['activation'], fail);
  const inShape = (layer.inboundNodes[0]?.inputShapes[0] ?? []) as readonly (number | null)[];
  const channels = (): number => inShape.at(-1) as number;
  // of the depthwise kernel [kh, kw, c, m]: a separable conv's config does not say it
  const multiplier = (): number => layer.weights[0]?.shape[3] as number;
  const conv = (out: number, groups: number): Conv => ({
    kind: 'conv',
    out,
    kernel: pair(config['kernelSize']),
    stride: pair(config['strides']),
    dilation: pair(config['dilationRate'] ?? 1),
    groups,
    padding: pad ? around(pad, config['padding'], fail) : (config['padding'] as Padding),
    bias: config['useBias'] as boolean,
  });
  const pool = (fn: 'max' | 'avg'): Ops => {
    const size = pair(config['poolSize']);
    return {
      ops: [
        {
          kind: 'pool',
          fn,
          size,
          stride: pair(config['strides'] ?? size),
          padding: pad ? around(pad, config['padding'], fail) : (config['padding'] as Padding),
        },
      ],
    };
  };
  const readers: Readonly<Record<string, () => Reading>> = {
    InputLayer: () => 'input',
    ZeroPadding2D: () => ({ zeros: config['padding'] as [Pair, Pair] }),
    Conv2D: () => {
      const op = conv(config['filters'] as number, 1);
      if (!vector) return { ops: [op, ...act()] };
      if (pad || op.kernel.some((n) => n > 1))
        fail('over a map of one place has no counterpart but with a 1x1 kernel');
      return { ops: [{ kind: 'dense', out: op.out, bias: op.bias }, ...act()] };
    },
    DepthwiseConv2D: () => {
      if (vector) fail('over a map of one place has no counterpart; flatten it');
      const op = conv(channels() * multiplier(), channels());
      if (op.dilation.some((d) => d > 1))
        fail(
          `with dilationRate [${op.dilation.join(', ')}] has no counterpart; tf.layers itself computes it undilated`,
        );
      return { ops: [op, ...act()] };
    },
    SeparableConv2D: () => {
      const filter = conv(channels() * multiplier(), channels());
      const one: Pair = [1, 1];
      const out = config['filters'] as number;
      const mix: Conv = {
        ...filter,
        out,
        kernel: one,
        stride: one,
        dilation: one,
        groups: 1,
        padding: 'same',
      };
      return { ops: [{ ...filter, bias: false }, mix, ...act()] };
    },
    Dense: () => {
      if (inShape.length !== 2) fail('over a map has no counterpart; use a 1x1 conv');
      return {
        ops: [
          { kind: 'dense', out: config['units'] as number, bias: config['useBias'] as boolean },
          ...act(),
        ],
      };
    },
    BatchNormalization: () => {
      is('axis', -1, inShape.length === 4 ? 3 : 1);
      const [eps, momentum] = [config['epsilon'] as number, config['momentum'] as number];
      return {
        ops: [
          {
            kind: 'norm',
            eps,
            momentum,
            scale: config['scale'] as boolean,
            offset: config['center'] as boolean,
          },
        ],
      };
    },
    Activation: () => ({ ops: act() }),
    Softmax: () => {
      is('axis', null, -1, inShape.length - 1);
      return { ops: [{ kind: 'act', fn: 'softmax' }] };
    },
    ReLU: () => {
      is('maxValue', null, 6);
      return { ops: [{ kind: 'act', fn: config['maxValue'] ? 'relu6' : 'relu' }] };
    },
    MaxPooling2D: () => pool('max'),
    AveragePooling2D: () => pool('avg'),
    GlobalAveragePooling2D: () => ({ ops: vector ? [] : [{ kind: 'globalPool', fn: 'avg' }] }),
    GlobalMaxPooling2D: () => ({ ops: vector ? [] : [{ kind: 'globalPool', fn: 'max' }] }),
    Add: () => ({ ops: [{ kind: 'add' }] }),
    Multiply: () => ({ ops: [{ kind: 'mul' }] }),
    Concatenate: () => {
      is('axis', -1, inShape.length === 4 ? 3 : 1);
      return { ops: [{ kind: 'concat' }] };
    },
    Flatten: () => ({ ops: vector ? [] : [{ kind: 'flatten' }] }),
    Reshape: () => {
      const [from, to] = [shapes[0] ?? [], [layer.outputShape].flat(2).slice(1)];
      const [size, ...places] = [...to].reverse();
      if (places.every((n) => n === 1) && size === from.reduce((n, d) => n * d, 1))
        return { ops: vector ? [] : [{ kind: 'flatten' }] };
      return fail(`of [${from.join(', ')}] to [${to.join(', ')}] has no counterpart; only to a vector`);
    },
    Rescaling: () => {
      if (vector) fail('of a vector has no counterpart');
      const each = (value: unknown): Float32Array =>
        Float32Array.from({ length: channels() }, (_, i) => Number(Array.isArray(value) ? value[i] : value));
      const groups = channels();
      const one: Pair = [1, 1];
      const shift = {
        kernel: one,
        stride: one,
        dilation: one,
        groups,
        padding: 'valid',
        bias: true,
      } as const;
      const values = [
        float([1, 1, 1, groups], each(config['scale'])),
        float([groups], each(config['offset'] ?? 0)),
      ];
      return { ops: [{ kind: 'conv', out: groups, ...shift }], values };
    },
    Dropout: () => {
      is('noiseShape', null);
      return { ops: [{ kind: 'dropout', rate: config['rate'] as number }] };
    },
    UpSampling2D: () => {
      is('interpolation', null, 'nearest');
      const [h, w] = pair(config['size']);
      if (h !== w) fail('with two factors has no counterpart');
      return { ops: [{ kind: 'upsample', factor: h, fn: 'nearest' }] };
    },
  };
  const read = Object.hasOwn(readers, kind) ? readers[kind] : undefined;
  return read ? read() : fail(`has no counterpart; known: ${Object.keys(readers).join(', ')}`);
}

/** tf's names of activations that are also ours, letter by letter; its hardSigmoid is another function than ours. */
function activation(name: unknown, fail: (reason: string) => never): Op[] {
  if (name === undefined || name === null || name === 'linear') return [];
  const fn = activations.find((a: Activation) => a === name && a !== 'hardSigmoid');
  return fn ? [{ kind: 'act', fn }] : fail(`with activation ${JSON.stringify(name)} has no counterpart`);
}

function around(
  [[top, bottom], [left, right]]: readonly [Pair, Pair],
  own: unknown,
  fail: (reason: string) => never,
): Padding {
  return own === 'valid' ? [top, right, bottom, left] : fail("after ZeroPadding2D must have padding 'valid'");
}

const pair = (value: unknown): Pair =>
  Array.isArray(value) ? [value[0] as number, value.at(-1) as number] : [value as number, value as number];
