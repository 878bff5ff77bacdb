/**
 * @file A dataset as files: `dataset.json` names the arrays, which are safetensors, .npy or IDX files beside it. Or
 * a folder of IDX files, or a JavaScript module that exports a dataset. docs/guides/own-data.md describes both.
 */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { MoonletError, oneLine, quote, suggestion } from '../errors.ts';
import { codeOf, readText } from '../files/index.ts';
import { issueText, unknownKey } from '../graph/index.ts';
import { type RawTensor, safetensorsIn } from '../weights/index.ts';
import type { Dataset, Pixels } from './dataset.ts';
import { isModule } from './dataset-path.ts';
import { holdsIdx, isIdxFile, readIdxArray, readIdxFolder } from './idx-files.ts';
import { isPlainPictures } from './images/plain.ts';
import { isPictures, type PictureOptions, picturesIn } from './images/set.ts';
import { parseNpy } from './npy.ts';
import { type DatasetInput, dataset, type SplitInput } from './own.ts';

const size = z.int().min(1);
const perChannel = z.union(
  [z.number(), z.array(z.number()).min(1)],
  'must be a number, or a list of one for each channel',
);
/** An array: a .npy file, an IDX file, or a tensor of a safetensors file. */
const array = z.union(
  [z.string(), z.strictObject({ file: z.string(), tensor: z.string() })],
  'must be the name of a .npy or IDX file, or { "file", "tensor" } of a safetensors file',
);
/** A safetensors file with the tensors `images` and `labels`, or where each of the two is. */
const split = z.union(
  [z.string(), z.strictObject({ images: array, labels: array })],
  'must be the name of a safetensors file, or { "images", "labels" }',
);
const about = z.strictObject({
  name: z.string().min(1).optional(),
  shape: z.tuple([size, size, size]).optional(),
  classes: z.int().min(2).optional(),
  classNames: z.array(z.string()).min(2).optional(),
  mean: perChannel.optional(),
  std: perChannel.optional(),
  train: split,
  test: split,
  note: z.string().optional(),
});
type Place = z.output<typeof array>;

/** The file of a dataset: `path` itself, or `dataset.json` of that folder. */
const fileOf = (path: string): string =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, 'dataset.json') : path;
/**
 * Reads a dataset from `dataset.json`, from a folder with one or with IDX files, from a module, or from files of pictures.
 * @param path as the working directory sees it.
 * @throws MoonletError that names the file, for one that cannot be read or does not hold what it says.
 */
export async function readDataset(path: string, pictures?: PictureOptions): Promise<Dataset> {
  if (isPictures(path)) return picturesIn(path, pictures);
  const file = fileOf(path);
  if (file !== path && !existsSync(file)) {
    if (holdsIdx(path)) return readIdxFolder(path);
    throw new MoonletError(
      isPlainPictures(path)
        ? `${path}: its pictures have no classes; put them into a folder for each class (CLASS/picture.jpg), or name them in a CSV with the columns path,label`
        : `${path}: holds neither a dataset.json nor IDX files nor class folders of pictures; give a folder that does`,
    );
  }
  const given = isModule(file) ? await fromModule(file) : await fromJson(file);
  try {
    return dataset(given);
  } catch (e) {
    throw e instanceof MoonletError ? new MoonletError(`${file}: ${e.message}`, { cause: e }) : e;
  }
}

/** A module's dataset: its default export or that named `dataset`; a function is called. */
async function fromModule(file: string): Promise<DatasetInput> {
  const fail = (reason: string): never => {
    throw new MoonletError(`${file}: ${reason}`);
  };
  let exported: { readonly default?: unknown; readonly dataset?: unknown };
  try {
    exported = await import(pathToFileURL(resolve(file)).href);
  } catch (e) {
    return fail(`cannot be loaded (${oneLine(e instanceof Error ? e.message : String(e))})`);
  }
  const value = exported.default ?? exported.dataset;
  const made: unknown = typeof value === 'function' ? await value() : value;
  if (isInput(made)) return made;
  return fail('exports no dataset; export by default what dataset({ shape, classes, train, test }) gives');
}
const isInput = (value: unknown): value is DatasetInput =>
  typeof value === 'object' && value !== null && 'shape' in value && 'train' in value && 'test' in value;

async function fromJson(file: string): Promise<DatasetInput> {
  let json: unknown;
  const text = readText(file);
  try {
    json = JSON.parse(text);
  } catch (e) {
    throw new MoonletError(`${file}: not JSON (${oneLine(e instanceof Error ? e.message : String(e))})`);
  }
  const parsed = about.safeParse(json, { error: unknownKey });
  if (!parsed.success) throw new MoonletError(`${file}: ${issueText(parsed.error)}`);
  const { train, test, shape: stated, name = nameOf(file), ...rest } = parsed.data;
  const read = (place: z.output<typeof split>) => readSplit(place, dirname(file), stated);
  const [first, second] = [await read(train), await read(test)];
  if (first.shape.join() !== second.shape.join())
    throw new MoonletError(
      `${file}: training images are [${first.shape.join(', ')}] and test images [${second.shape.join(', ')}]; give both one shape`,
    );
  return { ...rest, name, shape: first.shape, train: first.split, test: second.split };
}
/** The folder's name, since the file is mostly called dataset.json. */
const nameOf = (file: string): string => resolve(file).split(/[/\\]/).at(-2) || 'dataset';

async function readSplit(
  place: z.output<typeof split>,
  folder: string,
  stated: Dataset['shape'] | undefined,
): Promise<{ split: SplitInput; shape: Dataset['shape'] }> {
  const places: Record<'images' | 'labels', Place> =
    typeof place === 'string'
      ? { images: { file: place, tensor: 'images' }, labels: { file: place, tensor: 'labels' } }
      : place;
  const images = await readArray(places.images, folder);
  const labels = await readArray(places.labels, folder);
  const shape = imageShape(images, stated);
  if (labels.shape.length !== 1)
    labels.fail(
      `labels must be one class index for each image, [n], got [${labels.shape.join(', ')}]; of one-hot rows take the argmax`,
    );
  return {
    shape,
    split: { count: images.shape[0] ?? 0, pixels: pixelsOf(images), labels: labelsOf(labels) },
  };
}

interface Found extends RawTensor {
  fail(reason: string): never;
}
/** An array of a file. @throws MoonletError that names file and tensor. */
async function readArray(place: Place, folder: string): Promise<Found> {
  const { file, tensor } = typeof place === 'string' ? { file: place, tensor: undefined } : place;
  const path = join(folder, file);
  const fail = (reason: string): never => {
    throw new MoonletError(`${path}${tensor === undefined ? '' : `: ${quote(tensor)}`}: ${reason}`);
  };
  if (isIdxFile(file)) return { dtype: 'U8', ...(await readIdxArray(path, fail)), fail };
  const bytes: Uint8Array = await readFile(path).catch((e) => fail(`it cannot be read (${codeOf(e)})`));
  if (extname(file) === '.npy') return { ...parseNpy(bytes, fail), fail };
  if (tensor === undefined)
    return fail('name a .npy or IDX file, or { "file", "tensor" } of a safetensors file');
  const { tensors } = safetensorsIn(bytes, path);
  const found = tensors.get(tensor);
  if (found) return { ...found, fail };
  const names = [...tensors.keys()];
  return fail(
    `the file has no such tensor.${suggestion(tensor, names)} It has ${names.map(quote).join(', ') || 'none'}`,
  );
}

/** Height, width and channels of images [n, h, w, c], or [n, h, w] of one channel. */
function imageShape({ shape, fail }: Found, stated: Dataset['shape'] | undefined): Dataset['shape'] {
  const [, h, w, c = 1] = shape;
  if (h === undefined || w === undefined || shape.length > 4)
    return fail(`images must be [n, height, width, channels], got [${shape.join(', ')}]`);
  if (!stated || (stated[0] === h && stated[1] === w && stated[2] === c)) return [h, w, c];
  const [height, width, channels] = stated;
  const remedy =
    height === w && width === h && channels === c
      ? 'height and width are exchanged: turn the images'
      : channels === h && height === w && width === c
        ? 'the channels come first: save images.transpose(0, 2, 3, 1)'
        : 'correct "shape" or the images';
  return fail(`images are [${h}, ${w}, ${c}], and "shape" says [${stated.join(', ')}]; ${remedy}`);
}

/** Whole elements of a file's bytes, aligned. */
const buffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;
function pixelsOf({ dtype, bytes, fail }: Found): Pixels {
  if (dtype === 'U8') return new Uint8Array(buffer(bytes));
  if (dtype === 'F32') return new Float32Array(buffer(bytes));
  if (dtype === 'F64') return Float32Array.from(new Float64Array(buffer(bytes)));
  return fail(`images must be bytes (U8) or floats (F32, F64), got ${dtype}; convert them`);
}
function labelsOf({ dtype, bytes, fail }: Found): SplitInput['labels'] {
  const Kind = labelKinds[dtype];
  if (Kind) return new Kind(buffer(bytes));
  return fail(
    `labels must be whole numbers, one of ${Object.keys(labelKinds).join(', ')}, got ${dtype}; convert them`,
  );
}
const labelKinds: Readonly<Record<string, new (b: ArrayBuffer) => SplitInput['labels']>> = {
  ...{ U8: Uint8Array, I8: Int8Array, U16: Uint16Array, I16: Int16Array },
  ...{ U32: Uint32Array, I32: Int32Array, I64: BigInt64Array, U64: BigUint64Array },
};
