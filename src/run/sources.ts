/**
 * @file Loads what a recipe names besides nets: modules with losses, the metadata of a teacher, and training images.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { zooFolder } from '../../zoo/folders.ts';
import { studentNames } from '../../zoo/index.ts';
import type { Dataset, PictureSet, PictureSource, Split } from '../data/index.ts';
import type { EngineOptions } from '../engine/index.ts';
import { MoonletError, oneLine, UsageError } from '../errors.ts';
import {
  type Metadata,
  munge,
  noiseSplit,
  reconstructImages,
  unpackMetadata,
} from '../learn/distill/index.ts';
import type { Scale } from '../learn/task/index.ts';
import type { Net } from '../weights/index.ts';
import type { CustomLoss, LossContext } from './losses.ts';
import { partsOf, partsOfSource } from './parts.ts';
import type { Recipe, Transfer } from './recipe.ts';

/** Every loss of a recipe and of its stages. */
const lossesIn = (recipe: Partial<Recipe>) => [
  ...(recipe.losses ?? []),
  ...(recipe.stages ?? []).flatMap((s) => s.losses ?? []),
];

/**
 * Loads the files of the user's own losses.
 * @throws MoonletError for a file that cannot be loaded; `custom` throws UsageError for a name that it does not export.
 */
export async function customLosses(recipe: Recipe): Promise<Required<Pick<LossContext, 'custom'>>> {
  const files = new Set(lossesIn(recipe).flatMap((l) => (l.kind === 'custom' ? [l.module] : [])));
  const loaded = new Map<string, Readonly<Record<string, unknown>>>();
  for (const file of files) {
    try {
      loaded.set(file, await import(pathToFileURL(resolve(file)).href));
    } catch (e) {
      throw new MoonletError(
        `custom: ${file} cannot be loaded (${oneLine(e instanceof Error ? e.message : String(e))})`,
      );
    }
  }
  return {
    custom: (module, name) => {
      const exported = loaded.get(module)?.[name];
      if (isLoss(exported)) return exported;
      throw new UsageError(
        `custom: ${module} exports no function "${name}"; a loss is a function of ({ student, teacher }, tf)`,
      );
    },
  };
}
const isLoss = (exported: unknown): exported is CustomLoss => typeof exported === 'function';

/**
 * The record of a teacher: that file, or `metadata.safetensors` beside the teacher.
 * @throws MoonletError when it does not exist or is damaged.
 */
export function metadataOf({ teacher = '' }: Recipe, file: string | undefined): Metadata {
  const folder = studentNames().includes(teacher) ? join(zooFolder('students'), teacher) : teacher;
  const path = file ?? join(folder, 'metadata.safetensors');
  if (!existsSync(path))
    throw new MoonletError(
      `${path}: the teacher's metadata is missing; with its dataset installed, create it with npm run zoo -- metadata ${teacher}`,
    );
  return unpackMetadata(readFileSync(path), path);
}

/** Training images, and those that are held out. */
export interface Images {
  readonly train: Split | PictureSource;
  readonly validation?: Split | PictureSource;
}
export interface Sources {
  readonly data: Dataset | undefined;
  /** Files of pictures, which are read while the run needs them. */
  readonly pictures: PictureSet | undefined;
  readonly scale: Scale;
  readonly teacher: Net | undefined;
  readonly metadata: Metadata | undefined;
  readonly engine: EngineOptions;
}

/** The images that a recipe trains on: the dataset's own, or made as its `transfer` says. */
export async function imagesOf(recipe: Recipe, o: Sources, say: (text: string) => void): Promise<Images> {
  const { transfer, seed } = recipe;
  if (transfer?.kind === 'data-free') return { train: await reconstructed(transfer, seed, o, say) };
  const { data, pictures, scale } = o;
  if (pictures) return ofPictures(recipe, pictures);
  if (!data) throw new Error(`internal: no data for ${recipe.data}`);
  if (transfer?.kind === 'noise') return { train: noiseSplit(scale, transfer.images, data.classes, seed) };
  const parts = partsOf(recipe, data);
  if (transfer?.kind !== 'munge') return parts;
  const train = munge(parts.train, { ...transfer, seed });
  say(`${train.count} images made of ${parts.train.count} by MUNGE`);
  return { ...parts, train };
}

/** Whole pictures where random parts of them are taken; damaged ones of both parts are found before the first step. */
async function ofPictures(recipe: Recipe, pictures: PictureSet): Promise<Images> {
  await pictures.test();
  const source = await pictures.source(recipe.augment?.resizedCrop ? 'whole' : 'prepared');
  return partsOfSource(recipe, source);
}

function reconstructed(
  { images, steps, rate, layers, smooth }: Extract<Transfer, { kind: 'data-free' }>,
  seed: number,
  { teacher, metadata, engine }: Sources,
  say: (text: string) => void,
): Promise<Split> {
  if (!teacher || !metadata) throw new UsageError('data-free: needs a "teacher" and its metadata');
  return reconstructImages(teacher, metadata, {
    ...{ images, steps, rate, layers, smooth, seed, ...engine },
    onBatch: (done, first, last) =>
      say(`${done} of ${images} images made; objective ${first.toFixed(2)} -> ${last.toFixed(2)}`),
  });
}
