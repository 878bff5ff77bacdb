/** @file Which format a file is of, by its first bytes, never by its name. */
import { MoonletError } from '../errors.ts';
import type { Bytes, WeightFile } from './file.ts';
import { isHdf5 } from './hdf5.ts';
import { readKerasH5, readKerasZip } from './keras.ts';
import { readPytorch } from './pytorch.ts';
import { readSafetensorsFile } from './safetensors.ts';
import { readTfLayers } from './tf-layers.ts';
import { unzip } from './zip.ts';

/** @throws MoonletError when the file is damaged, or of none of the formats; `shard` reads files beside it. */
export function readWeightFile(bytes: Bytes, name: string, shard: (file: string) => Bytes): WeightFile {
  const starts = (...begin: readonly number[]): boolean => begin.every((b, i) => bytes[i] === b);
  if (!bytes.length) throw new MoonletError(`${name}: the file is empty`);
  if (starts(0x50, 0x4b)) {
    const parts = unzip(bytes, name, (entry) => entry === 'config.json');
    return parts.size ? readKerasZip(bytes, name) : readPytorch(bytes, name);
  }
  if (isHdf5(bytes)) return readKerasH5(bytes, name);
  if (starts(0x80) || starts(0x1f, 0x8b) || tarred(bytes))
    throw new MoonletError(
      `${name}: a bare pickle or an archive, such as PyTorch wrote before 1.6; load it there and torch.save its state_dict again`,
    );
  if (bytes[7] === 0 && bytes[8] === 0x7b) return readSafetensorsFile(bytes, name);
  if (starts(0x7b)) return readTfLayers(bytes, name, shard);
  throw new MoonletError(
    `${name}: no weight file that is read here; expected safetensors, PyTorch's zip (.pth), Keras's .h5, .weights.h5 or .keras, or a tf.layers model.json`,
  );
}
const tarred = (bytes: Bytes): boolean => new TextDecoder().decode(bytes.subarray(257, 262)) === 'ustar';
