/**
 * @file Detects the format of a file from its structure, never from its name or from a byte that another format may
 * have. A safetensors file begins with the length of its header, so that its first bytes can be those of any format;
 * its ninth byte and the zeros of a length below 100 MB distinguish it from all other formats.
 */
import { MoonletError, quote } from '../errors.ts';
import { looksLikeSafetensors } from '../weights/index.ts';
import { type Bytes, type ReadOptions, readOptions, type WeightFile } from './file.ts';
import { isHdf5 } from './hdf5.ts';
import { readKerasH5, readKerasZip } from './keras.ts';
import { isLegacy, readLegacy } from './legacy.ts';
import { readPytorch } from './pytorch.ts';
import { readSafetensorsFile } from './safetensors.ts';
import { readTfLayers } from './tf-layers.ts';
import { isZip, zipNames } from './zip.ts';

/**
 * Reads a file of weights: safetensors, PyTorch, Keras (.h5, .keras) or a tf.layers model.json. Values are decoded later,
 * when they are imported.
 *
 * @param name the name of the file, for error messages.
 * @param shard gives the bytes of another file in the same folder; only model.json needs it.
 * @throws MoonletError when the file is damaged, of none of the formats, or larger in memory than `maxBytes`.
 * @example
 * import { init, pack } from 'moonlet';
 * import { wrn } from 'moonlet/architectures';
 * import { importWeights, readWeightFile } from 'moonlet/import';
 *
 * const { weights } = pack(init(wrn())); // in place of the bytes of a file
 * const file = readWeightFile(weights, 'weights.safetensors');
 * const { report, net } = importWeights(wrn(), file, 'weights.safetensors');
 * report.missing.length; // 0
 */
export function readWeightFile(
  bytes: Bytes,
  name: string,
  shard: (file: string) => Bytes = (file) => {
    throw new MoonletError(
      `${name}: needs the file ${quote(file)} in the same folder; pass a function that reads it`,
    );
  },
  options: ReadOptions = {},
): WeightFile {
  const { maxBytes } = readOptions(options);
  if (!bytes.length) throw new MoonletError(`${name}: the file is empty`);
  if (looksLikeSafetensors(bytes)) return readSafetensorsFile(bytes, name, options);
  if (isHdf5(bytes)) return readKerasH5(bytes, name);
  if (isZip(bytes)) {
    const entries = new Set(zipNames(bytes, name));
    const keras = entries.has('config.json') && entries.has('model.weights.h5');
    return keras ? readKerasZip(bytes, name, options) : readPytorch(bytes, name, options);
  }
  if (isLegacy(bytes)) return readLegacy(bytes, name, maxBytes);
  if (isJson(bytes)) return readTfLayers(bytes, name, shard, maxBytes);
  if (isPickle(bytes))
    throw new MoonletError(
      `${name}: a bare pickle, which torch.save never writes; load it in Python and save its state_dict with torch.save`,
    );
  if (isGzip(bytes) || isTar(bytes))
    throw new MoonletError(`${name}: an archive (gzip or tar); unpack it and import the file in it`);
  throw new MoonletError(
    `${name}: not a supported weight file; expected safetensors, PyTorch's (.pth), Keras's .h5, .weights.h5 or .keras, or a tf.layers model.json`,
  );
}

/** An object, after a byte order mark or white space. */
const isJson = (bytes: Bytes): boolean =>
  /^\uFEFF?\s*\{/.test(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, 64)));
/** PROTO of 2 to 5 and a STOP at the end. */
const isPickle = (bytes: Bytes): boolean =>
  bytes[0] === 0x80 && [2, 3, 4, 5].includes(bytes[1] ?? 0) && bytes.at(-1) === 0x2e;
/** The only method that gzip has, 8, and no flag that it has not. */
const isGzip = (bytes: Bytes): boolean =>
  bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8 && ((bytes[3] ?? 0xff) & 0xe0) === 0;
const isTar = (bytes: Bytes): boolean =>
  new TextDecoder().decode(bytes.subarray(257, 262)) === 'ustar' && bytes.length % 512 === 0;
