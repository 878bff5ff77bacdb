/**
 * @file onnxruntime's blocked ops, each with its conditions. onnxruntime checks some of them when the graph runs, and reads
 * past its arrays where it does not; here all are checked when the graph is written, for the block that it is written for.
 *
 * Blocks hold 16 channels with AVX-512, 8 with AVX2 and SSE, and other numbers elsewhere; a lowering asks before it uses one
 * (`canBlock`, `canReadRows`, ...), so that a condition that fails here is a fault of that question.
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

/** The least whole blocks that hold so many channels. */
export const wholeBlocks = ({ block = 1 }: Pick<Emitter, 'block'>, channels: number): number =>
  Math.ceil(channels / block) * block;

/** What a blocked conv adds: a number for each output channel, and an image in blocks of the output's shape. */
export interface Added {
  readonly bias?: string | undefined;
  readonly sum?: string | undefined;
}

export interface BlockedConv {
  /** In blocks; in plain channels first where groups have fewer than a block and are not depthwise. */
  readonly image: string;
  /** Input channels in all: fewer than a block, or whole blocks. */
  readonly channels: number;
  readonly kernel: string;
  /** Output channels in all; whole blocks in each group. */
  readonly outputs: number;
  readonly groups: number;
  /** But for the groups. */
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

/** An image of floats, channels first or last, in blocks; empty channels fill the last one. */
export function reorderInput(e: Writer, image: string, channels: number, isLast = false): string {
  blockOf(e);
  demand(channels % 4 === 0, () => `${channels} channels to reorder, which must be a multiple of 4`);
  return e.emit1('ReorderInput', [image], isLast ? { channels_last: int(1) } : {}, blockedDomain);
}

/** The first `channels` of an image in blocks, of as many blocks as they fill, with channels first or last. */
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
