/** @file Every reader of files from outside, on damaged files. */
import { strToU8, unzipSync, zipSync } from 'fflate';
import { MoonletError, oneLine } from '../../src/errors.ts';
import { importWeights, readWeightFile } from '../../src/import/index.ts';
import { random } from '../../src/random.ts';
import { compose } from '../../zoo/index.ts';
import { type Bytes, type Damage, type Damaged, type FuzzedReader, mutate } from './damage.ts';
import { onnxReader } from './onnx-damage.ts';
import { ownReaders } from './own-readers.ts';
import { fileOf } from './packed.ts';

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

/** Reads each tensor of a weight file, and imports the whole as the net that it is of. */
function importing(arch: string, damage: Damage): FuzzedReader {
  const graph = compose(arch);
  const read = ({ bytes, shards }: Damaged): void => {
    const file = readWeightFile(bytes, 'file', (path) => {
      const found = shards?.get(path);
      if (!found) throw new MoonletError(`${path}: cannot be read`);
      return found;
    });
    for (const tensor of file.tensors.values()) tensor.read();
    importWeights(graph, file, 'file');
  };
  return { damage, read };
}
const v1 = 'mobilenet-v1 width=0.05 size=32 classes=3';
const v2 = 'mobilenet-v2 width=0.05 size=32 classes=3';

/** Every reader of files from outside, by its name. */
export const readers: Readonly<Record<string, FuzzedReader>> = {
  safetensors: importing(
    v1,
    outside('mobilenet-v1.safetensors', 'mobilenet-v1-bf16.safetensors', 'float8.safetensors'),
  ),
  pytorch: importing(
    v1,
    either(
      outside('mobilenet-v1.pth', 'mobilenet-v1-checkpoint.pth'),
      inside('mobilenet-v1-checkpoint.pth', /data\.pkl$/),
      inside('checkpoint-averaged.pth', /data\.pkl$/),
      inside('mobilenet-v1.pth', /data\.pkl$/),
    ),
  ),
  'pytorch-legacy': importing(
    v1,
    outside('mobilenet-v1-legacy.pth', 'legacy-views.pth', 'checkpoint-averaged-legacy.pth'),
  ),
  'keras-h5': importing(v2, outside('keras-mobilenet-v2.h5')),
  'keras-weights': importing(v2, outside('keras-mobilenet-v2.weights.h5')),
  keras: importing(
    v2,
    either(
      outside('keras-mobilenet-v2.keras'),
      inside('keras-mobilenet-v2.keras', /\.h5$/),
      inside('keras-mobilenet-v2.keras', /config\.json$/),
    ),
  ),
  'tf-layers': importing(v1, tfLayers),
  ...ownReaders,
  onnx: onnxReader,
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

/** Cases from .. to - 1 of a reader: all of each file is read. */
export function fuzz(name: string, from: number, to: number): FuzzReport {
  const { damage, read: readAll } = readers[name] as FuzzedReader;
  const wrong: string[] = [];
  const messages = new Set<string>();
  let [read, refused, slowestMs] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const file = damage(i, random('fuzz', name, i));
    const start = performance.now();
    try {
      readAll(file);
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
