/**
 * @file onnxruntime's blocked convs: images as [batch, channels/block, height, width, block] in memory.
 *
 * onnxruntime uses these kernels by itself only for constant weights. Their ops can also be named in a model,
 * with weights brought into blocks by the graph; so a training step runs on them too. A block is as many
 * channels as a vector register holds, which the session asks onnxruntime for. Model files with these ops are
 * for this machine.
 */

import { int } from '../../onnx/index.ts';
import type { Attributes, Value } from '../ir.ts';
import { blockedDomain, type Emitter } from './emitter.ts';
import { blocks, nchw } from './layout.ts';

export interface BlockedShape {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  /** Input channels of one group. */
  readonly groupIn: number;
  readonly channels: number;
  readonly outChannels: number;
  readonly groups: number;
}

/** Whether onnxruntime has a blocked kernel for the conv, and the blocks are not mostly padding. */
export function canBlock(e: Emitter, s: BlockedShape, x: Value): boolean {
  const { block } = e;
  if (block === undefined || 2 * s.outChannels < block) return false;
  // a matrix product alone is not worth bringing the image into blocks
  if (s.kernelHeight * s.kernelWidth === 1 && !e.has(x, blocks) && !isStep(s, block)) return false;
  if (isDepthwise(s)) return s.channels % 4 === 0;
  if (isPadded(s, block)) return true;
  if (s.groups === 1) return s.groupIn < block || s.groupIn % 4 === 0;
  return s.groupIn % block === 0 && (s.outChannels / s.groups) % block === 0;
}

/** Whether a conv of one place leads from few channels, cheap to bring into blocks, to many. */
const isStep = (s: BlockedShape, block: number): boolean =>
  s.groups === 1 && s.outChannels % block === 0 && s.outChannels >= 4 * s.channels;

/**
 * Few groups of few channels are faster as one dense conv with zeros between the groups: at most eightfold work, which
 * blocked convs do ten times as fast as onnxruntime its convs of a few channels.
 */
const isPadded = (s: BlockedShape, block: number): boolean =>
  s.groups > 1 &&
  s.groups <= 8 &&
  s.channels % 4 === 0 &&
  (s.groupIn < block || s.outChannels / s.groups < block) &&
  !isDepthwise(s);

/** A grouped kernel [kh, kw, c/g, o] as the dense one [kh, kw, c, o]. */
function dense(e: Emitter, kernel: string, s: BlockedShape): string {
  const groupOut = s.outChannels / s.groups;
  const mask = e.once(`groups ${[s.channels, s.outChannels, s.groups].join()}`, () => {
    const data = new Float32Array(s.channels * s.outChannels);
    for (let i = 0; i < data.length; i++) {
      const [c, o] = [Math.floor(i / s.outChannels), i % s.outChannels];
      if (Math.floor(c / s.groupIn) === Math.floor(o / groupOut)) data[i] = 1;
    }
    return e.constant(data, [s.channels, s.outChannels], 'float32');
  });
  const copies = e.emit1('Concat', Array<string>(s.groups).fill(kernel), { axis: int(2) });
  return e.emit1('Mul', [copies, mask]);
}

const isDepthwise = (s: BlockedShape): boolean =>
  s.groupIn === 1 && s.groups > 1 && s.outChannels === s.groups;

/** What a blocked conv reads: images of few channels as they are, all others in blocks. */
export interface Source {
  readonly plain: () => string;
  readonly blocked: () => string;
}
export const sourceOf = (e: Emitter, x: Value): Source => ({
  plain: () => e.get(x, nchw),
  blocked: () => e.get(x, blocks),
});

/** The conv of an image with an HWIO kernel `[kh, kw, groupIn, out]`, as an image in blocks. See `canBlock`. */
export function blockedConv(
  e: Emitter,
  image: Source,
  kernel: string,
  s: BlockedShape,
  attributes: Attributes,
): string {
  const block = e.block ?? 1;
  if (isPadded(s, block)) {
    const whole = { ...s, groups: 1, groupIn: s.channels };
    return blockedConv(e, image, dense(e, kernel, s), whole, attributes);
  }
  const { kernelHeight: kh, kernelWidth: kw } = s;
  const inputs = s.groupIn < block ? s.groupIn : wholeBlocks(e, s.groupIn);
  const outputs = wholeBlocks(e, s.outChannels);
  const missing = [0, 0, 0, 0, 0, 0, inputs - s.groupIn, outputs - s.outChannels];
  const filled = missing.some((count) => count > 0) ? e.emit1('Pad', [kernel, e.longs(missing)]) : kernel;
  const direct = !isDepthwise(s) && s.groupIn < block; // few channels are read as they are
  const blocks =
    isDepthwise(s) || direct
      ? e.transpose(e.reshape(filled, [kh, kw, inputs, outputs / block, block]), [3, 2, 0, 1, 4])
      : e.transpose(
          e.reshape(filled, [kh, kw, inputs / block, block, outputs / block, block]),
          [4, 2, 0, 1, 3, 5],
        );
  const weights = e.reshape(blocks, [outputs, inputs, kh, kw]);
  const group = int(isDepthwise(s) ? outputs : s.groups);
  const operands = [direct ? image.plain() : image.blocked(), weights];
  return e.emit1('Conv', operands, { ...attributes, group }, blockedDomain);
}

/** The channels of the blocks that so many fill in part. */
export function wholeBlocks({ block = 1 }: Emitter, channels: number): number {
  return Math.ceil(channels / block) * block;
}

/** A BCHW image of another op's making, in blocks. */
export const blockedImage = (e: Emitter, image: string): string =>
  e.emit1('ReorderInput', [image], {}, blockedDomain);

/** The mean over the places of an image in blocks: [batch, channels, 1, 1]. */
export const placesMean = (e: Emitter, image: string): string =>
  e.emit1('GlobalAveragePool', [image], {}, blockedDomain);
