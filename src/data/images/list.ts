/**
 * @file Which pictures a folder or a table names, and their classes: `folder/class/picture`, the same below `train` and `val`, or a CSV
 * with the columns `path` and `label`. No picture is opened.
 */
import { readdirSync, statSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { MoonletError, messageOf, oneLine, quote } from '../../errors.ts';
import { readText } from '../../files/index.ts';
import { permutation, random } from '../../random.ts';

/** A file and its class, an index into `classNames`. */
export interface Labelled {
  readonly path: string;
  readonly label: number;
}
/** Pictures of classes, in a part to train on and one to measure on. */
export interface PictureList {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly train: readonly Labelled[];
  readonly test: readonly Labelled[];
  /** Whether the source itself had two parts; else every fifth picture of a class was held out. */
  readonly parted: boolean;
  /** Pictures of kinds that are not read, such as `.bmp`, in the folders of classes. */
  readonly passedOver: readonly string[];
}
type Named = readonly { readonly path: string; readonly label: string }[];

/** The kinds of pictures that are read, by the ends of their names. */
export const kinds = ['.png', '.jpg', '.jpeg', '.webp'];
/** Kinds that others read or write, and that are named where they are left out. */
const otherKinds = ['.bmp', '.gif', '.tif', '.tiff', '.ppm', '.pgm', '.avif', '.heic', '.jfif', '.jxl'];
const testNames = ['val', 'valid', 'validation', 'test', 'testing'];
/** Which part a name means, in any case: 0 for the one to train on, then those to measure on, the first found first. */
const partOf = (name: string): number => {
  const lower = name.toLowerCase();
  return lower === 'training' ? 0 : ['train', ...testNames].indexOf(lower);
};
const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Names of the folders in a folder, sorted; hidden ones are left out. */
const foldersIn = (path: string): readonly string[] =>
  readdirSync(path, { withFileTypes: true })
    .flatMap((e) =>
      !e.name.startsWith('.') &&
      (e.isDirectory() || statSync(join(path, e.name), { throwIfNoEntry: false })?.isDirectory())
        ? [e.name]
        : [],
    )
    .sort(byCode);

/** Whether a folder may be one of pictures: it has folders in it. */
export const holdsClasses = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && foldersIn(path).length > 0;

/** The pictures in a folder and in folders below it, sorted; hidden ones are left out. */
export const picturesBelow = (folder: string): readonly string[] => filesBelow(folder, kinds);

const filesBelow = (folder: string, extensions: readonly string[]): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => extensions.includes(extname(file).toLowerCase()) && !/(^|[/\\])\./.test(file))
    .sort(byCode)
    .map((file) => join(folder, file));

/** The pictures of class folders, those in folders below a class too. @throws MoonletError for a class without one. */
function inFolders(root: string): Named {
  return foldersIn(root).flatMap((label) => {
    const paths = picturesBelow(join(root, label));
    if (!paths.length)
      throw new MoonletError(
        `${join(root, label)}: no pictures (${kinds.join(', ')}) in this class; add some, or remove the folder`,
      );
    return paths.map((path) => ({ path, label }));
  });
}

/** The rows of a CSV, whose first line names the columns: `path`, `label` and, if it has it, `split`. */
async function inTable(file: string): Promise<{ readonly train: Named; readonly test: Named | undefined }> {
  const fail = (reason: string): never => {
    throw new MoonletError(`${file}: ${reason}`);
  };
  const { parse } = await import('csv-parse/sync');
  const text = readText(file);
  let rows: readonly (readonly string[])[];
  try {
    rows = parse(text, { bom: true, skip_empty_lines: true, trim: true });
  } catch (e) {
    return fail(`not a CSV (${oneLine(messageOf(e))})`);
  }
  const [head = [], ...body] = rows;
  const [path, label, split] = ['path', 'label', 'split'].map((name) => head.indexOf(name));
  if (path === undefined || label === undefined || path < 0 || label < 0)
    return fail(`its first line must name the columns path,label, got ${quote(head.join(','))}`);
  const parts: { readonly train: Named[number][]; readonly test: Named[number][] } = { train: [], test: [] };
  body.forEach((row, i) => {
    const part = split === undefined || split < 0 ? 'train' : (row[split] ?? '');
    if (partOf(part) < 0)
      fail(`row ${i + 1}: split must be train, ${testNames.join(', ')}, got ${quote(part)}`);
    const [at = '', name = ''] = [row[path], row[label]];
    if (!at || !name) fail(`row ${i + 1}: path and label must not be empty`);
    parts[partOf(part) ? 'test' : 'train'].push({ path: resolve(dirname(file), at), label: name });
  });
  return { train: parts.train, test: parts.test.length ? parts.test : undefined };
}

/**
 * Names of classes in the order of their indices: sorted, as torchvision's ImageFolder has them; names that are the numbers from 0 up
 * (also as 00, 01, ...) are those indices.
 */
function ordered(names: readonly string[]): readonly string[] {
  const all = [...new Set(names)].sort(byCode);
  const byNumber = all.toSorted((a, b) => Number(a) - Number(b));
  return byNumber.every((name, i) => /^\d+$/.test(name) && Number(name) === i) ? byNumber : all;
}

/** About a fifth of each class, by a fixed seed; a class of one picture stays whole. */
function heldOut(all: Named, classNames: readonly string[]): { readonly train: Named; readonly test: Named } {
  const test = new Set<string>();
  for (const name of classNames) {
    // a table may name a picture several times
    const members = [...new Set(all.flatMap(({ path, label }) => (label === name ? [path] : [])))];
    const order = permutation(members.length, random('held out', 0, name));
    const count = members.length < 2 ? 0 : Math.max(1, Math.floor(members.length / 5));
    for (const i of order.subarray(0, count)) test.add(members[i] ?? '');
  }
  return { train: all.filter(({ path }) => !test.has(path)), test: all.filter(({ path }) => test.has(path)) };
}

/** The net that pictures are for, as far as its classes go. */
export interface ClassesOfNet {
  /** The names of its classes by index. */
  readonly classNames?: readonly string[] | undefined;
  /** How many there are. */
  readonly classes?: number | undefined;
}

/** The names of the classes by index: those of the net, where they are known; numbers of its classes; else the names found, in order. */
function namesFor(
  found: readonly string[],
  { classNames, classes = classNames?.length }: ClassesOfNet,
): readonly string[] {
  const own = ordered(found);
  const byNumber = new Map(own.map((name) => [Number(name), name]));
  const areNumbers =
    byNumber.size === own.length && own.every((name) => /^\d+$/.test(name) && Number(name) < (classes ?? 0));
  if (classNames && (!areNumbers || own.some((name) => classNames.includes(name)))) return classNames;
  // names such as 007 stay as they are
  return areNumbers && classes !== undefined
    ? Array.from({ length: classes }, (_, i) => byNumber.get(i) ?? `${i}`)
    : own;
}

/**
 * The pictures of a folder or of a CSV.
 * @param net where a net has classes: then each name must be one of its names, or the number of a class.
 * @throws MoonletError that names the file or folder, for a class without pictures, one that only the test part has, or no pictures.
 */
export async function listPictures(path: string, net: ClassesOfNet = {}): Promise<PictureList> {
  const isTable = extname(path).toLowerCase() === '.csv';
  const { train: first, test: second } = isTable ? await inTable(path) : foldersOf(path);
  if (!first.length)
    throw new MoonletError(`${path}: no pictures to train on; give class folders with ${kinds.join(', ')}`);
  const classNames = namesFor(
    first.map(({ label }) => label),
    net,
  );
  if (classNames.length < 2)
    throw new MoonletError(`${path}: only the class ${quote(classNames[0] ?? '')}; give at least two`);
  const index = new Map(classNames.map((name, i) => [name, i]));
  const whose = net.classNames ? 'of the net' : 'in the training part';
  const labelled = (all: Named): readonly Labelled[] =>
    all.map(({ path: file, label }) => {
      const at = index.get(label);
      if (at !== undefined) return { path: file, label: at };
      throw new MoonletError(
        `${path}: the class ${quote(label)} of ${file} is none of the ${classNames.length} classes ${whose}; rename it, or leave it out`,
      );
    });
  const parts = second
    ? { train: first, test: second }
    : heldOut(first, [...new Set(first.map((p) => p.label))]);
  if (!parts.test.length)
    throw new MoonletError(
      `${path}: no class has two pictures, so that none can be held out; make the folders train and val`,
    );
  const name = resolve(path).split(/[/\\]/).at(-1) ?? 'pictures';
  return {
    ...{ name, classNames, parted: second !== undefined },
    passedOver: isTable ? [] : otherPictures(path),
    train: labelled(parts.train),
    test: labelled(parts.test),
  };
}

/** The pictures of the part to train on where there is one, else all; what folders and labels are called means nothing. */
export async function trainingPictures(path: string): Promise<readonly string[]> {
  if (extname(path).toLowerCase() === '.csv') return (await inTable(path)).train.map((p) => p.path);
  return picturesBelow(partsIn(path)?.train ?? path);
}

function foldersOf(path: string): { readonly train: Named; readonly test: Named | undefined } {
  const parts = partsIn(path);
  return parts
    ? { train: inFolders(parts.train), test: inFolders(parts.test) }
    : { train: inFolders(path), test: undefined };
}

/** The pictures of kinds that are not read in the class folders of a folder. */
const otherPictures = (path: string): readonly string[] =>
  Object.values(partsIn(path) ?? { train: path }).flatMap((root) =>
    foldersIn(root).flatMap((label) => filesBelow(join(root, label), otherKinds)),
  );

/** The folders of the two parts, where a folder has them. */
function partsIn(path: string): { readonly train: string; readonly test: string } | undefined {
  const named = foldersIn(path)
    .flatMap((name) => (partOf(name) < 0 ? [] : [{ name, part: partOf(name) }]))
    .sort((a, b) => a.part - b.part);
  const [train, test] = [named.find((p) => p.part === 0), named.find((p) => p.part > 0)];
  return train && test && { train: join(path, train.name), test: join(path, test.name) };
}
