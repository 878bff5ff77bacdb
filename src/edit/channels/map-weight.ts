/** @file Transforms a weight when channels are copied, moved, removed or added. */

import { first, last } from '../../access.ts';
import type { Slot } from '../../graph/index.ts';
import { permutation, random } from '../../random.ts';
import { matrixOf } from '../lookup.ts';
import { type ChannelMap, isNew, positions } from './channel-map.ts';
import type { WeightMaps } from './rules/rule.ts';

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
 * An array with the shape of a weight, in the weight's new shape; with `sharing` it is split among copies, else repeated.
 * Old outputs weigh new inputs by 0, and new outputs get `fresh`, or 0.
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
  if (slot !== 'kernel') {
    // a vector; of an attention's bias, one for each distance
    const [before, now] = [last(oldShape), output.length];
    return Float32Array.from({ length: (data.length / before) * now }, (_, i) => {
      const from = output[i % now]!;
      return isNew(from) ? (fresh?.[i] ?? 0) : data[Math.floor(i / now) * before + from]!;
    });
  }
  const [oldIn, oldOut] = matrixOf(oldShape);
  const [newIn, newOut] = matrixOf(newShape);
  const places = data.length / (oldIn * oldOut);
  const grown = new Float32Array(places * newIn * newOut);
  const outPerGroup = newOut / groups.now;
  const columns = Int32Array.from(output);
  const hasNew = columns.some(isNew);
  const inPlace = !hasNew && newOut === oldOut && columns.every((from, j) => from === j);
  for (let group = 0; group < groups.now; group++) {
    // the old channel, within its group, that each of this group's new input channels copies
    const reads = Int32Array.from({ length: newIn }, (_, i) =>
      input ? within(input[group * newIn + i]!, oldIn) : i,
    );
    const [from, to] = [group * outPerGroup, (group + 1) * outPerGroup];
    for (let p = 0; p < places; p++) {
      for (let i = 0; i < newIn; i++) {
        const row = reads[i]!;
        const [start, source] = [(p * newIn + i) * newOut, (p * oldIn + row) * oldOut];
        if (!hasNew) {
          if (isNew(row)) continue;
          if (inPlace) grown.set(data.subarray(source + from, source + to), start + from);
          else for (let j = from; j < to; j++) grown[start + j] = data[source + columns[j]!]!;
          continue;
        }
        for (let j = from; j < to; j++) {
          const column = columns[j]!;
          if (isNew(column)) grown[start + j] = fresh?.[start + j] ?? 0;
          else if (!isNew(row)) grown[start + j] = data[source + column]!;
        }
      }
    }
    if (sharing && groups.now === groups.old && input)
      splitRows({ kernel: grown, places, rows: newIn, columns: newOut, from, to }, reads, sharing, group);
  }
  return grown;
}

/** kernel[places, rows, columns], and the columns from .. to - 1 of one group. */
interface Part {
  readonly kernel: Float32Array;
  readonly places: number;
  readonly rows: number;
  readonly columns: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Each weight w of an input channel with copies becomes parts that sum to w exactly in float32: the first takes
 * t w with t in [1/2, 1), which leaves a rest without rounding (Sterbenz 1974), the next its part of the rest, and so on.
 */
function splitRows(
  { kernel, places, rows, columns, from, to }: Part,
  reads: ChannelMap,
  { kind, seed, key, noise }: Sharing,
  group: number,
): void {
  const deviation = noise ? noise * deviationOf(kernel) : 0;
  for (const [old, copies] of positions(reads)) {
    const m = copies.length;
    if (m === 1 || isNew(old)) continue;
    const source = random('split', seed, key, group, old);
    const order = kind === 'random' ? Array.from(permutation(m, source), (k) => copies[k]!) : copies;
    const parts = order.map(() => 0.5 + 0.45 * source.uniform());
    const rest = new Float32Array(to - from); // rounds what is stored to float32
    for (let p = 0; p < places; p++) {
      const starts = order.map((i) => (p * rows + i) * columns + from);
      const whole = first(starts);
      rest.set(kernel.subarray(whole, whole + rest.length));
      for (const [k, start] of starts.entries()) {
        if (kind === 'original') {
          if (k) kernel.fill(0, start, start + rest.length);
        } else if (kind === 'equal') for (let j = 0; j < rest.length; j++) kernel[start + j] = rest[j]! / m;
        else if (k === m - 1) kernel.set(rest, start);
        else
          for (let j = 0; j < rest.length; j++) {
            const part = Math.fround(parts[k]! * rest[j]!);
            kernel[start + j] = part;
            rest[j]! -= part;
          }
      }
      if (deviation)
        for (let j = 0; j < rest.length; j++)
          for (const start of starts) kernel[start + j]! += deviation * source.normal();
    }
  }
}

function deviationOf(values: Float32Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
}
