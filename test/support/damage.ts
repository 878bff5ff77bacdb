/** @file Damage to files, seeded: flipped bits, extreme numbers, cuts, copies, parts of other places. */
import type { Random } from '../../src/random.ts';

export type Bytes = Uint8Array<ArrayBuffer>;
const extremes = [
  0,
  1,
  0x7f,
  0x80,
  0xff,
  0x7fff,
  0xffff,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 48,
  2 ** 53,
];

/** Where damage tells most: at the beginning, where headers are, at the end, and anywhere. */
function placeIn(length: number, source: Random): number {
  const near = Math.min(length, 2048);
  const kind = source.below(4);
  if (kind < 2) return source.below(near);
  return kind === 2 ? length - 1 - source.below(near) : source.below(length);
}

/** One to four changes. */
export function mutate(bytes: Bytes, source: Random): Bytes {
  let out = new Uint8Array(bytes);
  for (let n = 1 + source.below(4); n > 0 && out.length > 8; n--) {
    const at = placeIn(out.length, source);
    const length = 1 + source.below(Math.min(64, out.length - at));
    switch (source.below(8)) {
      case 0:
        out[at] = (out[at] as number) ^ (1 << source.below(8));
        break;
      case 1: {
        const view = new DataView(out.buffer);
        const value = extremes[source.below(extremes.length)] as number;
        if (at + 8 <= out.length) view.setBigUint64(at, BigInt(value), true);
        break;
      }
      case 2:
        out[at] = source.below(256);
        break;
      case 3:
        out = out.slice(0, at); // truncated
        break;
      case 4:
        out = joined(out.subarray(0, at), out.subarray(at + length)); // a part is lost
        break;
      case 5:
        out = joined(out.subarray(0, at + length), out.subarray(at)); // a part is there twice
        break;
      case 6: {
        const part = out.slice(at, at + length);
        out = joined(out.subarray(0, at), ...Array<Bytes>(50).fill(part), out.subarray(at)); // a long name
        break;
      }
      case 7:
        out.copyWithin(placeIn(out.length, source), at, at + length);
        break;
    }
  }
  return out;
}

function joined(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A damaged file: case i of its kind. */
export type Damage = (i: number, source: Random) => Damaged;
export interface Damaged {
  readonly bytes: Bytes;
  readonly shards?: ReadonlyMap<string, Bytes>;
}
export interface FuzzedReader {
  readonly damage: Damage;
  /** Reads the whole file. */
  read(file: Damaged): void;
}

/** Values that a field of JSON does not expect, a long name among them. */
const oddValues: readonly unknown[] = [
  ...[null, true, '', 'x\u202e'.repeat(3000), [], {}, [[]]],
  ...[-1, 0, 0.5, 1e300, 2 ** 53, 2 ** 31],
];

/** JSON that is JSON still: one to three fields are gone, renamed, doubled, or of another value. */
export function mutateJson(json: string, source: Random): string {
  const root: unknown = JSON.parse(json);
  for (let n = 1 + source.below(3); n > 0; n--) {
    const holders = objectsIn(root);
    const holder = holders[source.below(holders.length)];
    const keys = holder ? Object.keys(holder) : [];
    const key = keys[source.below(Math.max(1, keys.length))];
    if (!holder || key === undefined) continue;
    const value = holder[key];
    const odd = structuredClone(oddValues[source.below(oddValues.length)]); // later mutations may change it
    switch (source.below(5)) {
      case 0:
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete holder[key];
        break;
      case 1:
        if (Array.isArray(holder)) holder.push(structuredClone(value));
        else holder[key.toUpperCase()] = structuredClone(value);
        break;
      case 2:
        holder['x'.repeat(1 + source.below(3000))] = odd;
        break;
      default:
        holder[key] = typeof value === 'number' && source.below(2) ? value + 1 - source.below(3) : odd;
    }
  }
  return JSON.stringify(root);
}

type Holder = Record<string, unknown>;
/** The objects and arrays in a value, the value first. */
function objectsIn(root: unknown): Holder[] {
  const found: Holder[] = [];
  const open = [root];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    found.push(next as Holder);
    open.push(...Object.values(next));
  }
  return found;
}
