/** @file The names that an ONNX file gave to weights, kept beside a net so that its exports can use them again. */
import { materialize, type Net, type Weight, type WeightKey } from '../weights/index.ts';

/**
 * By weight, such as `features/0:kernel`: the name of its initializer in the file that the net came from, and the fingerprint of
 * its values. JSON.
 */
export type TensorNames = Readonly<Record<string, readonly [name: string, fingerprint: string]>>;

/** 64 bits of the values of a weight, as hexadecimal digits: two 32-bit hashes in the manner of FNV-1a, over words. */
export function fingerprint(weight: Weight): string {
  const { buffer, byteOffset, length } = materialize(weight);
  const words = new Uint32Array(buffer, byteOffset, length);
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  for (let i = 0; i < words.length; i++) {
    a = Math.imul(a ^ words[i]!, 0x01000193);
    b = Math.imul(b ^ words[i]!, 0x85ebca6b);
    b ^= b >>> 13;
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

/**
 * The names of a net's weights in its file. `toOnnx(other, { tensors })` uses them for those weights of another net that are
 * still the same, up to the order of their axes.
 *
 * @example
 * import { init } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 * import { tensorNames, toOnnx } from 'moonlet/export';
 * import { fromOnnx } from 'moonlet/import';
 *
 * const net = fromOnnx(toOnnx(init(wrn()))); // in place of the bytes of a file
 * const again = toOnnx(net, { tensors: tensorNames(net) });
 * console.log(fromOnnx(again).report.tensors.size === net.report.tensors.size); // true
 */
export function tensorNames(
  net: Net & { readonly report: { readonly tensors: ReadonlyMap<WeightKey, string> } },
): TensorNames {
  const entries = [...net.report.tensors].flatMap(([key, name]) => {
    const weight = net.weights.get(key);
    return weight ? [[key, [name, fingerprint(weight)] as const] as const] : [];
  });
  return Object.fromEntries(entries);
}
