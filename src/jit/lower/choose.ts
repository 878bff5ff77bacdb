/**
 * @file The layout for an op that runs in any layout: the one for which the fewest values must move.
 */

import type { Value } from '../ir.ts';
import { sizeOf } from '../types.ts';
import type { Emitter } from './emitter.ts';
import { between, blocks, byChannel, isFree, isPlain, type Layout, lay, nchw, plain } from './layout.ts';

/** How many values must move to have `value` in `layout`. */
function cost(emitter: Emitter, value: Value, layout: Layout): number {
  if (value.node.op.kind === 'constant') return 0;
  const free = emitter
    .layouts(value)
    .some((from) =>
      from === blocks || layout === blocks
        ? from === layout
        : isFree(lay(value.shape, from), between(from, layout)),
    );
  return free ? 0 : sizeOf(value.shape);
}

/**
 * Whether `value` lies in memory as a BCHW image whose numbers would have to move to be read as BHWC.
 */
function isImage(emitter: Emitter, value: Value): boolean {
  return emitter.layouts(value).some((layout) => !isPlain(layout) && !isFree(value.shape, layout));
}

/**
 * The layout for an op over `values` whose result has that rank. Operands of smaller rank are broadcast.
 *
 * @param mayBlock whether the op may run on images in blocks.
 */
export function chooseLayout(
  emitter: Emitter,
  values: readonly Value[],
  rank: number,
  mayBlock = false,
): Layout {
  const natural = plain(rank);
  if (!emitter.carry || rank < 4) return natural;
  const full = values.filter((value) => value.shape.length === rank);
  const candidates = new Map<string, Layout>();
  if (rank === 4) {
    candidates.set(nchw.join(), nchw);
    if (full.some((value) => liesByChannel(emitter, value))) candidates.set(byChannel.join(), byChannel);
    if (mayBlock && full.some((value) => emitter.has(value, blocks))) candidates.set(blocks.join(), blocks);
  } else
    for (const layout of full.flatMap((value) => emitter.layouts(value)))
      candidates.set(layout.join(), layout);
  candidates.set(natural.join(), natural);
  const price = (layout: Layout): number =>
    full.reduce((sum, value) => sum + cost(emitter, value, layout), 0);
  const images = full.some((value) => isImage(emitter, value));
  let best = natural;
  let least = price(natural);
  for (const layout of candidates.values()) {
    const here = price(layout);
    const level = images && (isPlain(best) || layout === blocks);
    if (here < least || (here === least && level)) [best, least] = [layout, here];
  }
  return best;
}

/** The name of `value` as an operand that broadcasts against a result of `rank` axes in `layout`. */
export function operand(emitter: Emitter, value: Value, rank: number, layout: Layout): string {
  const { shape } = value;
  if (layout === blocks && sizeOf(shape) === 1) return emitter.get(value);
  if (shape.length === rank) return emitter.get(value, layout);
  if (isPlain(layout) || sizeOf(shape) === 1) return emitter.get(value);
  const padded = [...Array<number>(rank - shape.length).fill(1), ...shape];
  const name = emitter.get(value);
  return emitter.once(`operand ${value.id} ${layout.join()}`, () => {
    const target = lay(padded, layout);
    if (!isFree(padded, layout)) return emitter.transpose(emitter.reshape(name, padded), layout);
    const first = target.findIndex((dim) => dim !== 1);
    return emitter.reshape(name, target.slice(first));
  });
}

/** Whether all of the image's channels fill blocks. */
export const isWhole = ({ block }: Pick<Emitter, 'block'>, { shape }: Value): boolean =>
  block !== undefined && shape.length === 4 && (shape[3] ?? 1) % block === 0;

/** Whether the image lies with channels first of all, where there are no blocks. */
export const liesByChannel = (e: Emitter, x: Value): boolean =>
  e.block === undefined && e.carry && x.shape.length === 4 && e.has(x, byChannel);

export const liesInBlocks = (e: Emitter, x: Value): boolean => isWhole(e, x) && e.has(x, blocks);
