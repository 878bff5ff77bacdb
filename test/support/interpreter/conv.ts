/** @file Convs, transposed convs and pools on channels-first images, as ONNX defines them. */

import { type Attributes, intOf, intsOf, need, type Operands, type Tensor, tensor } from './tensor.ts';

export interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** top, left, bottom, right */
  readonly pads: readonly [number, number, number, number];
}

const pair = (values: readonly number[]): [number, number] => [values[0] ?? 1, values[1] ?? 1];

export function windowOf(attributes: Attributes, kernel: readonly number[]): Window {
  const own = intsOf(attributes, 'kernel_shape', kernel);
  if (kernel.length > 0 && own.join() !== kernel.join()) {
    throw new Error(`kernel_shape ${own.join('x')} of a kernel of ${kernel.join('x')}`);
  }
  const [top = 0, left = 0, bottom = 0, right = 0] = intsOf(attributes, 'pads', [0, 0, 0, 0]);
  return {
    kernel: pair(own),
    stride: pair(intsOf(attributes, 'strides', [1, 1])),
    dilation: pair(intsOf(attributes, 'dilations', [1, 1])),
    pads: [top, left, bottom, right],
  };
}

export function outputSize(size: number, { kernel, stride, dilation, pads }: Window, axis: 0 | 1): number {
  const padded = size + pads[axis] + pads[axis === 0 ? 2 : 3];
  const out = Math.floor((padded - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  if (out < 1) throw new Error(`a window of ${kernel.join('x')} does not fit into ${size} places`);
  return out;
}

/** x [n, c, h, w], kernel [o, c/g, kh, kw] -> [n, o, oh, ow]; sums in double precision. */
export function conv2d(x: Tensor, kernel: Tensor, groups: number, window: Window): Tensor {
  const [batch = 1, channels = 1, height = 1, width = 1] = x.shape;
  const [outs = 1, groupIn = 1, kh = 1, kw = 1] = kernel.shape;
  if (groupIn * groups !== channels || outs % groups !== 0) {
    throw new Error(`${channels} channels do not meet a kernel of ${groups} times ${groupIn}`);
  }
  const [oh, ow] = [outputSize(height, window, 0), outputSize(width, window, 1)];
  const { stride, dilation, pads } = window;
  const result = new Float32Array(batch * outs * oh * ow);
  const sums = new Float64Array(oh * ow);
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outs; o++) {
      sums.fill(0);
      const group = Math.floor(o / (outs / groups));
      for (let c = 0; c < groupIn; c++) {
        const image = (n * channels + group * groupIn + c) * height * width;
        for (let i = 0; i < kh; i++) {
          for (let j = 0; j < kw; j++) {
            const factor = kernel.data[((o * groupIn + c) * kh + i) * kw + j] ?? 0;
            if (factor === 0) continue;
            const first = j * dilation[1] - pads[1];
            const from = Math.max(0, Math.ceil(-first / stride[1]));
            const to = Math.min(ow, Math.floor((width - 1 - first) / stride[1]) + 1);
            for (let row = 0; row < oh; row++) {
              const y = row * stride[0] + i * dilation[0] - pads[0];
              if (y < 0 || y >= height) continue;
              const start = image + y * width + first;
              for (let column = from; column < to; column++) {
                const place = row * ow + column;
                sums[place] = (sums[place] ?? 0) + factor * (x.data[start + column * stride[1]] ?? 0);
              }
            }
          }
        }
      }
      result.set(sums, (n * outs + o) * oh * ow);
    }
  }
  return tensor('float32', [batch, outs, oh, ow], result);
}

export function conv(operands: Operands, attributes: Attributes): Tensor {
  const [x, kernel] = [need(operands, 0), need(operands, 1)];
  const groups = intOf(attributes, 'group', 1);
  const made = conv2d(x, kernel, groups, windowOf(attributes, kernel.shape.slice(2)));
  return withBias(made, operands[2]);
}

export function withBias(made: Tensor, bias: Tensor | undefined): Tensor {
  if (!bias) return made;
  const [, outs = 1, height = 1, width = 1] = made.shape;
  return tensor(
    'float32',
    made.shape,
    made.data.map((value, i) => value + (bias.data[Math.floor(i / (height * width)) % outs] ?? Number.NaN)),
  );
}

/** x [n, c, h, w], kernel [c, o/g, kh, kw]: what a conv of that kernel would have read, spread. */
export function convTranspose(operands: Operands, attributes: Attributes): Tensor {
  const [x, kernel] = [need(operands, 0), need(operands, 1)];
  const [batch = 1, channels = 1, height = 1, width = 1] = x.shape;
  const [, groupOut = 1, kh = 1, kw = 1] = kernel.shape;
  const groups = intOf(attributes, 'group', 1);
  const { stride, dilation, pads } = windowOf(attributes, [kh, kw]);
  const rest = pair([...intsOf(attributes, 'output_padding', [0, 0])]);
  const size = (dim: number, axis: 0 | 1, taps: number): number =>
    (dim - 1) * stride[axis] +
    dilation[axis] * (taps - 1) +
    1 +
    rest[axis] -
    pads[axis] -
    pads[axis === 0 ? 2 : 3];
  const [oh, ow] = [size(height, 0, kh), size(width, 1, kw)];
  const outs = groupOut * groups;
  const sums = new Float64Array(batch * outs * oh * ow);
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const group = Math.floor(c / (channels / groups));
      for (let o = 0; o < groupOut; o++) {
        const target = (n * outs + group * groupOut + o) * oh * ow;
        for (let i = 0; i < kh; i++) {
          for (let j = 0; j < kw; j++) {
            const factor = kernel.data[((c * groupOut + o) * kh + i) * kw + j] ?? 0;
            for (let row = 0; row < height; row++) {
              const y = row * stride[0] + i * dilation[0] - pads[0];
              if (y < 0 || y >= oh) continue;
              for (let column = 0; column < width; column++) {
                const at = column * stride[1] + j * dilation[1] - pads[1];
                if (at < 0 || at >= ow) continue;
                const value = x.data[((n * channels + c) * height + row) * width + column] ?? 0;
                sums[target + y * ow + at] = (sums[target + y * ow + at] ?? 0) + factor * value;
              }
            }
          }
        }
      }
    }
  }
  return withBias(tensor('float32', [batch, outs, oh, ow], Float32Array.from(sums)), operands[2]);
}

/** The values of each window of an image, with their places in the whole tensor. */
function windows(
  x: Tensor,
  window: Window,
  take: (values: readonly number[], at: readonly number[], out: number) => void,
): number[] {
  const [batch = 1, channels = 1, height = 1, width = 1] = x.shape;
  const { kernel, stride, dilation, pads } = window;
  const [oh, ow] = [outputSize(height, window, 0), outputSize(width, window, 1)];
  let out = 0;
  for (let map = 0; map < batch * channels; map++) {
    for (let row = 0; row < oh; row++) {
      for (let column = 0; column < ow; column++, out++) {
        const [values, at]: [number[], number[]] = [[], []];
        for (let i = 0; i < kernel[0]; i++) {
          const y = row * stride[0] + i * dilation[0] - pads[0];
          for (let j = 0; j < kernel[1]; j++) {
            const across = column * stride[1] + j * dilation[1] - pads[1];
            if (y < 0 || y >= height || across < 0 || across >= width) continue;
            const place = (map * height + y) * width + across;
            values.push(x.data[place] ?? Number.NaN);
            at.push(place);
          }
        }
        take(values, at, out);
      }
    }
  }
  return [batch, channels, oh, ow];
}

/** The maxima, and the first place of each in the whole tensor. */
export function maxPool(operands: Operands, attributes: Attributes): Tensor[] {
  const [maxima, firsts]: [number[], number[]] = [[], []];
  const shape = windows(need(operands, 0), windowOf(attributes, []), (values, at, out) => {
    const best = values.reduce((most, value) => Math.max(most, value), -Infinity);
    maxima[out] = best;
    firsts[out] = at[values.indexOf(best)] ?? 0;
  });
  return [
    tensor('float32', shape, Float32Array.from(maxima)),
    tensor('int64', shape, Float64Array.from(firsts)),
  ];
}

export function averagePool(operands: Operands, attributes: Attributes): Tensor {
  const window = windowOf(attributes, []);
  const whole = intOf(attributes, 'count_include_pad', 0) === 1;
  const means: number[] = [];
  const shape = windows(need(operands, 0), window, (values, _, out) => {
    const count = whole ? window.kernel[0] * window.kernel[1] : values.length;
    means[out] = values.reduce((sum, value) => sum + value, 0) / count;
  });
  return tensor('float32', shape, Float32Array.from(means));
}

/** The mean over the places of each map. */
export function globalAveragePool(operands: Operands): Tensor {
  const x = need(operands, 0);
  const [batch = 1, channels = 1, ...places] = x.shape;
  const count = places.reduce((product, dim) => product * dim, 1);
  const mean = (map: number): number => {
    let total = 0;
    for (let place = 0; place < count; place++) total += x.data[map * count + place] ?? 0;
    return total / count;
  };
  const means = Float32Array.from({ length: batch * channels }, (_, map) => mean(map));
  return tensor('float32', [batch, channels, ...places.map(() => 1)], means);
}
