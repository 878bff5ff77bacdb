/** @file Two copies of some units in a net that grew: how their weights go back to those of the old net, and move apart. */
import { defined, get } from '../../access.ts';
import type { Growth } from '../../edit/index.ts';
import { producersOf } from '../../edit/prune/importance.ts';
import type { Channels, Slot } from '../../graph/index.ts';
import { float, materialize, type Net, type Weight, type WeightKey } from '../../weights/index.ts';

/** By key, in the shape of the old weights; 0 for weights that make none of the units. */
export type Directions = ReadonlyMap<WeightKey, Float32Array>;

/** The weights that make some units: by key the unit of each column, numbered from 0, or -1. */
export interface Units {
  readonly number: ReadonlyMap<number, number>;
  readonly byKey: ReadonlyMap<WeightKey, Int32Array>;
}

export function unitsOf(net: Net, all: Channels, units: readonly number[]): Units {
  const number = new Map(units.map((unit, i) => [unit, i]));
  const byKey = new Map<WeightKey, Int32Array>();
  for (const { id } of producersOf(net, all)) {
    const columns = Int32Array.from(get(all.of, id), (unit) => number.get(unit) ?? -1);
    if (columns.every((unit) => unit < 0)) continue;
    for (const slot of ['kernel', 'bias'] as const satisfies readonly Slot[]) {
      const key: WeightKey = `${id}:${slot}`;
      if (net.weights.has(key)) byKey.set(key, columns);
    }
  }
  return { number, byKey };
}

/** A net with two copies of some units, and how their weights go back to those of the old net. */
export interface Twins {
  readonly net: Net;
  readonly old: ReadonlyMap<WeightKey, Float32Array>;
  readonly parts: ReadonlyMap<WeightKey, Part>;
}
/** By place of a new weight: the old place, the share of it where inputs are split, and +1 or -1 for the first or second copy. */
interface Part {
  readonly source: Int32Array;
  readonly share: Float32Array;
  readonly sign: Int8Array;
}

export function twinsOf(net: Net, growth: Growth, { byKey }: Units): Twins {
  const old = new Map([...byKey.keys()].map((key) => [key, materialize(get(net.weights, key))] as const));
  const parts = new Map<WeightKey, Part>();
  for (const [key, data] of old) {
    const ones = data.map(() => 1);
    const followed = (array: Float32Array, as: 'weight' | 'gradient'): Float32Array =>
      defined(growth.follow(key, array, as), `growth of ${key}`);
    const share = followed(ones, 'weight');
    // arrays of gradients are repeated over inputs, and divided by the number of copies over outputs
    const [places, copies] = [
      followed(
        data.map((_, i) => i),
        'gradient',
      ),
      followed(ones, 'gradient'),
    ];
    const source = Int32Array.from(places, (v, at) => Math.round(v / copies[at]!));
    const map = get(growth.maps, key.slice(0, key.lastIndexOf(':')));
    const first = new Map<number, number>();
    const second = new Set<number>();
    for (const [j, from] of map.entries()) {
      if (first.has(from)) second.add(from);
      else first.set(from, j);
    }
    const signs = Int8Array.from(map, (from, j) => (second.has(from) ? (first.get(from) === j ? 1 : -1) : 0));
    parts.set(key, { source, share, sign: Int8Array.from(share, (_, at) => signs[at % signs.length]!) });
  }
  return { net: growth.net, old, parts };
}

/** The net with the copies of each unit moved along its direction, one forwards and one backwards. */
export function moved({ net, parts }: Twins, directions: Directions, distance: number): Net {
  const weights = new Map<WeightKey, Weight>(net.weights);
  for (const [key, { source, share, sign }] of parts) {
    const direction = get(directions, key);
    const stored = get(net.weights, key);
    const data = materialize(stored).map(
      (w, at) => w + distance * sign[at]! * share[at]! * direction[source[at]!]!,
    );
    weights.set(key, float(stored.shape, data));
  }
  return { ...net, weights };
}

/** The gradients of first copies less those of second ones, in the shape of the old weights. */
export function differences(
  { old, parts }: Twins,
  gradient: ReadonlyMap<WeightKey, Float32Array>,
): Directions {
  return new Map(
    [...parts].map(([key, { source, share, sign }]) => {
      const sums = new Float32Array(get(old, key).length);
      get(gradient, key).forEach((g, at) => {
        sums[source[at]!]! += sign[at]! * share[at]! * g;
      });
      return [key, sums];
    }),
  );
}

/** Arithmetic on directions, unit by unit. */
export interface PerUnit {
  /** The inner product of each unit's entries. */
  dots(a: Directions, b: Directions): Float64Array;
  /** f of each entry, its unit, and where it stands. */
  mapped(a: Directions, f: (v: number, unit: number, key: WeightKey, at: number) => number): Directions;
  /** Each unit's entries at a norm. */
  scaled(a: Directions, norms: Float64Array): Directions;
}

export function perUnit({ number, byKey }: Units): PerUnit {
  const dots: PerUnit['dots'] = (a, b) => {
    const sums = new Float64Array(number.size);
    for (const [key, columns] of byKey) {
      const [x, y] = [get(a, key), get(b, key)];
      for (let i = 0; i < x.length; i++) {
        const unit = columns[i % columns.length]!;
        if (unit >= 0) sums[unit]! += x[i]! * y[i]!;
      }
    }
    return sums;
  };
  const mapped: PerUnit['mapped'] = (a, f) =>
    new Map(
      [...a].map(([key, values]) => {
        const columns = get(byKey, key);
        const of = (v: number, i: number): number => {
          const unit = columns[i % columns.length]!;
          return unit < 0 ? 0 : f(v, unit, key, i);
        };
        return [key, values.map(of)];
      }),
    );
  const scaled: PerUnit['scaled'] = (a, norms) => {
    const own = dots(a, a).map(Math.sqrt);
    return mapped(a, (v, unit) => (own[unit] ? (v * norms[unit]!) / own[unit]! : 0));
  };
  return { dots, mapped, scaled };
}
