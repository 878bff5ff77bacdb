/** @file Reads tf.layers models: model.json names the weights, and the files in its folder that contain their bytes. */
import * as z from 'zod';
import { first } from '../access.ts';
import { MoonletError, quote } from '../errors.ts';
import { issueText } from '../graph/index.ts';
import { Budget, mostBytes, mostHeader } from '../weights/index.ts';
import { type Bytes, decode, sizeOf, type WeightFile } from './file.ts';
import { field, kerasModel } from './keras-config.ts';
import { fileOf, type Raw } from './keras-file.ts';

const size = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Values stored as whole numbers: value = min + scale * stored (tfjs-converter's quantization). */
const quantization = z.object({
  dtype: z.enum(['uint8', 'uint16', 'float16']),
  min: z.number().optional(),
  scale: z.number().optional(),
});
const weight = z.object({
  name: z.string().max(1000),
  shape: z.array(size).max(16),
  dtype: z.enum(['float32', 'int32', 'bool']),
  quantization: quantization.optional(),
});
const model = z.object({
  format: z.string().optional(),
  modelTopology: z.unknown(),
  weightsManifest: z.array(
    z.object({ paths: z.array(z.string().max(255)).max(10_000), weights: z.array(weight) }),
  ),
});
const widths = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 } as const;
const dtypes = { float32: 'f32', int32: 'i32', bool: 'u8', float16: 'f16', uint8: 'u8' } as const;

/**
 * `shard` gives the bytes of a file beside model.json.
 * @throws MoonletError when the model is of another kind, damaged, or names files elsewhere.
 */
export function readTfLayers(
  bytes: Bytes,
  name: string,
  shard: (file: string) => Bytes,
  maxBytes = mostBytes,
): WeightFile {
  if (bytes.length > mostHeader)
    throw new MoonletError(`${name}: ${bytes.length} bytes; a model.json has at most ${mostHeader}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new MoonletError(`${name}: not JSON; the file is damaged`);
  }
  const parsed = model.safeParse(json);
  if (!parsed.success)
    throw new MoonletError(`${name}: not a model.json of tf.layers: ${issueText(parsed.error)}`);
  const { format, modelTopology, weightsManifest } = parsed.data;
  if (format !== undefined && format !== 'layers-model')
    throw new MoonletError(
      `${name}: a ${quote(format)}, which has no layers; only layers-model is supported`,
    );
  const raw: Raw[] = [];
  const [read, budget] = [new Set<string>(), new Budget(maxBytes)];
  const readOnce = (path: string): Bytes => {
    if (read.has(path)) throw new MoonletError(`${name}: names the file ${quote(path)} twice`);
    read.add(path);
    const part = shard(path);
    budget.spend(part.length, `${name}: ${quote(path)}`);
    return part;
  };
  for (const { paths, weights } of weightsManifest) {
    const elsewhere = paths.find((path) => !/^[\w.-]+$/.test(path) || path.startsWith('.'));
    if (elsewhere !== undefined)
      throw new MoonletError(
        `${name}: names the file ${quote(elsewhere)}, which is not in its folder; it is refused`,
      );
    const parts = paths.map(readOnce);
    const all = parts.length === 1 ? first(parts) : joined(parts);
    let at = 0;
    for (const entry of weights) {
      const { shape, dtype, quantization } = entry;
      const length = sizeOf(shape) * widths[quantization?.dtype ?? dtype];
      if (at + length > all.length)
        throw new MoonletError(
          `${name}: ${quote(entry.name)} ends at byte ${at + length} of ${all.length}; a shard is truncated`,
        );
      const own = all.subarray(at, at + length);
      const folders = entry.name.split('/');
      const variable = folders.pop() ?? '';
      const whole = dtype !== 'float32' && !quantization;
      raw.push({ folders, variable, tensor: { shape, dtype, whole, read: () => values(own, entry) } });
      at += length;
    }
    if (at !== all.length)
      throw new MoonletError(`${name}: ${all.length - at} bytes of the shards belong to no weight`);
  }
  // the converter puts Keras's configuration one level deeper than tf.layers itself
  const described = kerasModel(field(modelTopology, 'model_config') ?? modelTopology);
  return fileOf('tf-layers', raw, [], described, name);
}

function values(bytes: Bytes, { dtype, quantization }: z.output<typeof weight>): Float32Array {
  if (!quantization) return decode(bytes, dtypes[dtype]);
  const { scale = 1, min = 0 } = quantization;
  const stored = quantization.dtype === 'uint16' ? whole16(bytes) : decode(bytes, dtypes[quantization.dtype]);
  return quantization.dtype === 'float16' ? stored : stored.map((v) => v * scale + min);
}
const whole16 = (bytes: Bytes): Float32Array =>
  Float32Array.from({ length: bytes.length >> 1 }, (_, i) => bytes[2 * i]! + 256 * bytes[2 * i + 1]!);

function joined(parts: readonly Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
