/**
 * @file Transforms the moments of gradients of a weight whose channels were copied; the mathematics is at `Follows`.
 */
import type { Slot } from '../../graph/index.ts';
import { matrixOf } from '../lookup.ts';
import type { ChannelMap } from './channel-map.ts';
import type { Follows } from './growth.ts';
import type { WeightMaps } from './rules/rule.ts';

/** Moments that were repeated for the copies of inputs and outputs, scaled as gradients are. */
export function rescaled(
  moments: Float32Array,
  as: Exclude<Follows, 'weight'>,
  slot: Slot,
  { input, output, groups }: WeightMaps,
  shape: readonly number[],
): Float32Array {
  const ofOutput = counts(output);
  const columns = output.length;
  const rows = slot === 'kernel' ? matrixOf(shape)[0] : 1;
  // copies of a whole group read channels of their own: nothing is split
  const split = slot === 'kernel' && input && groups.now === groups.old;
  const ofInput = Array.from({ length: groups.now }, (_, g) =>
    split ? counts(input.subarray(g * rows, (g + 1) * rows)) : undefined,
  );
  return moments.map((v, at) => {
    const j = at % columns;
    const share = 1 / ofOutput[j]!;
    if (as === 'gradient') return v * share;
    const group = Math.floor((j * groups.now) / columns);
    const parts = ofInput[group]?.[Math.floor(at / columns) % rows] ?? 1;
    return v * (parts * share) ** 2;
  });
}

/** For each new channel, how many copy the same old one. */
function counts(map: ChannelMap): readonly number[] {
  const times = new Map<number, number>();
  for (const old of map) times.set(old, (times.get(old) ?? 0) + 1);
  return Array.from(map, (old) => times.get(old) ?? 1);
}
