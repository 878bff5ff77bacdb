/** @file How the numbers of a weight follow when channels are copied, moved, dropped or new. */
import type { Slot } from '../../graph/index.ts';
import { permutation, random } from '../../random.ts';
import { type ChannelMap, isNew } from './channel-map.ts';
import type { WeightMaps } from './replicate.ts';

/** A channel's number within its group. */
const within = (channel: number, size: number): number => (isNew(channel) ? channel : channel % size);

/** How the copies of an input channel share its weights. */
export interface Sharing {
  readonly kind: 'random' | 'equal' | 'original';
  readonly seed: number;
  readonly key: string;
  /** Deviation of the noise on them, as a share of the kernel's own. */
  readonly noise: number;
}

/**
 * An array that lies parallel to a weight, in its new shape; with `sharing` it is split among copies, else repeated. What
 * old outputs read of new inputs is 0, and what new outputs have is `fresh`, or 0.
 */
export function mapWeight(
  data: Float32Array,
  oldShape: readonly number[],
  slot: Slot,
  { input, output, groups }: WeightMaps,
  newShape: readonly number[],
  sharing?: Sharing,
  fresh?: Float32Array,
): Float32Array {
  if (slot !== 'kernel')
    return Float32Array.from(output, (from, i) => (isNew(from) ? (fresh?.[i] ?? 0) : (data[from] as number)));
  const [oldIn, oldOut] = [oldShape.at(-2) as number, oldShape.at(-1) as number];
  const [newIn, newOut] = [newShape.at(-2) as number, newShape.at(-1) as number];
  const places = data.length / (oldIn * oldOut);
  const grown = new Float32Array(places * newIn * newOut);
  const outPerGroup = newOut / groups.now;
  for (let group = 0; group < groups.now; group++) {
    // the old channel, within its group, that each of this group's new input channels copies
    const reads = Int32Array.from({ length: newIn }, (_, i) =>
      input ? within(input[group * newIn + i] as number, oldIn) : i,
    );
    for (let p = 0; p < places; p++) {
      for (let i = 0; i < newIn; i++) {
        for (let j = group * outPerGroup; j < (group + 1) * outPerGroup; j++) {
          const at = (p * newIn + i) * newOut + j;
          const [row, column] = [reads[i] as number, output[j] as number];
          if (isNew(column)) grown[at] = fresh?.[at] ?? 0;
          else if (!isNew(row)) grown[at] = data[(p * oldIn + row) * oldOut + column] as number;
        }
      }
    }
    if (sharing && groups.now === groups.old && input) {
      splitRows(
        grown,
        places,
        newIn,
        newOut,
        [group * outPerGroup, (group + 1) * outPerGroup],
        reads,
        sharing,
        group,
      );
    }
  }
  return grown;
}

/**
 * Each weight w of an input channel with copies becomes parts that sum to w exactly in float32: the first takes
 * t w with t in [1/2, 1), which leaves a rest without rounding (Sterbenz 1974), the next its part of the rest, and so on.
 */
function splitRows(
  kernel: Float32Array,
  places: number,
  rows: number,
  columns: number,
  [from, to]: readonly [number, number],
  reads: ChannelMap,
  { kind, seed, key, noise }: Sharing,
  group: number,
): void {
  const shake = noise ? noise * deviationOf(kernel) : 0;
  const copiesOf = new Map<number, number[]>();
  for (const [i, old] of reads.entries()) {
    const copies = copiesOf.get(old);
    if (copies) copies.push(i);
    else copiesOf.set(old, [i]);
  }
  for (const [old, copies] of copiesOf) {
    const m = copies.length;
    if (m === 1 || isNew(old)) continue;
    const source = random('split', seed, key, group, old);
    const order = kind === 'random' ? Array.from(permutation(m, source), (k) => copies[k] as number) : copies;
    const parts = order.map(() => 0.5 + 0.45 * source.uniform());
    for (let p = 0; p < places; p++) {
      for (let j = from; j < to; j++) {
        let rest = kernel[(p * rows + (order[0] as number)) * columns + j] as number;
        order.forEach((i, k) => {
          const at = (p * rows + i) * columns + j;
          if (kind === 'equal') kernel[at] = rest / m;
          else if (kind === 'original') kernel[at] = k ? 0 : rest;
          else {
            const part = k === m - 1 ? rest : Math.fround((parts[k] as number) * rest);
            kernel[at] = part;
            rest = Math.fround(rest - part);
          }
          if (shake) kernel[at] = (kernel[at] as number) + shake * source.normal();
        });
      }
    }
  }
}

function deviationOf(all: Float32Array): number {
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  return Math.sqrt(all.reduce((a, b) => a + (b - mean) ** 2, 0) / all.length);
}
