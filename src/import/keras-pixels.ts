/**
 * @file Reads the preprocessing layers of a Keras model, which scale, shift and normalize pixels before its first
 * conv, as one affine map per channel. What augments images in training does nothing in inference.
 */

import { quote } from '../errors.ts';
import type { ForeignTensor } from './file.ts';
import { type KerasLayer, type KerasModel, sourceOf } from './keras-config.ts';
import type { Affine, Pixels } from './pixels.ts';

/** Layers that end what is done to pixels: the net begins. */
const begins = /^(ZeroPadding2D|Conv2D|DepthwiseConv2D|SeparableConv2D|BatchNormalization|Flatten|Dense)$/;
const still = /^(InputLayer|Random[A-Z]\w*|GaussianNoise|Dropout|Identity|ActivityRegularization)$/;
/** What an operation is called by Keras 2 (tf.math.truediv) and Keras 3 (TrueDivide). */
const operations: Readonly<Record<string, (x: Affine, y: readonly number[]) => Affine>> = {
  truediv: (x, y) =>
    scaled(
      x,
      y.map((v) => 1 / v),
    ),
  multiply: scaled,
  add: shifted,
  subtract: (x, y) =>
    shifted(
      x,
      y.map((v) => -v),
    ),
};
const synonyms: Readonly<Record<string, string>> = {
  'math.truediv': 'truediv',
  'math.divide': 'truediv',
  'math.multiply': 'multiply',
  'math.add': 'add',
  'math.subtract': 'subtract',
  'nn.bias_add': 'add',
  '__operators__.add': 'add',
  TrueDivide: 'truediv',
  Divide: 'truediv',
  Multiply: 'multiply',
  Add: 'add',
  Subtract: 'subtract',
};

/** `tensor` gives a weight of the file by layer and variable. */
export function pixelsOf(model: KerasModel, tensor: (name: string) => ForeignTensor | undefined): Pixels {
  let affine: Affine | undefined;
  let place = model.layers.findIndex((layer) => layer.kind === 'InputLayer' || !layer.inputs.length);
  for (let layer = model.layers[place]; layer; layer = model.layers[place]) {
    if (begins.test(layer.kind)) return affine ? { affine } : {};
    if (!still.test(layer.kind)) {
      affine = step(layer, affine ?? { scale: [1], offset: [0] }, tensor);
      if (!affine || affine.scale.some((v) => !Number.isFinite(v) || v === 0))
        return { unread: `${layer.kind} ${quote(layer.name)}` };
    }
    const readers = model.layers.flatMap((other, i) => (other.inputs.includes(place) ? [i] : []));
    const [first] = readers;
    const branches = readers.length > 1 && !readers.every((i) => begins.test(model.layers[i]?.kind ?? ''));
    if (first === undefined || branches) return { unread: `what reads ${layer.kind} ${quote(layer.name)}` };
    place = first;
  }
  return {};
}

function step(
  layer: KerasLayer,
  x: Affine,
  tensor: (name: string) => ForeignTensor | undefined,
): Affine | undefined {
  const { kind, config } = layer;
  if (kind === 'Rescaling') {
    const [scale, offset] = [numbers(config['scale']), numbers(config['offset'] ?? 0)];
    return scale && offset && shifted(scaled(x, scale), offset);
  }
  if (kind === 'Normalization') {
    if (config['invert'] === true) return undefined;
    const of = (slot: string): readonly number[] | undefined =>
      numbers(config[slot]) ?? numbers([...(tensor(`${layer.name}/${slot}`)?.read() ?? [])]);
    const [mean, variance] = [of('mean'), of('variance')];
    if (!mean || !variance) return undefined;
    // Keras divides by the larger of the deviation and 1e-7
    const deviations = variance.map((v) => Math.max(Math.sqrt(v), 1e-7));
    return scaled(
      shifted(
        x,
        mean.map((v) => -v),
      ),
      deviations.map((v) => 1 / v),
    );
  }
  const operation = operations[synonyms[sourceOf(layer)] ?? ''];
  const values = layer.constants.flatMap((value) => {
    const each = numbers(value);
    return each ? [each] : [];
  });
  // 1 - x and 255 / x, where the constant comes first, are other functions
  return operation && layer.inputs.length === 1 && values.length === 1 && !layer.turned
    ? operation(x, values[0] ?? [])
    : undefined;
}

/** A number, or nested lists that hold one a channel. */
function numbers(value: unknown): readonly number[] | undefined {
  const flat: unknown[] = Array.isArray(value) ? value.flat(8) : [value];
  return flat.length && flat.every((v): v is number => typeof v === 'number') ? flat : undefined;
}
const along = (
  a: readonly number[],
  b: readonly number[],
  f: (a: number, b: number) => number,
): readonly number[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i) =>
    f(a[a.length > 1 ? i : 0] ?? Number.NaN, b[b.length > 1 ? i : 0] ?? Number.NaN),
  );
function scaled({ scale, offset }: Affine, by: readonly number[]): Affine {
  return { scale: along(scale, by, (a, b) => a * b), offset: along(offset, by, (a, b) => a * b) };
}
function shifted({ scale, offset }: Affine, by: readonly number[]): Affine {
  return { scale, offset: along(offset, by, (a, b) => a + b) };
}
