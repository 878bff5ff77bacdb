/** @file Files of weights as timm would save them, for tests that need no trained ones. */
import { expected } from '../../src/import/expect.ts';
import { writeSafetensors } from '../../src/weights/index.ts';
import { compose } from '../../zoo/index.ts';
import { sizeOf } from './nets.ts';

/** The model.safetensors of an architecture under timm's names; variances are ones. */
export function timmWeights(words: string): Uint8Array {
  const tensors = expected(compose(words), 'timm', 'safetensors').map(
    ({ name, foreignShape: shape, slot }) => {
      const value = (_: unknown, i: number): number => (slot === 'variance' ? 1 : (i % 7) / 50);
      return [
        name,
        { dtype: 'F32' as const, shape, data: Float32Array.from({ length: sizeOf(shape) }, value) },
      ] as const;
    },
  );
  return writeSafetensors({ tensors: new Map(tensors), metadata: { format: 'pt' } });
}
