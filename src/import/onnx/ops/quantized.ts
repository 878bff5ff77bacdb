/** @file QuantizeLinear and DequantizeLinear: rounded values become our `quantize`, kernels of integers keep their codes. */
import { codeRange } from '../../../graph/index.ts';
import type { Call, Value } from '../call.ts';
import { type Constant, floatsOf } from '../constant.ts';

/** One number of a constant whose numbers are all equal. */
function single(call: Call, constant: Constant | undefined, otherwise: number): number {
  if (!constant) return otherwise;
  const [first = otherwise] = constant.data;
  for (let i = 1; i < constant.data.length; i++)
    if (constant.data[i] !== first)
      return call.fail('a value of the net with a scale for each channel has no counterpart');
  return first;
}

export function quantizeLinear(call: Call): readonly Value[] {
  const input = call.value(0);
  if (input.kind === 'constant') return call.fail('quantizes a constant; fold it before the export');
  const points = call.optional(2);
  const signed = points?.dtype === 'int8';
  if (points && !signed && points.dtype !== 'uint8')
    call.fail(`codes of type ${points.dtype} have no counterpart; 8 bits are read`);
  const [scale, zero] = [single(call, call.constant(1), 1), single(call, points, 0)];
  const id = call.draft.emit(call.path, { kind: 'quantize', scale, zero, bits: 8, signed }, [input.id]);
  const [low, high] = codeRange({ bits: 8, signed });
  if (zero < low || zero > high) call.fail(`the zero point ${zero} is not a code`);
  return [{ ...input, id, codes: { scale, zero } }];
}

export function dequantizeLinear(call: Call): readonly Value[] {
  const input = call.value(0);
  const [scales, points] = [call.constant(1), call.optional(2)];
  if (input.kind === 'constant') return [dequantized(call, input, scales, points)];
  const { codes, ...float } = input;
  if (!codes) return call.fail('dequantizes a value that was not quantized');
  const [scale, zero] = [single(call, scales, 1), single(call, points, 0)];
  if (scale !== codes.scale || zero !== codes.zero)
    call.fail('has another scale than the QuantizeLinear before it');
  return [float];
}

/** (code - zero) scale, and the codes themselves where they are bytes around one middle. */
function dequantized(
  call: Call,
  constant: Constant,
  scales: Constant,
  points: Constant | undefined,
): Constant {
  const { shape, data, dtype, codes: { bits = 8 } = {} } = constant;
  const steps = floatsOf(scales);
  const axis = steps.length > 1 ? call.axis(call.int('axis', 1), shape.length) : 0;
  if (call.int('block_size', 0)) call.fail('scales by block have no counterpart');
  const channels = shape[axis] ?? 1;
  if (steps.length !== 1 && steps.length !== channels)
    call.fail(`${steps.length} scales for ${channels} channels`);
  const inner = shape.slice(axis + 1).reduce((n, dim) => n * dim, 1);
  const channel = (i: number): number => (steps.length === 1 ? 0 : Math.floor(i / inner) % channels);
  const zeros = points ? Array.from(points.data) : [0];
  const zero = (i: number): number => zeros[zeros.length === 1 ? 0 : channel(i)] ?? 0;
  const values = Float32Array.from(data, (code, i) => (code - zero(i)) * (steps[channel(i)] ?? 1));
  const middle = dtype === 'uint8' ? 128 : 0;
  const isCentred = (dtype === 'int8' || dtype === 'uint8') && zeros.every((z) => z === middle);
  const positive = steps.every((step) => step > 0 && Number.isFinite(step));
  return {
    ...{ kind: 'constant', dtype: 'float32', shape, data: values },
    ...(constant.name === undefined ? {} : { name: constant.name }),
    ...(isCentred && positive
      ? { codes: { data: Int8Array.from(data, (code) => code - middle), scales: steps, axis, bits } }
      : {}),
  };
}

/** A cast of a value of the net to another real type changes nothing here: we compute in float32. */
export function cast(call: Call): readonly Value[] {
  const input = call.live(0);
  const real = [1, 10, 11, 16]; // float32, float16, float64, bfloat16
  const to = call.int('to', 1);
  return real.includes(to)
    ? [input]
    : call.fail(`casts a value of the net to type ${to}, which has no counterpart`);
}
