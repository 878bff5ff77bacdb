/**
 * @file onnxruntime's blocked convs: images as [batch, channels/block, height, width, block] in memory.
 *
 * onnxruntime uses these kernels by itself only for constant weights. A model can also name their ops, and bring the weights into
 * blocks in the graph; so a training step runs on them too. A block has as many channels as a vector register holds; the session
 * asks onnxruntime how many. A model file with these ops runs only on machines with the same block.
 */

import { int, ints } from '../../onnx/index.ts';
import type { Attributes, Value } from '../ir.ts';
import { type Added, convInBlocks, reorderInput, wholeBlocks } from './blocked-ops.ts';
import type { Emitter } from './emitter.ts';
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
export function hasBlockedKernel({ block }: Pick<Emitter, 'block'>, s: BlockedShape): boolean {
  if (block === undefined || 2 * s.outChannels < block) return false;
  if (isDepthwise(s)) return s.channels % 4 === 0;
  if (s.groups === 1) return s.groupIn < block || s.groupIn % 4 === 0;
  return joinedGroups({ block }, s) !== undefined;
}

/** Whether the conv of x runs in blocks. A matrix product alone is not worth bringing the image into blocks. */
export function canBlock(e: Emitter, s: BlockedShape, x: Value): boolean {
  const { block = 1 } = e;
  const isProduct = s.kernelHeight * s.kernelWidth === 1;
  return hasBlockedKernel(e, s) && (!isProduct || e.has(x, blocks) || isStep(s, block));
}

/** Whether a 1x1 conv expands few channels, which are cheap to bring into blocks, to many. */
const isStep = (s: BlockedShape, block: number): boolean =>
  s.groups === 1 && s.outChannels % block === 0 && s.outChannels >= 4 * s.channels;

/** The most groups of few channels that are joined to one, with zeros between them. So many run in the time of one. */
const mostJoined = 8;

/**
 * How many groups are joined to one, so that they fill blocks; 1 where each group fills blocks by itself. Where no number does and
 * the groups are few, all of them are joined, in blocks that are filled in part.
 */
export function joinedGroups(
  { block = 1 }: Pick<Emitter, 'block'>,
  {
    groups,
    groupIn,
    channels,
    outChannels,
  }: Pick<BlockedShape, 'groups' | 'groupIn' | 'channels' | 'outChannels'>,
): number | undefined {
  const groupOut = outChannels / groups;
  for (let joined = 1; joined <= Math.min(groups, mostJoined); joined++) {
    if (groups % joined !== 0) continue;
    if ((groupIn * joined) % block === 0 && (groupOut * joined) % block === 0) return joined;
  }
  return groups <= mostJoined && channels % 4 === 0 ? groups : undefined;
}

/** A grouped kernel [kh, kw, c/g, o] as one of fewer groups, [kh, kw, joined c/g, o]. */
function joinedKernel(e: Emitter, kernel: string, s: BlockedShape, joined: number): string {
  const groupOut = s.outChannels / s.groups;
  const mask = e.once(`joined ${[s.groupIn, s.outChannels, s.groups, joined].join()}`, () => {
    const data = new Float32Array(joined * s.groupIn * s.outChannels);
    for (let i = 0; i < data.length; i++) {
      const [c, o] = [Math.floor(i / s.outChannels), i % s.outChannels];
      if (Math.floor(c / s.groupIn) === Math.floor(o / groupOut) % joined) data[i] = 1;
    }
    return e.constant(data, [joined * s.groupIn, s.outChannels], 'float32');
  });
  const copies = e.emit1('Concat', Array<string>(joined).fill(kernel), { axis: int(2) });
  return e.emit1('Mul', [copies, mask]);
}

const isDepthwise = (s: BlockedShape): boolean =>
  s.groupIn === 1 && s.groups > 1 && s.outChannels === s.groups;

/** What a blocked conv reads: an image of few channels as it is, any other in blocks. */
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
  added: Added = {},
): string {
  const block = e.block ?? 1;
  const joined = s.groups === 1 || isDepthwise(s) ? 1 : (joinedGroups(e, s) ?? 1);
  if (joined > 1) {
    const whole = { ...s, groups: s.groups / joined, groupIn: s.groupIn * joined };
    const wide = e.once(`joined ${kernel} ${joined} ${s.groups}`, () => joinedKernel(e, kernel, s, joined));
    return blockedConv(e, image, wide, whole, attributes, added);
  }
  const { kernelHeight: kh, kernelWidth: kw } = s;
  const direct = readsPlain(s, block);
  const inputs = isDepthwise(s) || direct ? s.groupIn : wholeBlocks(e, s.groupIn);
  const outputs = wholeBlocks(e, s.outChannels);
  const weights = e.once(`kernel in blocks ${kernel} ${inputs}`, () =>
    e.reshape(kernelInBlocks(e, kernel, s, inputs), [outputs, inputs, kh, kw]),
  );
  const groups = isDepthwise(s) ? outputs : s.groups;
  const source = direct ? image.plain() : image.blocked();
  const channels = isDepthwise(s) ? outputs : inputs * s.groups;
  return convInBlocks(e, { image: source, channels, kernel: weights, outputs, groups, attributes, added });
}

/** Whether images of so few channels are read as they are. */
const readsPlain = (s: BlockedShape, block: number): boolean =>
  !isDepthwise(s) && s.groupIn < block && (s.kernelHeight * s.kernelWidth > 1 || s.groupIn % 4 !== 0);

/** A kernel [kh, kw, c, o] as [o/b, c/b, kh, kw, cb, ob]; with channels that fill no block, as [o/b, c, kh, kw, ob]. */
function kernelInBlocks(e: Emitter, kernel: string, s: BlockedShape, inputs: number): string {
  const { block = 1 } = e;
  const taps = s.kernelHeight * s.kernelWidth;
  const outputs = s.outChannels % 4 === 0 ? s.outChannels : wholeBlocks(e, s.outChannels); // a reorder needs a multiple of 4
  const missing = [0, 0, 0, 0, 0, 0, inputs - s.groupIn, outputs - s.outChannels];
  const filled = missing.some((count) => count > 0) ? e.emit1('Pad', [kernel, e.longs(missing)]) : kernel;
  const inner = inputs % block === 0 ? block : 1;
  if (taps > 1 && inputs > inner && outputs % block === 0) {
    const parts = [taps, inputs / inner, inner, outputs / block, block];
    return e.transpose(e.reshape(filled, parts), [3, 1, 0, 2, 4]);
  }
  const rows = e.reshape(filled, [1, taps * inputs, 1, outputs]);
  const turned = reorderInput(e, rows, outputs, true); // [o/b, taps, c, ob]
  if (taps === 1 || inputs === inner) return turned;
  const outer = wholeBlocks(e, outputs) / block;
  return e.transpose(e.reshape(turned, [outer, taps, inputs / inner, inner * block]), [0, 2, 1, 3]);
}

/** The kernel of a depthwise conv that is the identity. */
export const onesOf = (e: Emitter, channels: number): string =>
  e.once(`ones ${channels}`, () =>
    e.constant(new Float32Array(channels).fill(1), [channels, 1, 1, 1], 'float32'),
  );

/** x in blocks, with that many columns of zeros before and behind. Its channels fill blocks. */
export function withColumns(e: Emitter, x: Value, before: number, behind: number): string {
  const image = e.get(x, blocks);
  if (before + behind === 0) return image;
  const channels = x.shape[3] ?? 1;
  const attributes = { kernel_shape: ints([1, 1]), pads: ints([0, before, 0, behind]) };
  const sizes = { channels, outputs: channels, groups: channels };
  return convInBlocks(e, { image, kernel: onesOf(e, channels), ...sizes, attributes });
}
