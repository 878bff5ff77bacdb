/**
 * @file onnxruntime's blocked ops, each with its conditions. onnxruntime checks some of them when the graph runs, and reads
 * past its arrays where it does not. Here all are checked when the graph is written, for the block that it is written for.
 *
 * Blocks hold 16 channels with AVX-512, 8 with AVX2 and SSE, and other numbers elsewhere. A lowering asks before it uses a blocked
 * op (`canBlock`, `canRotate`, the `fits` of a filter gradient), so that a condition that fails here is a fault of that check.
 */

import { int } from '../../onnx/index.ts';
import type { Attributes } from '../ir.ts';
import { blockedDomain, type Emitter } from './emitter.ts';

type Writer = Pick<Emitter, 'block' | 'emit1'>;

function demand(holds: boolean, what: () => string): void {
  if (!holds) throw new Error(`internal: a blocked op's condition does not hold: ${what()}`);
}

function blockOf({ block }: Writer): number {
  if (block === undefined) throw new Error('internal: a blocked op for a runtime without blocks');
  return block;
}

/** The number of channels, rounded up to whole blocks. */
export const wholeBlocks = ({ block = 1 }: Pick<Emitter, 'block'>, channels: number): number =>
  Math.ceil(channels / block) * block;

/** What a blocked conv adds: a number for each output channel, and an image in blocks of the output's shape. */
export interface Added {
  readonly bias?: string | undefined;
  readonly sum?: string | undefined;
}

export interface BlockedConv {
  /** In blocks; but channels first where a group has fewer channels than a block and the conv is not depthwise. */
  readonly image: string;
  /** All input channels: fewer than a block, or whole blocks. */
  readonly channels: number;
  readonly kernel: string;
  /** All output channels: whole blocks in each group. */
  readonly outputs: number;
  readonly groups: number;
  /** Without the groups. */
  readonly attributes?: Attributes;
  readonly added?: Added;
}

/** A conv whose output is in blocks. */
export function convInBlocks(e: Writer, c: BlockedConv): string {
  const block = blockOf(e);
  const { channels, outputs, groups, added: { bias = '', sum } = {} } = c;
  const [ins, outs] = [channels / groups, outputs / groups];
  demand(
    Number.isInteger(ins) && Number.isInteger(outs),
    () => `${channels} to ${outputs} channels in ${groups} groups`,
  );
  demand(
    channels < block || channels % block === 0,
    () => `${channels} input channels with blocks of ${block}`,
  );
  if (ins === 1 && outs === 1)
    demand(channels % block === 0, () => `a depthwise conv of ${channels} channels with blocks of ${block}`);
  else {
    demand(ins < block || ins % block === 0, () => `groups of ${ins} input channels with blocks of ${block}`);
    demand(outs % block === 0, () => `groups of ${outs} output channels with blocks of ${block}`);
  }
  const more = sum === undefined ? (bias ? [bias] : []) : [bias, sum];
  return e.emit1(
    'Conv',
    [c.image, c.kernel, ...more],
    { ...c.attributes, group: int(groups) },
    blockedDomain,
  );
}

/** Brings an image of floats, channels first or last, into blocks; channels of zeros fill the last block. */
export function reorderInput(e: Writer, image: string, channels: number, isLast = false): string {
  blockOf(e);
  demand(channels % 4 === 0, () => `${channels} channels to reorder, which must be a multiple of 4`);
  return e.emit1('ReorderInput', [image], isLast ? { channels_last: int(1) } : {}, blockedDomain);
}

/** Brings the first `channels` of an image out of blocks, with channels first or last. The image has as many blocks as they fill. */
export function reorderOutput(e: Writer, image: string, channels: number, isLast = false): string {
  blockOf(e);
  const attributes = { channels: int(channels), channels_last: int(isLast ? 1 : 0) };
  return e.emit1('ReorderOutput', [image], attributes, blockedDomain);
}

/** The mean over the places of an image in blocks: [batch, channels, 1, 1]. */
export function placesMean(e: Writer, image: string): string {
  blockOf(e);
  return e.emit1('GlobalAveragePool', [image], {}, blockedDomain);
}
