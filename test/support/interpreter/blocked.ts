/**
 * @file onnxruntime's blocked ops, on blocks of any size, with their conditions. Where one does not hold, onnxruntime refuses
 * the graph as it runs, or reads and writes other memory than it should: here it is an error of the op.
 *
 * An image in blocks lies as [batch, channels/block, height, width, block] under the shape BCHW with the channels of whole blocks.
 */

import { conv2d, windowOf, withBias } from './conv.ts';
import {
  type Attributes,
  intOf,
  intsOf,
  need,
  type Operands,
  pick,
  reshaped,
  sizeOf,
  type Tensor,
  tensor,
  textOf,
  transposed,
} from './tensor.ts';

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`condition of a blocked op does not hold: ${what}`);
}

const whole = (channels: number, block: number): number => Math.ceil(channels / block) * block;

/** [n, c, h, w] as such an image in blocks; c is a multiple of the block. */
function intoBlocks(x: Tensor, block: number): Tensor {
  const [batch = 1, channels = 1, height = 1, width = 1] = x.shape;
  const parts = reshaped(x, [batch, channels / block, block, height, width]);
  return reshaped(transposed(parts, [0, 1, 3, 4, 2]), x.shape);
}

function outOfBlocks(x: Tensor, block: number): Tensor {
  const [batch = 1, channels = 1, height = 1, width = 1] = x.shape;
  const parts = reshaped(x, [batch, channels / block, height, width, block]);
  return reshaped(transposed(parts, [0, 1, 4, 2, 3]), x.shape);
}

/** The first channels of an image [n, c, h, w], and empty ones behind it where it has fewer. */
function channelsOf(x: Tensor, channels: number): Tensor {
  const [batch = 1, own = 1, height = 1, width = 1] = x.shape;
  const map = height * width;
  const offsets = Int32Array.from({ length: batch * channels * map }, (_, i) => {
    const [image, channel] = [Math.floor(i / (channels * map)), Math.floor(i / map) % channels];
    return channel < own ? (image * own + channel) * map + (i % map) : -1;
  });
  return pick(x, [batch, channels, height, width], offsets);
}

function reorderInput(block: number, operands: Operands, attributes: Attributes): Tensor {
  const x = need(operands, 0);
  demand(x.dtype === 'float32' && x.shape.length === 4, 'ReorderInput takes an image of floats');
  const image = intOf(attributes, 'channels_last', 0) === 1 ? transposed(x, [0, 3, 1, 2]) : x;
  const [, channels = 1] = image.shape;
  demand(channels % 4 === 0, `ReorderInput takes channels in fours, got ${channels}`);
  return intoBlocks(channelsOf(image, whole(channels, block)), block);
}

function reorderOutput(block: number, operands: Operands, attributes: Attributes): Tensor {
  const x = need(operands, 0);
  const channels = intOf(attributes, 'channels', 0);
  const [, own = 1] = x.shape;
  demand(x.dtype === 'float32' && x.shape.length === 4, 'ReorderOutput takes an image of floats');
  demand(
    own === whole(channels, block),
    `ReorderOutput of ${channels} channels takes whole blocks, got ${own}`,
  );
  const image = channelsOf(outOfBlocks(x, block), channels);
  return intOf(attributes, 'channels_last', 0) === 1 ? transposed(image, [0, 2, 3, 1]) : image;
}

/** A kernel [o, c/g, kh, kw] whose memory is [o/b, c/b, kh, kw, cb, ob], or without cb where c is not in blocks. */
function kernelOutOfBlocks(kernel: Tensor, block: number, inputs: number): Tensor {
  const [outs = 1, , kh = 1, kw = 1] = kernel.shape;
  const inner = inputs % block === 0 ? block : 1;
  const parts = reshaped(kernel, [outs / block, inputs / inner, kh, kw, inner, block]);
  return reshaped(transposed(parts, [0, 5, 1, 4, 2, 3]), [outs, inputs, kh, kw]);
}

function conv(block: number, operands: Operands, attributes: Attributes): Tensor {
  const [x, kernel] = [need(operands, 0), need(operands, 1)];
  const [, , bias, sum] = operands;
  const [, channels = 1] = x.shape;
  const [outs = 1, groupIn = 1, kh = 1, kw = 1] = kernel.shape;
  const groups = intOf(attributes, 'group', 1);
  const [ins, groupOut] = [channels / groups, outs / groups];
  demand(
    channels < block || channels % block === 0,
    `Conv takes fewer channels than a block of ${block}, or whole blocks, got ${channels}`,
  );
  demand(ins === groupIn, `Conv of ${channels} channels in ${groups} groups has a kernel of ${groupIn}`);
  demand(!bias || bias.data.length === outs, `Conv has a bias of ${bias?.data.length} for ${outs} channels`);
  const window = windowOf(attributes, [kh, kw]);
  const isDepthwise = ins === 1 && groupOut === 1;
  const inBlocks = ins >= block || isDepthwise;
  if (isDepthwise) demand(channels % block === 0, `a depthwise Conv takes whole blocks, got ${channels}`);
  else {
    demand(
      ins < block || ins % block === 0,
      `Conv takes groups of less than a block or of whole ones, got ${ins}`,
    );
    demand(groupOut % block === 0, `Conv makes whole blocks of each group, got ${groupOut}`);
  }
  const image = inBlocks ? outOfBlocks(x, block) : x;
  const inner = isDepthwise ? 1 : ins;
  const straight = kernelOutOfBlocks(kernel, block, inner);
  const made = intoBlocks(withBias(conv2d(image, straight, groups, window), bias), block);
  if (sum) demand(sum.shape.join() === made.shape.join(), 'Conv adds an image of its own shape');
  const data = made.data.map((value, i) => activated(attributes, value + (sum?.data[i] ?? 0)));
  return tensor('float32', made.shape, data);
}

function activated(attributes: Attributes, value: number): number {
  const name = textOf(attributes, 'activation', '');
  if (name === '') return value;
  if (name === 'Relu') return Math.max(0, value);
  const [low = 0, high = 0] = intsOf(attributes, 'activation_params', []);
  demand(name === 'Clip', `an activation ${name} that the interpreter does not know`);
  return Math.min(high, Math.max(low, value));
}

function globalAveragePool(block: number, operands: Operands): Tensor {
  const x = need(operands, 0);
  const [batch = 1, channels = 1, ...places] = x.shape;
  demand(channels % block === 0, `GlobalAveragePool takes whole blocks, got ${channels}`);
  const image = outOfBlocks(x, block);
  const count = sizeOf(places);
  const means = new Float32Array(batch * channels);
  for (let map = 0; map < means.length; map++) {
    let total = 0;
    for (let place = 0; place < count; place++) total += image.data[map * count + place] ?? 0;
    means[map] = total / count;
  }
  return tensor('float32', [batch, channels, 1, 1], means); // of one place each: blocks are as they are
}

export function blockedOp(
  op: string,
  block: number | undefined,
  operands: Operands,
  attributes: Attributes,
): Tensor {
  if (block === undefined) throw new Error(`a blocked ${op} in a graph that is for runtimes without blocks`);
  if (op === 'ReorderInput') return reorderInput(block, operands, attributes);
  if (op === 'ReorderOutput') return reorderOutput(block, operands, attributes);
  if (op === 'Conv') return conv(block, operands, attributes);
  if (op === 'GlobalAveragePool') return globalAveragePool(block, operands);
  throw new Error(`the interpreter has no blocked ${op}`);
}
