/** @file Files of other libraries, filled as scripts/reference/imports.py fills them: by name and place in the list. */
import type { ForeignTensor, Format, WeightFile } from '../../src/import/index.ts';
import { sizeOf } from './nets.ts';
import { uniform } from './reference-fill.ts';

export interface ReferenceFile {
  readonly net: string;
  readonly source: string;
  readonly by: string;
  /** Shapes by name; a number is a batch norm of so many channels, under the name of its layer. */
  readonly tensors: Readonly<Record<string, readonly number[] | number>>;
  /** timm's default configuration of the model. */
  readonly preprocessing: { readonly mean?: number[]; std?: number[]; interpolation?: string; crop?: number };
  readonly logits: readonly number[];
  /** How far the library's own float32 logits are from these, where that is much: a share of the largest. */
  readonly rounding?: number;
}

const outputsOf = (shape: readonly number[], source: string): number =>
  (source === 'keras' ? shape.at(-1) : shape[0]) as number;

/** Tensor k, by what its name says that it is. */
function values(name: string, k: number, shape: readonly number[], source: string): Float32Array {
  const size = sizeOf(shape);
  const out = new Float32Array(size);
  const last = name.split(/[./]/).at(-1) as string;
  if (['running_mean', 'moving_mean', 'bias', 'beta'].includes(last)) {
    for (let i = 0; i < size; i++) out[i] = 0.2 * (2 * uniform(k, i) - 1);
  } else if (['running_var', 'moving_variance', 'gamma'].includes(last) || shape.length === 1) {
    for (let i = 0; i < size; i++) out[i] = 0.5 + uniform(k, i);
  } else {
    const depthwise = source === 'keras' && shape.at(-1) === 1;
    const fan = depthwise ? sizeOf(shape.slice(0, 2)) : size / outputsOf(shape, source);
    const reach = Math.sqrt(3 / fan);
    for (let i = 0; i < size; i++) out[i] = reach * (2 * uniform(k, i) - 1);
  }
  return out;
}

/** Every tensor of the file, in its order. */
export function tensorsOf({
  tensors,
  source,
}: ReferenceFile): readonly (readonly [string, readonly number[]])[] {
  const keras = source === 'keras';
  const parts = keras
    ? ['/gamma', '/beta', '/moving_mean', '/moving_variance']
    : ['.weight', '.bias', '.running_mean', '.running_var', '.num_batches_tracked'];
  return Object.entries(tensors).flatMap(([name, shape]) =>
    typeof shape === 'number'
      ? parts.map((part) => [`${name}${part}`, part === '.num_batches_tracked' ? [] : [shape]] as const)
      : [[name, shape] as const],
  );
}

export function referenceFile(row: ReferenceFile): WeightFile {
  const { source } = row;
  const format: Format = source === 'keras' ? 'keras-h5' : 'pytorch';
  return {
    format,
    tensors: new Map(
      tensorsOf(row).map(([name, shape], k): [string, ForeignTensor] => [
        name,
        { shape, dtype: 'f32', read: () => values(name, k, shape, source) },
      ]),
    ),
    skipped: [],
    told: {},
  };
}
