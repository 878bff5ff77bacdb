/**
 * @file Encoded weights in a safetensors file. A plain or half-precision weight is one tensor under its own name (F32,
 * F16). Any other is one tensor for each array that it stores, `NAME.data`, `NAME.scales` and so on, and a line in the
 * JSON under `__metadata__.encodings`: `{ NAME: { encoding, shape, bits?, seed?, block?, values? } }`.
 */
import * as z from 'zod';
import { cut, MoonletError, quote } from '../errors.ts';
import { issueText } from '../graph/index.ts';
import { arraysOf, type PlacedWeight, type StoredArray, sizeOfShape, type Weight } from './encodings.ts';
import { Budget, mostBytes } from './limits.ts';
import type { StoredTensor } from './safetensors.ts';

const shape = z.array(z.int().min(0)).max(32);
const bits = z.int().min(1).max(8);
const placed = [
  z.strictObject({ encoding: z.literal('float32'), shape }),
  z.strictObject({ encoding: z.literal('float16'), shape }),
  z.strictObject({ encoding: z.literal('quantized'), shape, bits: bits.min(2) }),
  z.strictObject({ encoding: z.literal('ternary'), shape }),
  z.strictObject({ encoding: z.literal('binary'), shape }),
  z.strictObject({ encoding: z.literal('codebook'), shape, bits }),
] as const;
const description = z.discriminatedUnion('encoding', [
  ...placed,
  z.strictObject({ encoding: z.literal('hashed'), shape, seed: z.int() }),
  z.strictObject({ encoding: z.literal('circulant'), shape, block: z.int().min(1) }),
  z.strictObject({
    encoding: z.literal('sparse'),
    shape,
    values: z.discriminatedUnion('encoding', placed),
  }),
]);
/** An encoded weight without its arrays. */
export type Description = z.output<typeof description>;
type PlacedDescription = z.output<(typeof placed)[number]>;
const descriptions = z.record(z.string(), description);

/** What a file says of a weight besides its arrays. */
export function describe(weight: Weight): Description {
  const shape = [...weight.shape];
  switch (weight.encoding) {
    case 'hashed':
      return { encoding: weight.encoding, shape, seed: weight.seed };
    case 'circulant':
      return { encoding: weight.encoding, shape, block: weight.block };
    case 'sparse':
      return { encoding: weight.encoding, shape, values: describePlaced(weight.values) };
    default:
      return describePlaced(weight);
  }
}
function describePlaced(weight: PlacedWeight): PlacedDescription {
  const shape = [...weight.shape];
  return weight.encoding === 'quantized' || weight.encoding === 'codebook'
    ? { encoding: weight.encoding, shape, bits: weight.bits }
    : { encoding: weight.encoding, shape };
}

/** Finds an array of a weight by its name, such as `data` or `scales`. */
type Take = (name: string) => StoredArray;

/** The weight of a description and its arrays. @throws MoonletError when an array has the wrong type. */
export function restored(about: Description, take: Take): Weight {
  switch (about.encoding) {
    case 'hashed':
    case 'circulant':
      return { ...about, data: floats(take, 'data') };
    case 'sparse': {
      const values = restoredPlaced(about.values, (name) => take(`values.${name}`));
      return { ...about, data: bytes(take, 'data'), values };
    }
    default:
      return restoredPlaced(about, take);
  }
}
function restoredPlaced(about: PlacedDescription, take: Take): PlacedWeight {
  switch (about.encoding) {
    case 'float32':
      return { ...about, data: floats(take, 'data') };
    case 'float16': {
      const data = take('data');
      if (data instanceof Uint16Array) return { ...about, data };
      throw new MoonletError('"data" is no F16 tensor');
    }
    case 'quantized':
    case 'binary':
      return { ...about, data: bytes(take, 'data'), scales: floats(take, 'scales') };
    case 'ternary':
      return {
        ...about,
        data: bytes(take, 'data'),
        scales: floats(take, 'scales'),
        negative: floats(take, 'negative'),
      };
    case 'codebook':
      return { ...about, data: bytes(take, 'data'), centroids: floats(take, 'centroids') };
  }
}
function floats(take: Take, name: string): Float32Array {
  const array = take(name);
  if (array instanceof Float32Array) return array;
  throw new MoonletError(`${quote(name)} is no F32 tensor`);
}
function bytes(take: Take, name: string): Uint8Array {
  const array = take(name);
  if (array instanceof Uint8Array) return array;
  throw new MoonletError(`${quote(name)} is no tensor of bytes`);
}

/** The tensors of a weight, by name. Codes of 8 bits are I8 in the weight's own shape, as other programs expect them. */
export function tensorsOf(key: string, weight: Weight): readonly (readonly [string, StoredTensor])[] {
  if (weight.encoding === 'float32') return [[key, { dtype: 'F32', shape: weight.shape, data: weight.data }]];
  if (weight.encoding === 'float16') return [[key, { dtype: 'F16', shape: weight.shape, data: weight.data }]];
  return arraysOf(weight).map(([name, array]) => {
    if (weight.encoding === 'quantized' && weight.bits === 8 && name === 'data') {
      const data = new Int8Array(array.buffer, array.byteOffset, array.byteLength);
      return [`${key}.${name}`, { dtype: 'I8', shape: weight.shape, data }];
    }
    return [`${key}.${name}`, tensorOf(array)];
  });
}

function tensorOf(data: StoredArray): StoredTensor {
  const shape = [data.length];
  if (data instanceof Float32Array) return { dtype: 'F32', shape, data };
  return data instanceof Uint16Array ? { dtype: 'F16', shape, data } : { dtype: 'U8', shape, data };
}

/**
 * The weights that a file's tensors make, by name.
 * @throws MoonletError when a description is wrong, an array is missing, a tensor is none of a weight, or encoded weights
 * would take more than `maxBytes` as float32.
 */
export function weightsFrom(
  tensors: ReadonlyMap<string, StoredTensor>,
  encoded: string | undefined,
  maxBytes = mostBytes,
): ReadonlyMap<string, Weight> {
  const described = encoded === undefined ? {} : parse(encoded);
  const found = new Map<string, Weight>();
  const used = new Set<string>();
  const budget = new Budget(maxBytes);
  for (const [key, about] of Object.entries(described)) {
    budget.spend(
      4 * sizeOfShape(about.shape),
      `${quote(key)} of shape ${cut(`[${about.shape.join(', ')}]`)}`,
    );
    found.set(
      key,
      restored(about, (name) => {
        const full = `${key}.${name}`;
        const tensor = tensors.get(full);
        if (!tensor) throw new MoonletError(`${quote(full)} is missing, a part of an encoded weight`);
        used.add(full);
        const { data } = tensor;
        if (data instanceof Int8Array) return new Uint8Array(data.buffer, data.byteOffset, data.length);
        if (data instanceof Int32Array)
          throw new MoonletError(`${quote(full)} is I32; no part of a weight is`);
        return data;
      }),
    );
  }
  for (const [key, { dtype, shape: size, data }] of tensors) {
    if (used.has(key)) continue;
    if (data instanceof Float32Array) found.set(key, { encoding: 'float32', shape: size, data });
    else if (data instanceof Uint16Array) found.set(key, { encoding: 'float16', shape: size, data });
    else throw new MoonletError(`${quote(key)} is ${dtype}; a weight is F32`);
  }
  return found;
}

function parse(text: string): Readonly<Record<string, Description>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new MoonletError('__metadata__.encodings is not JSON; the file is damaged');
  }
  const parsed = descriptions.safeParse(json);
  if (!parsed.success) throw new MoonletError(`__metadata__.encodings: ${issueText(parsed.error)}`);
  return parsed.data;
}
