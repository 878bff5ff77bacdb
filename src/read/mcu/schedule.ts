/**
 * @file Layer by layer: how many values are alive at each layer. A tensor lives from the layer that writes it to the last that reads
 * it. In place, a depthwise conv writes each channel over the one before it in its input, with a buffer of one channel, as MCUNet does
 * (Lin et al. 2020, arXiv:2007.10319, section 3.2): N + 1 channels where there were 2 N. Norms and activations that are layers of
 * their own write over their input, and the last conv of a residual block adds to the skip.
 */
import { channelValues, type Unit, valuesOf } from './units.ts';

/** How many values are alive at each layer, without and with writing in place. */
export interface Alive {
  readonly plain: readonly number[];
  readonly inPlace: readonly number[];
}

export function aliveValues(units: readonly Unit[]): Alive {
  const sizes = units.map(valuesOf);
  const plain: number[] = [];
  const inPlace: number[] = [];
  let alive = 0;
  units.forEach((unit, i) => {
    alive += sizes[i]!;
    plain.push(alive);
    inPlace.push(
      alive - saved(unit, i, units, [sizes[i]!, channelValues(unit), sizes[unit.inputs[0] ?? -1] ?? 0]),
    );
    for (const j of unit.inputs) if (units[j]!.lastReader === i) alive -= sizes[j]!;
    if (unit.lastReader < 0) alive -= sizes[i]!; // nothing reads it
  });
  return { plain, inPlace };
}

/**
 * The values that a layer saves when it writes over what it reads.
 * @param size of what it writes; `channel` that of one channel of it; `read` that of its first input.
 */
export function saved(
  { over, inputs }: Unit,
  i: number,
  units: readonly Unit[],
  [size, channel, read]: readonly [size: number, channel: number, read: number],
): number {
  if (over === undefined) return 0;
  if (over === 'accumulating') return size;
  if (over === 'sum') return 2 * size; // of the skip, the term and the sum, the skip alone was there
  if (units[inputs[0] ?? -1]?.lastReader !== i) return 0;
  const both = Math.min(size, read);
  return over === 'depthwise' ? Math.max(0, both - channel) : both;
}

/** The most of a list, and where it first is. */
export function peakOf(alive: readonly number[]): { readonly most: number; readonly at: number } {
  let at = 0;
  for (let i = 1; i < alive.length; i++) if (alive[i]! > alive[at]!) at = i;
  return { most: alive[at] ?? 0, at };
}
