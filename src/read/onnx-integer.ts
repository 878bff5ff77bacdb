/**
 * @file Quantized nets as ONNX: QuantizeLinear and DequantizeLinear around float ops, which runtimes fuse into integer
 * ones (onnxruntime: QLinearConv and its kin). Codes of 8 bits only; fewer bits are written as float ops that round.
 */
import type { Op, Quantize } from '../graph/index.ts';
import { codeRange } from '../graph/index.ts';
import { int } from '../onnx/index.ts';
import { dense, materialize, type QuantizedWeight, type Weight } from '../weights/index.ts';
import type { Draft } from './onnx-draft.ts';

/** x on its steps, as a float value. */
export function emitQuantize(d: Draft, x: string, op: Quantize): string {
  const { scale, zero, bits, signed } = op;
  const float = (v: number): string => d.constant('float32', [], Float32Array.of(v));
  if (bits === 8) {
    const dtype = signed ? 'int8' : 'uint8';
    const point = d.constant(dtype, [], signed ? Int8Array.of(zero) : Uint8Array.of(zero));
    const step = float(scale);
    const codes = d.emit('QuantizeLinear', [x, step, point]);
    return d.emit('DequantizeLinear', [codes, step, point]);
  }
  const [low, high] = codeRange(op);
  const codes = d.emit('Round', [d.emit('Div', [x, float(scale)])]);
  // clipped around the zero point, so that nothing need be added and taken away
  return d.emit('Mul', [d.emit('Clip', [codes, float(low - zero), float(high - zero)]), float(scale)]);
}

/**
 * Kernel (OIHW, or [in, out] of a dense layer) and bias of a layer. Both stand as integers when the layer reads codes of 8
 * bits and has a kernel of such: the bias as int32 in steps of input scale times kernel scale.
 */
export function linearOperands(
  d: Draft,
  source: Op | undefined,
  kernel: Weight,
  bias: Weight | undefined,
): readonly string[] {
  const read = source?.kind === 'quantize' && source.bits === 8 ? source : undefined;
  const codes = dense(kernel);
  const whole = codes?.encoding === 'quantized' && codes.bits === 8 ? codes : undefined;
  if (read && whole) return integerOperands(d, read, whole, bias);
  const data = materialize(kernel);
  return [
    kernel.shape.length === 4
      ? d.constant(
          'float32',
          oihwShape(kernel.shape),
          oihw(data, kernel.shape, new Float32Array(data.length)),
        )
      : d.constant('float32', kernel.shape, data),
    ...(bias ? [d.constant('float32', bias.shape, materialize(bias))] : []),
  ];
}

function integerOperands(
  d: Draft,
  read: Quantize,
  { shape, data, scales }: QuantizedWeight,
  bias: Weight | undefined,
): readonly string[] {
  const isConv = shape.length === 4;
  const codes = new Int8Array(data.buffer, data.byteOffset, data.length);
  const stored = isConv
    ? d.constant('int8', oihwShape(shape), oihw(codes, shape, new Int8Array(codes.length)))
    : d.constant('int8', shape, codes);
  const axis = { axis: int(isConv ? 0 : 1) };
  const kernel = dequantized(d, stored, 'int8', scales, axis);
  if (!bias) return [kernel];
  const steps = biasSteps(read.scale, scales);
  const whole = Int32Array.from(materialize(bias), (v, o) =>
    Math.round(v / (steps[o % steps.length] as number)),
  );
  const integers = d.constant('int32', bias.shape, whole);
  return [kernel, dequantized(d, integers, 'int32', steps, { axis: int(0) })];
}

/** One scale, or one for each entry of the axis; zero-points are 0. */
function dequantized(
  d: Draft,
  codes: string,
  dtype: 'int8' | 'int32',
  scales: Float32Array,
  axis: Parameters<Draft['emit']>[2],
): string {
  const one = scales.length === 1;
  const shape = one ? [] : [scales.length];
  const zeros = dtype === 'int8' ? new Int8Array(scales.length) : new Int32Array(scales.length);
  return d.emit(
    'DequantizeLinear',
    [codes, d.constant('float32', shape, scales), d.constant(dtype, shape, zeros)],
    one ? {} : axis,
  );
}

/** The step of each bias in int32: input scale times kernel scale, in float32. */
export const biasSteps = (input: number, scales: Float32Array): Float32Array => scales.map((s) => input * s);

const oihwShape = ([kh, kw, i, o]: readonly number[]): number[] => [o, i, kh, kw] as number[];
/** kernel_HWIO -> kernel_OIHW, into an array of the same kind. */
function oihw<T extends Float32Array | Int8Array>(data: T, [kh, kw, i, o]: readonly number[], turned: T): T {
  const [places, inner, outer] = [(kh as number) * (kw as number), i as number, o as number];
  for (let p = 0; p < places; p++) {
    for (let a = 0; a < inner; a++) {
      for (let b = 0; b < outer; b++)
        turned[(b * inner + a) * places + p] = data[(p * inner + a) * outer + b] as number;
    }
  }
  return turned;
}
