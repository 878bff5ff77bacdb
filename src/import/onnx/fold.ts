/** @file Computes ops on constants: the arithmetic of shapes that exporters write, and weights that they prepare. */
import type { OnnxDtype } from '../../onnx/index.ts';
import { constantOf, countOf, floatsOf, isReal, numbersOf, placesOf, wholeNumbers } from './constant.ts';
import {
  concat,
  expand,
  flatten,
  gather,
  gatherNd,
  reshape,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from './fold-moves.ts';
import { broadcast, type Fold, joint, make, mostValues } from './fold-values.ts';

const elementwise =
  (compute: (...values: number[]) => number, dtype?: OnnxDtype): Fold =>
  (call) => {
    const inputs = call.inputs.map((_, i) => call.constant(i));
    const shape = joint(
      call,
      inputs.map((x) => x.shape),
    );
    const readers = inputs.map((x) => {
      const place = broadcast(x.shape, shape);
      return (i: number): number => x.data[place(i)] ?? 0;
    });
    const values = Array.from({ length: countOf(shape) }, (_, i) =>
      compute(...readers.map((read) => read(i))),
    );
    return [make(call, dtype ?? inputs.at(-1)?.dtype ?? 'float32', shape, values)];
  };
const division: Fold = (call) =>
  elementwise(isReal(call.constant(0).dtype) ? (a = 0, b = 1) => a / b : (a = 0, b = 1) => Math.trunc(a / b))(
    call,
  );
const condition = (compute: (a: number, b: number) => boolean): Fold =>
  elementwise((a = 0, b = 0) => Number(compute(a, b)), 'bool');

/** A reduction along some axes. */
const reduction =
  (compute: (values: readonly number[]) => number): Fold =>
  (call) => {
    const x = call.constant(0);
    const rank = x.shape.length;
    const axes = new Set(
      (call.intsOrInput('axes', 1) ?? x.shape.map((_, i) => i)).map((axis) => call.axis(axis, rank)),
    );
    const kept = x.shape.flatMap((_, i) => (axes.has(i) ? [] : [i]));
    const places = placesOf(x.shape, [...kept, ...axes]);
    const group = countOf([...axes].map((i) => x.shape[i] ?? 1));
    const values = Array.from({ length: places.length / Math.max(1, group) }, (_, i) =>
      compute(Array.from(places.subarray(i * group, (i + 1) * group), (p) => x.data[p] ?? 0)),
    );
    const keep = call.int('keepdims', 1) === 1;
    const shape = x.shape.flatMap((dim, i) => (axes.has(i) ? (keep ? [1] : []) : [dim]));
    return [make(call, x.dtype, shape, values)];
  };

const constantOfShape: Fold = (call) => {
  const shape = numbersOf(call.constant(0));
  if (countOf(shape) > mostValues || shape.some((dim) => dim < 0))
    call.fail(`computes a constant of more than ${mostValues} values`);
  const attribute = call.node.attributes?.['value'];
  const value = attribute?.kind === 'tensor' ? constantOf(attribute.value) : undefined;
  return [
    make(call, value?.dtype ?? 'float32', shape, new Array<number>(countOf(shape)).fill(value?.data[0] ?? 0)),
  ];
};
const range: Fold = (call) => {
  const [start = 0, limit = 0, delta = 1] = [0, 1, 2].map((i) => call.constant(i).data[0]);
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!(count <= mostValues)) call.fail(`computes a constant of more than ${mostValues} values`);
  return [
    make(
      call,
      call.constant(0).dtype,
      [count],
      Array.from({ length: count }, (_, i) => start + i * delta),
    ),
  ];
};
const cast: Fold = (call) => {
  const types: Readonly<Record<number, OnnxDtype>> = {
    ...{ 1: 'float32', 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32', 7: 'int64' },
    ...{ 9: 'bool', 10: 'float32', 11: 'float64', 16: 'float32' },
  };
  const x = call.constant(0);
  const dtype = types[call.int('to', 1)] ?? call.fail(`casts to type ${call.int('to', 1)}`);
  if (dtype === x.dtype) return [x];
  const values = dtype === 'bool' ? numbersOf(x).map((v) => Number(v !== 0)) : numbersOf(x);
  const { name, data } = x;
  const codes =
    x.dtype === 'int4' && (dtype === 'float32' || dtype === 'int8') && data instanceof Int8Array
      ? { codes: { data, scales: Float32Array.of(1), axis: 0, bits: fewestBits(data) } }
      : {};
  return [{ ...make(call, dtype, x.shape, values), ...(name === undefined ? {} : { name }), ...codes }];
};
/** The bits of symmetric codes that hold these. */
const fewestBits = (codes: Int8Array): number => {
  const most = codes.reduce((m, code) => Math.max(m, Math.abs(code)), 0);
  return [2, 3, 4].find((bits) => most < 2 ** (bits - 1)) ?? 8;
};
/** A product; codes times one scale, or one for each entry of an axis, stay codes. */
const product: Fold = (call) => {
  const [value] = elementwise((a = 0, b = 0) => a * b)(call);
  const [x, scale] = [call.constant(0), call.constant(1)];
  const { codes, name } = x;
  if (!value || !codes || codes.scales.length !== 1) return value ? [value] : [];
  const lead = x.shape.length - scale.shape.length;
  const axes = scale.shape.flatMap((dim, i) => (dim > 1 ? [i + lead] : []));
  const isScale = axes.length <= 1 && lead >= 0 && floatsOf(scale).every((s) => s > 0);
  if (!isScale || codes.scales[0] !== 1) return [value];
  const [axis = 0] = axes;
  return [
    { ...value, ...(name === undefined ? {} : { name }), codes: { ...codes, scales: floatsOf(scale), axis } },
  ];
};
const clip: Fold = (call) => {
  const x = call.constant(0);
  const low = call.numbers(1)?.[0] ?? call.float('min', Number.NEGATIVE_INFINITY);
  const high = call.numbers(2)?.[0] ?? call.float('max', Number.POSITIVE_INFINITY);
  return [
    make(
      call,
      x.dtype,
      x.shape,
      numbersOf(x).map((v) => Math.min(Math.max(v, low), high)),
    ),
  ];
};
/** BatchNormalization of a weight, as nets with standardized weights export it. */
const standardize: Fold = (call) => {
  const x = call.constant(0);
  // before operator set 14 the outputs say whether the statistics are those of the input
  const isOwn =
    call.int('training_mode', 0) === 1 || call.node.outputs.filter((name) => name !== '').length > 1;
  const [means, variances] = isOwn ? [] : [call.constant(3), call.constant(4)];
  const [outer = 1, channels = 1] = x.shape;
  const inner = countOf(x.shape.slice(2));
  const [scale, offset] = [call.constant(1), call.constant(2)];
  const values = new Float32Array(x.data.length);
  for (let c = 0; c < channels; c++) {
    const places = Array.from(
      { length: outer * inner },
      (_, i) => (Math.floor(i / inner) * channels + c) * inner + (i % inner),
    );
    const mean = means?.data[c] ?? places.reduce((sum, p) => sum + (x.data[p] ?? 0), 0) / places.length;
    const variance =
      variances?.data[c] ??
      places.reduce((sum, p) => sum + ((x.data[p] ?? 0) - mean) ** 2, 0) / places.length;
    const factor = (scale.data[c] ?? 1) / Math.sqrt(variance + call.float('epsilon', 1e-5));
    for (const p of places) values[p] = ((x.data[p] ?? 0) - mean) * factor + (offset.data[c] ?? 0);
  }
  return [{ kind: 'constant', dtype: 'float32', shape: x.shape, data: values }];
};
/** Sums of all values up to each, along an axis. */
const runningSum: Fold = (call) => {
  const x = call.constant(0);
  if (call.int('exclusive', 0) || call.int('reverse', 0)) call.fail('sums in another order than forward');
  const axis = call.axis(numbersOf(call.constant(1))[0] ?? 0, x.shape.length);
  const step = countOf(x.shape.slice(axis + 1));
  const values = numbersOf(x).slice();
  values.forEach((v, i) => {
    if (Math.floor(i / step) % (x.shape[axis] ?? 1)) values[i] = v + (values[i - step] ?? 0);
  });
  return [make(call, x.dtype, x.shape, values)];
};
/** The value of the attribute, whichever of its names it has. */
const constant: Fold = (call) => {
  const entries = Object.entries(call.node.attributes ?? {});
  const [attribute] = entries.map(([, value]) => value);
  switch (attribute?.kind) {
    case 'tensor':
      return [constantOf(attribute.value)];
    case 'int':
      return [wholeNumbers([attribute.value], [])];
    case 'ints':
      return [wholeNumbers(attribute.value)];
    case 'float':
      return [make(call, 'float32', [], [attribute.value])];
    case 'floats':
      return [make(call, 'float32', [attribute.value.length], attribute.value)];
    default:
      return call.fail('a constant that is no tensor of numbers');
  }
};

/** What is computed where all inputs are constants, by op type. */
export const folds: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  ['Constant', constant],
  ['ConstantOfShape', constantOfShape],
  ['Identity', (call) => [call.constant(0)]],
  ['Dropout', (call) => [call.constant(0)]],
  ['Cast', cast],
  ['Shape', (call) => [wholeNumbers(call.constant(0).shape)]],
  ['Size', (call) => [wholeNumbers([countOf(call.constant(0).shape)], [])]],
  ['Range', range],
  ['Gather', gather],
  ['GatherND', gatherNd],
  ['Slice', slice],
  ['Split', split],
  ['Concat', concat],
  ['Reshape', reshape],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
  ['Flatten', flatten],
  ['Transpose', transpose],
  ['Expand', expand],
  ['Add', elementwise((a = 0, b = 0) => a + b)],
  ['Sub', elementwise((a = 0, b = 0) => a - b)],
  ['Mul', product],
  ['Div', division],
  ['Mod', elementwise((a = 0, b = 1) => a - b * Math.floor(a / b))],
  ['Pow', elementwise((a = 0, b = 1) => a ** b)],
  ['Min', elementwise((...values) => Math.min(...values))],
  ['Max', elementwise((...values) => Math.max(...values))],
  ['Clip', clip],
  ['BatchNormalization', standardize],
  ['Relu', elementwise((a = 0) => Math.max(a, 0))],
  ['Neg', elementwise((a = 0) => -a)],
  ['Abs', elementwise((a = 0) => Math.abs(a))],
  ['Sqrt', elementwise((a = 0) => Math.sqrt(a))],
  ['Reciprocal', elementwise((a = 0) => 1 / a)],
  ['Exp', elementwise((a = 0) => Math.exp(a))],
  ['Floor', elementwise((a = 0) => Math.floor(a))],
  ['Ceil', elementwise((a = 0) => Math.ceil(a))],
  ['Sin', elementwise((a = 0) => Math.sin(a))],
  ['Cos', elementwise((a = 0) => Math.cos(a))],
  ['CumSum', runningSum],
  ['Not', elementwise((a = 0) => Number(!a))],
  ['And', condition((a, b) => a !== 0 && b !== 0)],
  ['Or', condition((a, b) => a !== 0 || b !== 0)],
  ['Equal', condition((a, b) => a === b)],
  ['Less', condition((a, b) => a < b)],
  ['LessOrEqual', condition((a, b) => a <= b)],
  ['Greater', condition((a, b) => a > b)],
  ['GreaterOrEqual', condition((a, b) => a >= b)],
  ['Where', elementwise((test = 0, a = 0, b = 0) => (test ? a : b))],
  ['ReduceMean', reduction((values) => values.reduce((sum, v) => sum + v, 0) / values.length)],
  ['ReduceSum', reduction((values) => values.reduce((sum, v) => sum + v, 0))],
  ['ReduceProd', reduction((values) => values.reduce((product, v) => product * v, 1))],
  [
    'ReduceMax',
    reduction((values) => values.reduce((most, v) => Math.max(most, v), Number.NEGATIVE_INFINITY)),
  ],
  [
    'ReduceMin',
    reduction((values) => values.reduce((least, v) => Math.min(least, v), Number.POSITIVE_INFINITY)),
  ],
]);
