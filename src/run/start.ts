/**
 * @file The net that a run begins with, made to fit its data: a trained net gets the input and the head that the data need, and
 * says so.
 */
import { listPictures } from '../data/images/list.ts';
import { type Dataset, readPicture } from '../data/index.ts';
import { grow, parsePlan, withHead, withInput } from '../edit/index.ts';
import { MoonletError, Refusal, UsageError } from '../errors.ts';
import { classesOf, inputShape, isMap } from '../graph/index.ts';
import { addHead } from '../learn/distill/index.ts';
import type { Net } from '../weights/index.ts';
import { isTrained, studentOf } from './parts.ts';
import { type PictureCard, pictureCard } from './pictures.ts';
import type { Recipe } from './recipe.ts';

export interface Start {
  readonly net: Net;
  /** What was changed, as texts for the user. */
  readonly notes: readonly string[];
}
/** Beside the net: how its pictures become inputs, and whether their classes are those of the net. */
export interface PictureStart extends Start {
  readonly told: PictureCard;
  readonly keepsHead: boolean;
}

/** The start of a run on images in memory: input and classes follow the data where the net is trained, or the recipe says so. */
export function startOn(
  recipe: Recipe,
  data: Pick<Dataset, 'name' | 'shape' | 'classes'> | undefined,
): Start {
  const net = studentOf(recipe);
  if (!data) return resized(recipe, net, {});
  const [h, w, c] = data.shape;
  const taken = inputShape(net.graph);
  const follows = isTrained(recipe.student) && isMap(taken);
  const input = resized(recipe, net, follows ? { size: [h, w], channels: c, of: data.name } : {});
  const classes = classesOf(input.net.graph);
  const isNew =
    recipe.classes === 'from-data' ||
    (recipe.classes === undefined &&
      !recipe.newHead &&
      isTrained(recipe.student) &&
      classes !== data.classes);
  return isNew ? withNewHead(recipe, input, data.classes, data.name) : input;
}

/** The start of a run on files of pictures, which are read in the size that the net takes. @throws as `pictureCard`. */
export async function startOnPictures(recipe: Recipe): Promise<PictureStart> {
  const { data, student } = recipe;
  const base = studentOf(recipe);
  const list = await listPictures(data);
  const trained = isTrained(student);
  const same =
    trained && !teaches(recipe) && recipe.size === undefined ? await sameSize(list.train) : undefined;
  const input = resized(recipe, base, same ? { ...smaller(base, same), of: list.name } : {});
  const told = pictureCard(student, input.net.graph);
  const isNew =
    recipe.classes === 'from-data' ||
    (recipe.classes === undefined && !recipe.newHead && trained && !matches(list, told, base));
  const notes = [...input.notes, ...(told.note ? [told.note] : [])];
  if (!isNew) return { net: input.net, notes, told, keepsHead: true };
  const start = withNewHead(recipe, { ...input, notes }, list.classNames.length, list.name);
  return { ...start, told, keepsHead: false };
}

const teaches = ({ teacher, ensemble, teachers }: Recipe): boolean =>
  teacher !== undefined || ensemble !== undefined || teachers !== undefined;

/**
 * Whether names of classes are those of a net, by its labels, or without labels as numbers or by how many there are.
 * @throws MoonletError where some are and others are not, which may be a mistyped name.
 */
function matches(
  { name, classNames }: { readonly name: string; readonly classNames: readonly string[] },
  { labels }: PictureCard,
  { graph }: Net,
): boolean {
  const classes = classesOf(graph);
  if (!labels) {
    const areNumbers = classNames.every((label) => /^\d+$/.test(label) && Number(label) < classes);
    // 281 and 967 are classes of the net; 0, 1, 2 are those of other data
    return (
      classNames.length === classes || (areNumbers && classNames.some((label, i) => Number(label) !== i))
    );
  }
  const others = classNames.filter((label) => !labels.includes(label));
  if (others.length && others.length < classNames.length)
    throw new MoonletError(
      `${name}: ${classNames.length - others.length} of its ${classNames.length} classes are classes of ${graph.name}, and "${others[0]}" is not; rename it, or replace the head: --classes from-folder`,
    );
  return !others.length;
}

interface Wanted {
  readonly size?: readonly [height: number, width: number];
  readonly channels?: number;
  /** The data that it is for. */
  readonly of?: string;
}
/** The net with the input that the recipe gives, or else that of the data. */
function resized({ size, channels, student }: Recipe, net: Net, data: Wanted): Start {
  const before = inputShape(net.graph);
  const [wantedSize, wantedChannels] = [size ?? data.size, channels ?? data.channels];
  if (!isMap(before)) {
    if (size !== undefined || channels !== undefined)
      throw new UsageError(
        `size and channels are those of images, and ${student} takes vectors; leave them out`,
      );
    return { net, notes: [] };
  }
  const changed = withInput(net, {
    ...(wantedSize === undefined ? {} : { size: wantedSize }),
    ...(wantedChannels === undefined ? {} : { channels: wantedChannels }),
  });
  if (changed === net) return { net, notes: [] };
  const now = inputShape(changed.graph);
  const why =
    data.of !== undefined && (size === undefined || channels === undefined) ? `, for ${data.of}` : '';
  const kernels = now[2] === before[2] ? '' : `; the first kernels follow`;
  return {
    net: changed,
    notes: [`${student}: input ${before.join(' x ')} -> ${now.join(' x ')}${why}${kernels}`],
  };
}

function withNewHead({ student, seed }: Recipe, { net, notes }: Start, classes: number, data: string): Start {
  return {
    net: withHead(net, classes, { seed }),
    notes: [
      ...notes,
      `${student}: a new head for the ${classes} classes of ${data}, in place of the one for ${classesOf(net.graph)}`,
    ],
  };
}

/** The student before its first step: grown or given one more head. */
export function firstStudent(recipe: Recipe, net: Net, data: Pick<Dataset, 'classes'> | undefined): Net {
  const grown = recipe.grow ? grow(net, parsePlan(recipe.grow), { seed: recipe.seed }).net : net;
  if (!recipe.newHead) return grown;
  return addHead(grown, {
    name: recipe.newHead.name,
    classes: data?.classes ?? classesOf(net.graph),
    seed: recipe.seed,
  });
}

/** So many pictures are looked at, spread over the list. */
const looked = 8;
/** Height and width of pictures that all have the same; undefined for others, or where none can be read. */
async function sameSize(
  list: readonly { readonly path: string }[],
): Promise<readonly [number, number] | undefined> {
  const sizes = new Map<string, readonly [number, number]>();
  const step = Math.max(1, Math.floor(list.length / looked));
  for (let i = 0; i < list.length && i < step * looked; i += step) {
    const picture = await readPicture(list[i]?.path ?? '').catch((e) => {
      if (e instanceof MoonletError) return undefined; // reported when all are read
      throw e;
    });
    if (picture) sizes.set(`${picture.height} ${picture.width}`, [picture.height, picture.width]);
  }
  const [only, ...others] = sizes.values();
  return others.length ? undefined : only;
}

/** The size of pictures that are smaller than what the net takes, and that it takes too. */
function smaller(net: Net, size: readonly [number, number]): Wanted {
  const [h = 0, w = 0] = inputShape(net.graph);
  if (size[0] >= h || size[1] >= w || Math.min(...size) < leastSide) return {};
  try {
    withInput(net, { size });
    return { size };
  } catch (e) {
    if (e instanceof Refusal) return {}; // the pictures are enlarged
    throw e;
  }
}
/** Pictures that are smaller are enlarged: most nets halve their maps five times. */
const leastSide = 32;
