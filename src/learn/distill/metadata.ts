/**
 * @file Metadata of a teacher for data-free distillation: means and spreads of its layers by class, and their file.
 * Lopes et al. 2017, arXiv:1710.07535, section 3; data-free.ts makes images from it.
 */

import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import * as z from 'zod';
import { get, item } from '../../access.ts';
import { bytesOfImages, checkSplit, type Split } from '../../data/in-memory.ts';
import { compile, type EngineOptions } from '../../engine/index.ts';
import { MoonletError, quote } from '../../errors.ts';
import { classesOf, isMap, issueText, type Shape, sizeOf } from '../../graph/index.ts';
import { logitsAt } from '../../read/index.ts';
import { type Net, readSafetensors, type StoredTensor, writeSafetensors } from '../../weights/index.ts';
import { checkOneTeacher, strideTaps } from '../loss/taps.ts';
import { passes } from '../task/batches.ts';
import { checkInput, checkLabels } from '../task/data-check.ts';
import type { Scale } from '../task/scale.ts';
import { embeddingOf } from './embeddings.ts';

export interface LayerRecord {
  readonly id: string;
  /** Of what is written down of a value: a map is averaged over cells, down to 8 x 8 places at most. */
  readonly shape: Shape;
  /** [classes, ...shape] */
  readonly mean: Float32Array;
  /** For vectors the Cholesky factors of the covariances, [classes, n, n]; for maps the deviations, [classes, ...shape]. */
  readonly spread: Float32Array;
}
export interface Metadata {
  readonly teacher: string;
  readonly classes: number;
  /** Of the images that were seen. */
  readonly scale: Scale;
  readonly layers: readonly LayerRecord[];
}

const format = 'moonlet-teacher-metadata';
const size = z.int().min(1);
const perChannel = 'must be a number, or one for each channel';
const aboutSchema = z.looseObject({
  teacher: z.string(),
  classes: size,
  scale: z.looseObject({
    shape: z.tuple([size, size, size]),
    mean: z.union([z.number(), z.array(z.number())], perChannel),
    std: z.union([z.number().positive(), z.array(z.number().positive())], perChannel),
  }),
});

/** The record of a teacher as the bytes of a safetensors file. */
export function packMetadata({ layers, ...rest }: Metadata): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  for (const { id, shape, mean, spread } of layers) {
    const full = spread.length > mean.length;
    tensors.set(`${id}:mean`, { dtype: 'F32', shape: [rest.classes, ...shape], data: mean });
    const sides = full ? [...shape, ...shape] : shape;
    tensors.set(`${id}:spread`, { dtype: 'F32', shape: [rest.classes, ...sides], data: spread });
  }
  return writeSafetensors({ tensors, metadata: { format, about: JSON.stringify(rest) } });
}

/** The shape of a map or a vector, of that of a tensor [classes, ...shape]. */
const shapeOf = ([, h = 0, w, c]: readonly number[]): Shape =>
  w === undefined || c === undefined ? [h] : [h, w, c];

/**
 * The record of a teacher, read from the bytes of a file.
 * @throws MoonletError when the file is damaged or another one.
 */
export function unpackMetadata(bytes: Uint8Array, file = 'metadata'): Metadata {
  const { tensors, metadata } = readSafetensors(bytes, file);
  if (metadata['format'] !== format) throw new MoonletError(`${file}: holds no record of a teacher`);
  const about = aboutIn(metadata['about'] ?? '{}', file);
  const layers = [...tensors].flatMap(([key, { shape, data }]): LayerRecord[] => {
    if (!key.endsWith(':mean')) return [];
    const id = key.slice(0, -':mean'.length);
    const spread = tensors.get(`${id}:spread`)?.data;
    const own = shapeOf(shape);
    const sizes = [about.classes * sizeOf(own), about.classes * sizeOf(own) ** 2];
    if (
      !(data instanceof Float32Array) ||
      !(spread instanceof Float32Array) ||
      !sizes.includes(spread.length)
    )
      throw new MoonletError(`${file}: the record of ${quote(id)} is damaged`);
    return [{ id, shape: own, mean: data, spread }];
  });
  if (!layers.length) throw new MoonletError(`${file}: holds no layers`);
  return { ...about, layers };
}

function aboutIn(text: string, file: string): Omit<Metadata, 'layers'> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new MoonletError(`${file}: what it says of the teacher is not JSON; the file is damaged`);
  }
  const parsed = aboutSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new MoonletError(`${file}: about, ${issueText(parsed.error)}; the file is damaged`);
}

/** The layers that are written down: the maps that end the stages, the vector before the logits, the logits. */
export function recordedLayers({ graph }: Net): readonly string[] {
  checkOneTeacher(graph, 'recordMetadata', 'layers');
  const maps = [...strideTaps(graph).values()].map((t) => t.id);
  return [...new Set([...maps, embeddingOf(graph), logitsAt(graph)])];
}

/** How many places of a map one number stands for, in height and width: the least that leaves at most 8 x 8. */
function cellOf(shape: Shape): number {
  if (!isMap(shape)) return 1;
  const [h, w] = shape;
  for (let cell = Math.ceil(Math.max(h, w) / 8); cell <= Math.min(h, w); cell++)
    if (h % cell === 0 && w % cell === 0) return cell;
  return 1;
}
/** The shape of what is written down of a value. */
export const cellsOf = (shape: Shape): Shape => {
  const cell = cellOf(shape);
  return isMap(shape) ? [shape[0] / cell, shape[1] / cell, shape[2]] : shape;
};

/** A map averaged over its cells; a vector as it is. */
function averaged(values: Float32Array, shape: Shape): Float32Array {
  const cell = cellOf(shape);
  if (!isMap(shape) || cell === 1) return values;
  const [h, w, c] = shape;
  const into = new Float32Array(values.length / cell ** 2);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const to = (Math.floor(y / cell) * (w / cell) + Math.floor(x / cell)) * c;
      const from = (y * w + x) * c;
      for (let k = 0; k < c; k++) into[to + k] = into[to + k]! + values[from + k]! / cell ** 2;
    }
  }
  return into;
}

/** Sums of a layer's values by class: of each and of its square, or of all products for a vector. */
function tally(full: Shape, classes: number) {
  const shape = cellsOf(full);
  const n = sizeOf(shape);
  const crossed = !isMap(shape);
  const width = crossed ? n * n : n;
  const [sum, square] = [new Float64Array(classes * n), new Float64Array(classes * width)];
  return {
    add: (c: number, all: Float32Array): void => {
      const v = averaged(all, full);
      for (let a = 0; a < n; a++) {
        const va = v[a]!;
        sum[c * n + a] = sum[c * n + a]! + va;
        const at = c * width + (crossed ? a * n : a);
        for (let b = crossed ? 0 : a; b <= a; b++) {
          const to = crossed ? at + b : at;
          square[to] = square[to]! + va * v[b]!;
        }
      }
    },
    record: (id: string, counts: readonly number[]): LayerRecord => {
      const mean = Float32Array.from(sum, (v, k) => v / counts[Math.floor(k / n)]!);
      const spread = new Float32Array(classes * width);
      for (let c = 0; c < classes; c++) {
        const m = mean.subarray(c * n, (c + 1) * n);
        const around = square.subarray(c * width, (c + 1) * width).map((v, k) => {
          const [a, b] = crossed ? [Math.floor(k / n), k % n] : [k, k];
          return v / counts[c]! - m[a]! * m[b]!;
        });
        spread.set(crossed ? cholesky(around, n) : around.map((v) => Math.sqrt(Math.max(0, v))), c * width);
      }
      return { id, shape, mean, spread };
    },
  };
}

/**
 * How the teacher responds to a split, by class. Here, and only here, data are looked at.
 * @throws MoonletError when the split does not fit the teacher, or a class has no example; UsageError for images of floats.
 */
export async function recordMetadata(
  teacher: Net,
  split: Split,
  scale: Scale,
  {
    layers = recordedLayers(teacher),
    ...engine
  }: EngineOptions & { readonly layers?: readonly string[] } = {},
): Promise<Metadata> {
  const classes = classesOf(teacher.graph);
  checkSplit(split, scale, 'data');
  bytesOfImages(split, 'recordMetadata'); // reconstructed images are bytes
  checkInput(teacher.graph, scale.shape, 'the images are');
  checkLabels(teacher.graph, split.labels, classes, 'data');
  const runner = await compile(teacher, { ...engine, values: layers });
  const tallies = layers.map((id) => tally(get(runner.shapes, id), classes));
  const counts = new Array<number>(classes).fill(0);
  try {
    for (const { x, targets, count } of passes(split, scale, 100)) {
      const values = await runner.run(x);
      for (let i = 0; i < count; i++) {
        const c = targets.labels[i]!;
        counts[c] = (counts[c] ?? 0) + 1;
        layers.forEach((id, k) => {
          const size = sizeOf(get(runner.shapes, id));
          tallies[k]?.add(c, get(values, id).subarray(i * size, (i + 1) * size));
        });
      }
    }
  } finally {
    await runner.release();
  }
  const empty = counts.indexOf(0);
  if (empty >= 0) throw new MoonletError(`data-free: the split has no example of class ${empty}`);
  return {
    teacher: teacher.graph.name,
    classes,
    scale: { shape: scale.shape, mean: scale.mean, std: scale.std },
    layers: layers.map((id, k) => item(tallies, k).record(id, counts)),
  };
}

/** The lower factor L of a covariance, L L^T; only the lower half is read. A small ridge keeps it definite. */
function cholesky(covariance: Float64Array, n: number): Float32Array {
  const full = Matrix.zeros(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      full.set(i, j, covariance[i * n + j]!);
      full.set(j, i, covariance[i * n + j]!);
    }
  }
  const ridge = (1e-6 * full.trace()) / n + 1e-9;
  return Float32Array.from(
    new CholeskyDecomposition(full.add(Matrix.eye(n, n).mul(ridge))).lowerTriangularMatrix.to1DArray(),
  );
}
