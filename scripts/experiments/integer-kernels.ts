/**
 * @file Which integer forms of a layer onnxruntime computes exactly: one layer of each kind with the worst codes there are,
 * between QuantizeLinear and DequantizeLinear, against sums of whole numbers. Prints one JSON document. Under qemu-user it
 * tells what other processors do:
 *
 *   npm run experiment -- integer-kernels
 *   qemu-x86_64 -cpu max $(which node) --import tsx scripts/experiments/integer-kernels.ts
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import {
  encodeModel,
  int,
  ints,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../src/onnx/index.ts';
import { random } from '../../src/random.ts';

/** A layer: kernel [out, in / groups, size, size], or a matrix [in, out] when size is 0. */
interface Layer {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  /** Of the square kernel; 0 is a dense layer. */
  readonly size: number;
  readonly batch: number;
}
const layer = (
  name: string,
  inputs: number,
  outputs: number,
  groups: number,
  size: number,
  batch = 2,
): Layer => ({
  name,
  inputs,
  outputs,
  groups,
  size,
  batch,
});
const layers: readonly Layer[] = [
  layer('conv 3x3, 3 channels', 3, 16, 1, 3),
  layer('conv 3x3', 32, 32, 1, 3),
  layer('pointwise', 32, 48, 1, 1),
  layer('pointwise, odd', 33, 21, 1, 1),
  layer('depthwise 3x3', 32, 32, 32, 3),
  layer('depthwise 5x5', 32, 32, 32, 5),
  layer('depthwise 3x3, odd', 19, 19, 19, 3),
  layer('grouped 3x3', 32, 32, 4, 3),
  layer('grouped 3x3, 4 a group', 32, 32, 8, 3),
  layer('dense', 64, 10, 1, 0, 16),
  layer('dense, one example', 64, 10, 1, 0, 1),
];

type Codes = 'uint8' | 'int8';
interface Form {
  readonly name: string;
  readonly values: Codes;
  readonly kernel: Codes;
  /** The largest magnitude of a kernel's code. */
  readonly top: number;
}
const forms: readonly Form[] = [
  { name: 'u8 x s8', values: 'uint8', kernel: 'int8', top: 127 },
  { name: 'u8 x s8, 64', values: 'uint8', kernel: 'int8', top: 64 },
  { name: 's8 x s8', values: 'int8', kernel: 'int8', top: 127 },
  { name: 'u8 x u8', values: 'uint8', kernel: 'uint8', top: 127 },
];

const typed = (dtype: Codes, data: readonly number[]): Uint8Array | Int8Array =>
  dtype === 'uint8' ? Uint8Array.from(data) : Int8Array.from(data);
const zeroOf = (dtype: Codes): number => (dtype === 'uint8' ? 128 : 0);
const side = 6;

/** Values and kernel are mostly at their extremes, which is where sums of two products leave 16 bits. */
function drawn(l: Layer, { values, top }: Form): { x: number[]; w: number[] } {
  const { uniform: next } = random(`integer-kernels ${l.name}`);
  const most = values === 'uint8' ? 255 : 127;
  const least = values === 'uint8' ? 0 : -128;
  const places = l.size || 1;
  const x = Array.from({ length: l.batch * l.inputs * (l.size ? side * side : 1) }, () =>
    next() < 0.8 ? most : least + Math.floor(next() * 256),
  );
  const w = Array.from({ length: (l.inputs / l.groups) * l.outputs * places * places }, () =>
    next() < 0.7 ? (next() < 0.7 ? top : -top) : Math.floor((2 * next() - 1) * top),
  );
  return { x, w };
}

/** The layer's whole numbers before any scale. */
function exact(l: Layer, form: Form, x: readonly number[], w: readonly number[]): number[] {
  const zero = zeroOf(form.values);
  const size = l.size || 1;
  const map = l.size ? side : 1;
  const [inner, outer, pad] = [l.inputs / l.groups, l.outputs / l.groups, (size - 1) / 2];
  const y: number[] = [];
  for (let n = 0; n < l.batch; n++)
    for (let o = 0; o < l.outputs; o++)
      for (let row = 0; row < map; row++)
        for (let column = 0; column < map; column++) {
          let sum = 0;
          for (let i = 0; i < inner; i++)
            for (let a = 0; a < size; a++)
              for (let b = 0; b < size; b++) {
                const [r, c] = [row + a - pad, column + b - pad];
                if (r < 0 || c < 0 || r >= map || c >= map) continue;
                const channel = Math.floor(o / outer) * inner + i;
                const value = (x[((n * l.inputs + channel) * map + r) * map + c] as number) - zero;
                const weight = l.size ? w[((o * inner + i) * size + a) * size + b] : w[i * l.outputs + o];
                sum += value * (weight as number);
              }
          y.push(sum);
        }
  return y;
}

/** x float -> codes -> layer -> codes of 8 bits -> float; all scales are such that sums of whole numbers come out by steps. */
function modelOf(l: Layer, form: Form, w: readonly number[], step: number): OnnxModel {
  const initializers: OnnxTensor[] = [];
  const constant = (
    name: string,
    dtype: OnnxTensor['dtype'],
    shape: number[],
    data: OnnxTensor['data'],
  ): string => {
    initializers.push({ name, dtype, shape, data });
    return name;
  };
  const one = constant('one', 'float32', [], Float32Array.of(1));
  const scale = constant('scale', 'float32', [], Float32Array.of(step));
  const zero = constant('zero', form.values, [], typed(form.values, [zeroOf(form.values)]));
  const middle = constant('middle', form.values, [], typed(form.values, [zeroOf(form.values)]));
  const kernelZero = constant('kernelZero', form.kernel, [], typed(form.kernel, [zeroOf(form.kernel)]));
  const shape = l.size ? [l.outputs, l.inputs / l.groups, l.size, l.size] : [l.inputs, l.outputs];
  const kernel = constant(
    'kernel',
    form.kernel,
    shape,
    typed(
      form.kernel,
      w.map((v) => v + zeroOf(form.kernel)),
    ),
  );
  const node = (
    opType: string,
    inputs: string[],
    output: string,
    attributes: OnnxNode['attributes'] = {},
  ): OnnxNode => ({
    opType,
    inputs,
    outputs: [output],
    attributes,
  });
  const pad = (l.size - 1) / 2;
  return {
    name: 'layer',
    opset: 18,
    nodes: [
      node('QuantizeLinear', ['x', one, zero], 'xq'),
      node('DequantizeLinear', ['xq', one, zero], 'xd'),
      node('DequantizeLinear', [kernel, one, kernelZero], 'wd'),
      l.size
        ? node('Conv', ['xd', 'wd'], 'y', {
            kernel_shape: ints([l.size, l.size]),
            pads: ints([pad, pad, pad, pad]),
            group: int(l.groups),
          })
        : node('Gemm', ['xd', 'wd'], 'y'),
      node('QuantizeLinear', ['y', scale, middle], 'yq'),
      node('DequantizeLinear', ['yq', scale, middle], 'out'),
    ],
    initializers,
    inputs: [
      { name: 'x', dtype: 'float32', shape: l.size ? [l.batch, l.inputs, side, side] : [l.batch, l.inputs] },
    ],
    outputs: [
      {
        name: 'out',
        dtype: 'float32',
        shape: l.size ? [l.batch, l.outputs, side, side] : [l.batch, l.outputs],
      },
    ],
  };
}

/** The share of a layer's outputs that are more than a step away from the exact ones. */
async function wrong(l: Layer, form: Form): Promise<number> {
  const { x, w } = drawn(l, form);
  const sums = exact(l, form, x, w);
  const step = Math.max(...sums.map(Math.abs)) / 127;
  const zero = zeroOf(form.values);
  const session = await InferenceSession.create(encodeModel(modelOf(l, form, w, step)), {
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
  });
  const dims = l.size ? [l.batch, l.inputs, side, side] : [l.batch, l.inputs];
  const input = new Tensor(
    'float32',
    Float32Array.from(x, (v) => v - zero),
    dims,
  );
  const out = (await session.run({ x: input }))['out']?.data as Float32Array;
  await session.release();
  return sums.filter((v, i) => Math.abs(v - (out[i] as number)) > 1.01 * step).length / sums.length;
}

const found: Record<string, Record<string, number>> = {};
for (const l of layers) {
  found[l.name] = {};
  for (const form of forms) (found[l.name] as Record<string, number>)[form.name] = await wrong(l, form);
}
console.log(JSON.stringify(found, null, 1));
