/** @file How pictures become the input of a net: what its card says, and what is usual where no card says it; and data by that. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { architectures, holdsNet, readCard, studentFolder, studentNames } from '../../zoo/index.ts';
import {
  type Dataset,
  isPictures,
  loadDataset,
  type PictureOptions,
  type PictureSet,
  type Preparation,
  pictureSet,
} from '../data/index.ts';
import { MoonletError } from '../errors.ts';
import { readText } from '../files/index.ts';
import { classesOf, type Graph, inputShape, issueText } from '../graph/index.ts';
import type { Origin } from './files.ts';

const numbers = z.array(z.number()).min(1);
const card = z.looseObject({
  preprocessing: z
    .looseObject({
      range: z.tuple([z.number(), z.number()]).optional(),
      mean: numbers,
      std: numbers,
      channels: z.string().optional(),
      interpolation: z.string().optional(),
      crop: z.number().optional(),
      cropMode: z.string().optional(),
    })
    .nullish(),
  /** Names of the classes, in the order of their indices. */
  labels: z.array(z.string()).optional(),
  /** The names that weights have in the file which the net came from; see `tensorNames` of moonlet/export. */
  tensors: z.record(z.string(), z.tuple([z.string(), z.string()])).optional(),
  id: z.string().optional(),
  license: z.string().optional(),
  source: z.string().optional(),
  /** Without `source` where the file is of no library, such as .onnx. */
  imported: z
    .looseObject({ file: z.string(), source: z.string().optional(), sha256: z.string().optional() })
    .optional(),
});

/** What is known of a net's pictures. */
export interface PictureCard {
  readonly preparation: Preparation;
  /** Names of the classes by index; undefined where the card has none. */
  readonly labels?: readonly string[];
  /** What must be said: that there is no card, or that it does not say how pictures become inputs. */
  readonly note?: string;
}

/** Grey as (x - 1/2) / (1/2), colours by ImageNet's mean and deviation. */
const usual = (channels: number): Pick<Preparation, 'mean' | 'std'> =>
  channels === 1 ? { mean: [0.5], std: [0.5] } : { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * How pictures become the input of a net, by its card; the size is always that of its input.
 * @param name a shipped student or a folder with a net; undefined, or an architecture, for one without a card.
 * @throws MoonletError when the net takes no images of 1 or 3 channels, or the card is damaged.
 */
export function pictureCard(name: string | undefined, graph: Graph): PictureCard {
  const [h, w, c] = inputShape(graph);
  if (h === undefined || w === undefined || (c !== 1 && c !== 3))
    throw new MoonletError(
      `${graph.name}: takes [${inputShape(graph).join(', ')}], and pictures are [height, width, 1 or 3]; name a net that takes them`,
    );
  const size: readonly [number, number] = [h, w];
  if (name !== undefined && studentNames().includes(name)) {
    const { mean, std } = readCard(name).preprocessing;
    return { preparation: { size, mean: Array(c).fill(mean), std: Array(c).fill(std), crop: 1 } };
  }
  const known = architectures.has(name?.trim().split(/\s+/)[0] ?? '');
  const path =
    name === undefined || known || !holdsNet(name) ? undefined : join(studentFolder(name), 'card.json');
  const told = path === undefined || !existsSync(path) ? {} : cardAt(path);
  const labels = told.labels === undefined ? {} : { labels: checked(told.labels, graph, path ?? '') };
  const { preprocessing } = told;
  if (preprocessing) {
    const { range, mean, std, channels, interpolation, crop, cropMode } = preprocessing;
    return {
      preparation: {
        size,
        range,
        interpolation,
        crop,
        cropMode,
        ...inputChannels({ mean, std, channels }, c),
      },
      ...labels,
    };
  }
  const note = `${name ?? graph.name}: no card says how pictures become its input; they are resized to ${h} x ${w} with ${c === 1 ? 'mean and deviation 0.5' : "ImageNet's mean and deviation"}`;
  return { preparation: { size, ...usual(c), crop: 1 }, note, ...labels };
}

/**
 * What a card says of channels, for a net that takes `count` of them: grey has the mean of what the colours have, as in timm, and
 * colours repeat what grey has.
 */
function inputChannels(
  { mean, std, channels }: Pick<Preparation, 'mean' | 'std' | 'channels'>,
  count: number,
): Pick<Preparation, 'mean' | 'std' | 'channels'> {
  if (mean.length === count && std.length === count) return { mean, std, channels };
  const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const all = (values: readonly number[]): readonly number[] => Array(count).fill(average(values));
  return { mean: all(mean), std: all(std), channels: count === 1 ? 'gray' : 'rgb' };
}

type CardAfter = Pick<Origin, 'from'> &
  Partial<Origin> &
  Provenance &
  Pick<z.output<typeof card>, 'labels' | 'preprocessing'>;
/** What a net that is made from another one owes to it. */
export interface Provenance {
  readonly license?: string;
  /** Where the first weights are from, in a few words. */
  readonly source?: string;
}

/** The licence and the source on the card of a folder; nothing for a shipped student, or without a card. */
export function provenanceOf(name: string): Provenance {
  const path = join(name, 'card.json');
  if (studentNames().includes(name) || !existsSync(path)) return {};
  return provenance(cardAt(path));
}
function provenance({ id, license, source, imported }: z.output<typeof card>): Provenance {
  const { file, source: by, sha256 } = imported ?? {};
  const told =
    source ??
    id ??
    (file &&
      `${file}${by === undefined ? '' : ` of ${by}`}${sha256 === undefined ? '' : `, sha256 ${sha256}`}`);
  return { ...(license === undefined ? {} : { license }), ...(told === undefined ? {} : { source: told }) };
}

/**
 * The card of a net that was made from the net `name`: what it is for, what that one's card says of pictures and classes, its licence
 * and source; undefined when nothing is known.
 */
export function cardAfter(name: string, data: string | undefined): CardAfter | undefined {
  const path = join(name, 'card.json');
  const told = !studentNames().includes(name) && existsSync(path) ? cardAt(path) : {};
  const { preprocessing, labels, tensors } = told;
  const owed = provenance(told);
  if (data === undefined && !preprocessing && !labels && !tensors && !Object.keys(owed).length)
    return undefined;
  return {
    from: name,
    ...(data === undefined ? {} : { data }),
    ...(labels ? { labels } : {}),
    ...(preprocessing ? { preprocessing } : {}),
    ...(tensors ? { tensors } : {}),
    ...owed,
  };
}

function cardAt(path: string): z.output<typeof card> {
  let json: unknown;
  try {
    json = JSON.parse(readText(path));
  } catch (e) {
    if (e instanceof MoonletError) throw e;
    throw new MoonletError(`${path}: not JSON; import or train the net again`);
  }
  const parsed = card.safeParse(json);
  if (!parsed.success) throw new MoonletError(`${path}: ${issueText(parsed.error)}`);
  return parsed.data;
}

function checked(labels: readonly string[], graph: Graph, path: string): readonly string[] {
  const classes = classesOf(graph);
  if (labels.length === classes) return labels;
  throw new MoonletError(
    `${path}: has ${labels.length} labels, and the net tells ${classes} classes apart; correct "labels", or remove it`,
  );
}

/** How to treat pictures; the rest is on the net's card. */
export type PictureHow = Omit<PictureOptions, 'preparation' | 'classNames' | 'classes'>;

/**
 * How the pictures at `path` are read for a net that exists: by its card, and with its classes. Class folders are matched with the
 * labels on the card, or are numbers of classes; without either there must be as many as the net has classes, in sorted order.
 */
export function optionsFor(
  graph: Graph,
  { preparation, labels }: PictureCard,
  how: PictureHow = {},
): PictureOptions {
  return { ...how, preparation, classNames: labels, classes: classesOf(graph) };
}

/** Files of pictures as inputs of `graph`, by the card of the net `name`. @throws as `pictureSet` and `pictureCard`. */
export function picturesFor(
  data: string,
  net: { readonly name: string | undefined; readonly graph: Graph },
  { say, ...how }: PictureHow & { readonly say?: (text: string) => void } = {},
): Promise<PictureSet> {
  const told = pictureCard(net.name, net.graph);
  if (told.note) say?.(told.note);
  return pictureSet(data, optionsFor(net.graph, told, how));
}

/**
 * A dataset by name or path; a folder or a CSV of pictures becomes inputs of `graph`, by the card of the net `name`.
 * @throws as `loadDataset` and `pictureCard`.
 */
export async function dataFor(
  data: string,
  net: { readonly name: string | undefined; readonly graph: Graph },
  how: PictureHow & { readonly say?: (text: string) => void } = {},
): Promise<Dataset> {
  if (!isPictures(data)) return loadDataset(data);
  const { say, ...rest } = how;
  const told = pictureCard(net.name, net.graph);
  if (told.note) say?.(told.note);
  return loadDataset(data, { pictures: optionsFor(net.graph, told, rest) });
}
