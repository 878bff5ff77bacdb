/** @file The ops of each tf layer: a table from class names to readers of their configurations. */
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Conv, Op, Pad, Pair, Shape } from '../../graph/index.ts';
import { float, type Weight } from '../../weights/index.ts';
import { isOpLayer } from './layer.ts';
import { LayerConfig } from './layer-config.ts';

export interface Ops {
  readonly ops: readonly Op[];
  /** Weights that stand in the layer's configuration, op after op and slot after slot; its own by default. */
  readonly values?: readonly Weight[];
}
export type Reading = 'input' | Ops;

/**
 * Whether a layer with zeros before it is one op with padding. `positive` says that no padded value is below 0: then zeros change no
 * maximum, as the padding of our max pools, where every window has a value.
 */
export function takesZeros(layer: tfl.layers.Layer, zeros: Pad['pads'], positive: boolean): boolean {
  if (isOpLayer(layer)) return false;
  const config = new LayerConfig(layer, undefined, []);
  const { kind } = config;
  if (config.get('padding') !== 'valid') return false;
  if (kind === 'Conv2D' || kind === 'DepthwiseConv2D') return true;
  return kind === 'MaxPooling2D' && positive && Math.max(...zeros) < Math.min(...config.pair('poolSize'));
}

/**
 * The ops of a layer. `zeros` are those of a ZeroPadding2D before it that it takes, `shapes` those of the values
 * that it reads with us: a map of one place [1, 1, c], which Keras makes of a pooled one, is a vector [c] here.
 * @throws MoonletError that names the layer and what about it has no counterpart.
 */
export function layerOps(
  layer: tfl.layers.Layer,
  zeros: Pad['pads'] | undefined,
  shapes: readonly Shape[],
): Reading {
  if (isOpLayer(layer)) return { ops: [layer.op] };
  const config = new LayerConfig(layer, zeros, shapes);
  const { kind } = config;
  config.expect('dataFormat', null, 'channelsLast');
  const read = Object.hasOwn(readers, kind) ? readers[kind] : undefined;
  return read ? read(config) : config.fail(`has no counterpart; known: ${Object.keys(readers).join(', ')}`);
}

/** tf's kernel [kh, kw, out, in] as ours, [kh, kw, in, out], and the bias. */
function transposedWeights(layer: tfl.layers.Layer): readonly Weight[] {
  const [kernel, bias] = layer.getWeights();
  const [kh = 1, kw = 1, out = 1, c = 1]: readonly number[] = kernel?.shape ?? [];
  const data = kernel?.dataSync() ?? new Float32Array();
  const turned = Float32Array.from(data, (_, i) => {
    const [place, row, column] = [Math.floor(i / (c * out)), Math.floor(i / out) % c, i % out];
    return data[(place * out + column) * c + row]!;
  });
  const weights = [float([kh, kw, c, out], turned)];
  return bias ? [...weights, float([out], Float32Array.from(bias.dataSync()))] : weights;
}

const one: Pair = [1, 1];

const readers: Readonly<Record<string, (config: LayerConfig) => Reading>> = {
  InputLayer: () => 'input',
  ZeroPadding2D: (config) => {
    if (config.isVector) config.fail('over a map of one place has no counterpart');
    return { ops: [{ kind: 'pad', pads: config.sides('padding') }] };
  },
  Cropping2D: (config) => {
    const [top, right, bottom, left] = config.sides('cropping');
    return { ops: [{ kind: 'pad', pads: [0 - top, 0 - right, 0 - bottom, 0 - left] }] };
  },
  Conv2D: (config) => {
    const op = config.conv(config.number('filters'), 1);
    if (!config.isVector) return { ops: [op, ...config.activation()] };
    if (op.kernel.some((n) => n > 1))
      config.fail('over a map of one place has no counterpart but with a 1x1 kernel');
    return { ops: [{ kind: 'dense', out: op.out, bias: op.bias }, ...config.activation()] };
  },
  Conv2DTranspose: (config) => {
    if (config.isVector) config.fail('over a map of one place has no counterpart');
    config.expect('outputPadding', null);
    const { out, kernel, stride, dilation, padding, bias } = config.conv(config.number('filters'), 1);
    if (dilation.some((d) => d > 1))
      config.fail(`with dilationRate [${dilation.join(', ')}] has no counterpart`);
    // tf's valid output has at least h stride rows
    const more = ([0, 1] as const).map((i) => (padding === 'valid' ? Math.max(0, stride[i] - kernel[i]) : 0));
    const outputPadding: Pair = [more[0] ?? 0, more[1] ?? 0];
    const op = { kind: 'convTranspose', out, kernel, stride, dilation, groups: 1, padding, bias } as const;
    return {
      ops: [{ ...op, outputPadding }, ...config.activation()],
      values: transposedWeights(config.layer),
    };
  },
  DepthwiseConv2D: (config) => {
    if (config.isVector) config.fail('over a map of one place has no counterpart; flatten it');
    const op = config.conv(config.channels * config.multiplier, config.channels);
    if (op.dilation.some((d) => d > 1))
      config.fail(
        `with dilationRate [${op.dilation.join(', ')}] has no counterpart; tf.layers itself computes it undilated`,
      );
    return { ops: [op, ...config.activation()] };
  },
  SeparableConv2D: (config) => {
    const filter = config.conv(config.channels * config.multiplier, config.channels);
    const out = config.number('filters');
    const mix: Conv = { ...filter, out, kernel: one, stride: one, dilation: one, groups: 1, padding: 'same' };
    return { ops: [{ ...filter, bias: false }, mix, ...config.activation()] };
  },
  Dense: (config) => {
    if (config.rank !== 2) config.fail('over a map has no counterpart; use a 1x1 conv');
    const op: Op = { kind: 'dense', out: config.number('units'), bias: config.boolean('useBias') };
    return { ops: [op, ...config.activation()] };
  },
  BatchNormalization: (config) => {
    config.expectLastAxis();
    const [eps, momentum] = [config.number('epsilon'), config.number('momentum')];
    const [scale, offset] = [config.boolean('scale'), config.boolean('center')];
    return { ops: [{ kind: 'norm', eps, momentum, scale, offset }] };
  },
  LayerNormalization: (config) => {
    config.expectLastAxis();
    const [scale, offset] = [config.boolean('scale'), config.boolean('center')];
    return { ops: [{ kind: 'layerNorm', eps: config.number('epsilon'), scale, offset }] };
  },
  Activation: (config) => ({ ops: config.activation() }),
  Softmax: (config) => {
    config.expect('axis', null, -1, config.rank - 1);
    return { ops: [{ kind: 'act', fn: 'softmax' }] };
  },
  ReLU: (config) => {
    config.expect('maxValue', null, 6);
    return { ops: [{ kind: 'act', fn: config.get('maxValue') ? 'relu6' : 'relu' }] };
  },
  MaxPooling2D: (config) => ({ ops: [config.pool('max')] }),
  AveragePooling2D: (config) => ({ ops: [config.pool('avg')] }),
  GlobalAveragePooling2D: ({ isVector }) => ({ ops: isVector ? [] : [{ kind: 'globalPool', fn: 'avg' }] }),
  GlobalMaxPooling2D: ({ isVector }) => ({ ops: isVector ? [] : [{ kind: 'globalPool', fn: 'max' }] }),
  Add: () => ({ ops: [{ kind: 'add' }] }),
  Multiply: () => ({ ops: [{ kind: 'mul' }] }),
  Concatenate: (config) => {
    config.expectLastAxis();
    return { ops: [{ kind: 'concat' }] };
  },
  Flatten: ({ isVector }) => ({ ops: isVector ? [] : [{ kind: 'flatten' }] }),
  Reshape: (config) => {
    const [from, to] = [config.shapes[0] ?? [], [config.layer.outputShape].flat(2).slice(1)];
    const [size, ...places] = [...to].reverse();
    if (places.every((n) => n === 1) && size === from.reduce((n, d) => n * d, 1))
      return { ops: config.isVector ? [] : [{ kind: 'flatten' }] };
    return config.fail(`of [${from.join(', ')}] to [${to.join(', ')}] has no counterpart; only to a vector`);
  },
  Rescaling: (config) => {
    if (config.isVector) config.fail('of a vector has no counterpart');
    const groups = config.channels;
    const perChannel = (value: unknown): Float32Array =>
      Float32Array.from({ length: groups }, (_, i) => Number(Array.isArray(value) ? value[i] : value));
    const values = [
      float([1, 1, 1, groups], perChannel(config.get('scale'))),
      float([groups], perChannel(config.get('offset') ?? 0)),
    ];
    const geometry = { kernel: one, stride: one, dilation: one, groups, padding: 'valid' } as const;
    return { ops: [{ kind: 'conv', out: groups, ...geometry, bias: true }], values };
  },
  Dropout: (config) => {
    config.expect('noiseShape', null);
    return { ops: [{ kind: 'dropout', rate: config.number('rate') }] };
  },
  UpSampling2D: (config) => {
    config.expect('interpolation', null, 'nearest', 'bilinear');
    const [fh, fw] = config.pair('size');
    const fn = config.get('interpolation') === 'bilinear' ? 'bilinear' : 'nearest';
    if (fn === 'nearest' && fh === fw) return { ops: [{ kind: 'upsample', factor: fh, fn }] };
    if (config.isVector) config.fail('over a map of one place has no counterpart');
    const [h = 1, w = 1] = config.shapes[0] ?? [];
    // tf.layers takes place i / factor, where Keras takes (i + 1/2) / factor - 1/2
    return { ops: [{ kind: 'resize', size: [h * fh, w * fw], fn, align: 'edges' }] };
  },
};
