/**
 * @file NumPy's .npy format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): a magic string, two
 * version bytes, the header's length, a Python dictionary of element type, order and shape, then the elements.
 */
import type { RawTensor } from '../weights/index.ts';

/** NumPy's names of element types, little-endian, by those of safetensors. */
const dtypes: Readonly<Record<string, string>> = {
  ...{ '|u1': 'U8', '|i1': 'I8', '<u2': 'U16', '<i2': 'I16', '<u4': 'U32', '<i4': 'I32' },
  ...{ '<u8': 'U64', '<i8': 'I64', '<f2': 'F16', '<f4': 'F32', '<f8': 'F64' },
};
const magic = '\x93NUMPY';

/**
 * The array of a .npy file.
 * @param fail is called with the reason, and throws with the name of the file.
 */
export function parseNpy(bytes: Uint8Array, fail: (reason: string) => never): RawTensor {
  const text = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes.length < 12 || text(0, 6) !== magic) return fail('it is not a .npy file, or it is truncated');
  const long = bytes[6] !== 1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const begin = (long ? 12 : 10) + length;
  if (length > 65_536 || begin > bytes.length) return fail('its header is truncated or damaged');
  const header = text(begin - length, begin);
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? '';
  const sizes = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (sizes === undefined || !descr) return fail('its header names no element type or shape');
  if (!/'fortran_order':\s*False/.test(header))
    return fail('it is in Fortran order; save numpy.ascontiguousarray(array)');
  const dtype = dtypes[descr];
  if (dtype === undefined)
    return fail(`its elements are "${descr}"; save one of ${Object.keys(dtypes).join(', ')}`);
  const shape = sizes.split(',').flatMap((size) => (size.trim() ? [Number(size)] : []));
  const wanted = shape.reduce((n, d) => n * d, Number(descr.slice(2)));
  if (bytes.length - begin !== wanted)
    return fail(`shape [${shape.join(', ')}] takes ${wanted} bytes, and it holds ${bytes.length - begin}`);
  return { dtype, shape, bytes: bytes.subarray(begin) };
}
