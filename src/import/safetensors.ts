/** @file Reads safetensors of timm, Hugging Face and Moonlet: weights of any float type. */
import { MoonletError, quote } from '../errors.ts';
import { Budget, safetensorsIn } from '../weights/index.ts';
import {
  type Bytes,
  type Dtype,
  decode,
  type ForeignTensor,
  isWhole,
  type ReadOptions,
  readOptions,
  sizeOf,
  type WeightFile,
} from './file.ts';

const dtypes: Readonly<Record<string, Dtype>> = {
  ...{ F64: 'f64', F32: 'f32', F16: 'f16', BF16: 'bf16', F8_E4M3: 'f8e4m3', F8_E5M2: 'f8e5m2' },
  ...{ I64: 'i64', I32: 'i32', I16: 'i16', I8: 'i8', U8: 'u8', BOOL: 'bool' },
};

/** @throws MoonletError that says what is wrong with the file. */
export function readSafetensorsFile(bytes: Bytes, name: string, options: ReadOptions = {}): WeightFile {
  const { maxBytes } = readOptions(options);
  const budget = new Budget(maxBytes);
  const tensors = new Map<string, ForeignTensor>();
  for (const [key, { dtype, shape, bytes: own }] of safetensorsIn(bytes, name).tensors) {
    const known = dtypes[dtype];
    budget.spend(4 * sizeOf(shape), `${name}: ${quote(key)}`);
    tensors.set(key, {
      shape,
      dtype,
      whole: !known || isWhole(known),
      read: () => {
        if (!known)
          throw new MoonletError(`${name}: ${quote(key)} has dtype ${dtype}, which is not supported`);
        return decode(own, known);
      },
    });
  }
  return { format: 'safetensors', tensors, skipped: [], told: {} };
}
