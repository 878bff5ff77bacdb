/** @file Damage to files, seeded: flipped bits, extreme numbers, cuts, copies, parts of other places. */
import { strToU8, unzipSync, zipSync } from 'fflate';
import { MoonletError, oneLine } from '../../src/errors.ts';
import { importWeights, readWeightFile } from '../../src/import/index.ts';
import { type Random, random } from '../../src/random.ts';
import { compose } from '../../zoo/index.ts';
import { fileOf } from './packed.ts';

type Bytes = Uint8Array<ArrayBuffer>;
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
    switch (source.below(7)) {
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
      case 6:
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
export type Damage = (i: number, source: Random) => { bytes: Bytes; shards?: ReadonlyMap<string, Bytes> };

const outside =
  (...names: readonly string[]): Damage =>
  (i, source) => ({ bytes: mutate(packedFile(names[i % names.length] as string), source) });

/** Damage within an entry of a zip that is itself whole, or around it. */
const inside =
  (name: string, entry: RegExp): Damage =>
  (i, source) => {
    const files = { ...unpacked(name) };
    const key = Object.keys(files).find((k) => entry.test(k)) as string;
    files[key] = mutate(files[key] as Bytes, source);
    return { bytes: zipSync(files, { level: i % 8 ? 0 : 6 }) as Bytes };
  };
const either =
  (...damages: readonly Damage[]): Damage =>
  (i, source) =>
    (damages[i % damages.length] as Damage)(Math.floor(i / damages.length), source);

const entries = new Map<string, Readonly<Record<string, Uint8Array>>>();
function unpacked(name: string): Readonly<Record<string, Uint8Array>> {
  const files = entries.get(name) ?? unzipSync(packedFile(name));
  entries.set(name, files);
  return files;
}
const packed = new Map<string, Bytes>();
function packedFile(name: string): Bytes {
  const bytes = packed.get(name) ?? new Uint8Array(fileOf(name));
  packed.set(name, bytes);
  return bytes;
}

const modelJson = strToU8(
  JSON.stringify({
    format: 'layers-model',
    generatedBy: 'test',
    modelTopology: { class_name: 'Model', config: { name: 'm', layers: [] } },
    weightsManifest: [
      {
        paths: ['group1-shard1of2.bin', 'group1-shard2of2.bin'],
        weights: [
          { name: 'conv1/kernel', shape: [3, 3, 3, 8], dtype: 'float32' },
          { name: 'conv_dw_1/depthwise_kernel', shape: [3, 3, 8, 1], dtype: 'float32' },
          {
            name: 'conv1_bn/gamma',
            shape: [8],
            dtype: 'float32',
            quantization: { dtype: 'uint8', min: -1, scale: 0.01 },
          },
          {
            name: 'conv1_bn/beta',
            shape: [8],
            dtype: 'float32',
            quantization: { dtype: 'uint16', min: -1, scale: 0.01 },
          },
          { name: 'steps', shape: [], dtype: 'int32' },
        ],
      },
    ],
  }),
) as Bytes;
const shard = new Uint8Array(600).map((_, i) => i);
const tfLayers: Damage = (i, source) => ({
  bytes: i % 4 ? mutate(modelJson, source) : modelJson,
  shards: new Map([
    ['group1-shard1of2.bin', i % 4 ? shard : mutate(shard, source)],
    ['group1-shard2of2.bin', shard.slice(0, 580)],
  ]),
});

/** Every reader, with the nets that its files are of. */
export const readers: Readonly<Record<string, { readonly arch: string; readonly damage: Damage }>> = {
  safetensors: {
    arch: 'mobilenet-v1 width=0.05 size=32 classes=3',
    damage: outside('mobilenet-v1.safetensors', 'mobilenet-v1-bf16.safetensors'),
  },
  pytorch: {
    arch: 'mobilenet-v1 width=0.05 size=32 classes=3',
    damage: either(
      outside('mobilenet-v1.pth', 'mobilenet-v1-checkpoint.pth'),
      inside('mobilenet-v1-checkpoint.pth', /data\.pkl$/),
      inside('mobilenet-v1.pth', /data\.pkl$/),
    ),
  },
  'keras-h5': {
    arch: 'mobilenet-v2 width=0.05 size=32 classes=3',
    damage: outside('keras-mobilenet-v2.h5'),
  },
  'keras-weights': {
    arch: 'mobilenet-v2 width=0.05 size=32 classes=3',
    damage: outside('keras-mobilenet-v2.weights.h5'),
  },
  keras: {
    arch: 'mobilenet-v2 width=0.05 size=32 classes=3',
    damage: either(
      outside('keras-mobilenet-v2.keras'),
      inside('keras-mobilenet-v2.keras', /\.h5$/),
      inside('keras-mobilenet-v2.keras', /config\.json$/),
    ),
  },
  'tf-layers': { arch: 'mobilenet-v1 width=0.05 size=32 classes=3', damage: tfLayers },
};

export interface FuzzReport {
  /** Files that are read in spite of their damage, and those that are refused. */
  readonly read: number;
  readonly refused: number;
  readonly slowestMs: number;
  /** What went otherwise than it may: the case and what was thrown. */
  readonly wrong: readonly string[];
  readonly messages: ReadonlySet<string>;
}

/** Cases from .. to - 1 of a reader: each tensor is read, and the whole imported. */
export function fuzz(name: string, from: number, to: number): FuzzReport {
  const { arch, damage } = readers[name] as { arch: string; damage: Damage };
  const graph = compose(arch);
  const wrong: string[] = [];
  const messages = new Set<string>();
  let [read, refused, slowestMs] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const { bytes, shards } = damage(i, random('fuzz', name, i));
    const start = performance.now();
    try {
      const file = readWeightFile(bytes, 'file', (path) => {
        const found = shards?.get(path);
        if (!found) throw new MoonletError(`${path}: cannot be read`);
        return found;
      });
      for (const tensor of file.tensors.values()) tensor.read();
      importWeights(graph, file, 'file');
      read++;
    } catch (e) {
      refused++;
      const known = e instanceof Error && ['MoonletError', 'UsageError'].includes(e.name);
      const message = e instanceof Error ? e.message : String(e);
      if (
        !known ||
        !message ||
        message.length > 600 ||
        oneLine(message) !== message ||
        message.includes('\u001b')
      )
        wrong.push(`${name} ${i}: ${e instanceof Error ? e.name : typeof e}: ${message.slice(0, 700)}`);
      messages.add(message.replace(/\d+/g, 'N').slice(0, 80));
    }
    slowestMs = Math.max(slowestMs, performance.now() - start);
  }
  return { read, refused, slowestMs, wrong, messages };
}
